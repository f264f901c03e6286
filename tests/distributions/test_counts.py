"""W1 of negative binomials and zero-inflated counts against SciPy, and other packages' classes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.distributions import Binomial, Distribution, NegativeBinomial, Poisson

import latent_transport as lt
from latent_transport.distributions.counts import count_norm, count_wasserstein1
from latent_transport.distributions.negative_binomial import ZeroInflatedCounts
from latent_transport.distributions.registry import distribution_mean, factors, family_of
from tests.problems import DOUBLE

COUNTS = np.arange(60_000)

counts = st.tuples(
    st.floats(-4, 5).map(np.exp),  # mean
    st.one_of(st.floats(-6, 1).map(np.exp), st.just(0.0)),  # dispersion
    st.one_of(st.floats(0.05, 1), st.just(1.0)),  # weight
)


def above(mean, dispersion, weight):
    """What lies above each count, by SciPy."""
    if dispersion == 0:
        return weight * stats.poisson.sf(COUNTS, mean)
    return weight * stats.nbinom.sf(COUNTS, 1 / dispersion, 1 / (1 + dispersion * mean))


def measure(p, q, **like):
    return count_wasserstein1(*(torch.tensor(x, **(DOUBLE | like))[:, None] for x in (p, q))).item()


@given(p=counts, q=counts)
@settings(deadline=None, max_examples=40)
def test_distance_matches_sums_over_scipys_cdfs(p, q):
    expected = np.abs(above(*p) - above(*q)).sum()
    assert measure(p, q) == pytest.approx(expected, rel=1e-9, abs=1e-13)
    assert measure(q, p) == pytest.approx(expected, rel=1e-9, abs=1e-13)


@given(p=counts, change=st.tuples(*[st.floats(-1e-3, 1e-3)] * 3))
@settings(deadline=None, max_examples=30)
def test_distance_of_neighbours_matches_sums_over_scipys_cdfs(p, change):
    q = tuple(x * (1 + e) for x, e in zip(p, change, strict=True))
    expected = np.abs(above(*p) - above(*q)).sum()
    # Differences of cdfs round in either sum.
    assert measure(p, q) == pytest.approx(expected, rel=1e-7, abs=1e-11 * (1 + p[0]))


@given(p=counts, q=counts, r=counts)
@settings(deadline=None, max_examples=100)
def test_distance_is_a_metric(p, q, r):
    assert measure(p, p) == 0
    assert measure(p, q) <= (measure(p, r) + measure(r, q)) * (1 + 1e-9) + 1e-12


def draw(count, seed):
    x = torch.randn(3, count, generator=torch.Generator().manual_seed(seed), **DOUBLE)
    return torch.stack(((1 + x[0]).exp(), (x[1] - 1).exp(), x[2].sigmoid()))


def test_slopes_match_finite_differences():
    p, q = draw(8, 0).requires_grad_(), draw(8, 1).requires_grad_()
    options = {"eps": 1e-6, "atol": 1e-6, "rtol": 1e-5, "check_forward_ad": True}
    assert torch.autograd.gradcheck(count_wasserstein1, (p, q), **options)


def test_norm_is_the_limit_of_distances():
    p = draw(200, 2)
    dp = p * torch.randn(3, 200, generator=torch.Generator().manual_seed(3), **DOUBLE)
    limit = count_wasserstein1(p, p + 1e-7 * dp) / 1e-7
    torch.testing.assert_close(count_norm(p, dp), limit, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(count_norm(p, -2 * dp), 2 * count_norm(p, dp), rtol=1e-9, atol=0)


def test_single_precision_errs_by_rounding():
    p, q = draw(500, 4).float(), draw(500, 5).float()
    found = count_wasserstein1(p, q)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), count_wasserstein1(p.double(), q.double()))


def test_ordered_counts_are_as_far_apart_as_their_means():
    """One dispersion, whatever the means; and large ones, which no sum would reach."""
    mean = torch.tensor([1e-3, 2.0, 1e4, 1e9, 1e15], **DOUBLE)
    p, q = (NegativeBinomial(3.0, logits=(x / 3).log()) for x in (mean, 1.7 * mean))
    torch.testing.assert_close(lt.wasserstein1(p, q), 0.7 * mean)
    wide = NegativeBinomial(0.5, logits=(mean / 0.5).log())
    assert lt.wasserstein1(p, wide)[:3].isfinite().all()
    assert (lt.wasserstein1(p, wide) >= 0)[:3].all()
    assert lt.wasserstein1(p, wide)[3:].isnan().all()  # with the same mean, no sum and no word


def test_small_dispersion_is_poisson():
    rate = torch.tensor([0.3, 2.0, 40.0], **DOUBLE)
    other = rate.flip(0)
    p, q = (torch.stack((x, 1e-9 + 0 * x, 1 + 0 * x)) for x in (rate, other))
    torch.testing.assert_close(
        count_wasserstein1(p, q), lt.wasserstein1(Poisson(rate), Poisson(other))
    )


# --- Fisher-Rao ---


def log_probabilities(mean, dispersion, weight):
    """Of each count, by SciPy."""
    law = (
        stats.poisson(mean)
        if dispersion == 0
        else stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))
    )
    found = np.log(weight) + law.logpmf(COUNTS)
    found[0] = np.logaddexp(found[0], np.log1p(-weight)) if weight < 1 else found[0]
    return found


def inflated(mean, dispersion, weight):
    mean, dispersion, weight = torch.broadcast_tensors(
        *(torch.as_tensor(x, **DOUBLE) for x in (mean, dispersion, weight))
    )
    return ZeroInflatedCounts(mean.reshape(-1), dispersion.reshape(-1), weight.reshape(-1))


def fisher_rao(p, q):
    family = family_of(p)
    return family.fisher_rao_residuals(family.coordinates(p), family.coordinates(q)).norm(dim=-2)


@given(p=counts, angle=st.floats(0, np.pi))
@settings(deadline=None, max_examples=60)
def test_fisher_rao_of_zero_inflated_counts_is_twice_their_divergence(p, angle):
    mean, dispersion, weight = p
    weight = min(weight, 0.99)
    step = 1e-3 * np.array([np.cos(angle), np.sin(angle)])  # of the logarithm and the log-odds
    odds = weight / (1 - weight)
    ends = [
        (mean * np.exp(s * step[0]), dispersion, 1 / (1 + np.exp(-s * step[1]) / odds))
        for s in (-0.5, 0.5)
    ]
    first, second = (log_probabilities(*end) for end in ends)
    # Halfway between the two Kullback-Leibler divergences the third order cancels.
    seen = np.isfinite(first) & np.isfinite(second)
    difference = (first - second)[seen]
    expected = np.sum(np.exp(second[seen]) * np.expm1(difference) * difference)
    found = float(fisher_rao(*(inflated(*end) for end in ends)).square())
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-15)


@pytest.mark.parametrize("dispersion", [0.0, 0.3, 4.0])
def test_fisher_rao_of_zero_inflated_counts_tends_to_that_of_counts_alone(dispersion):
    """Along a curve without further zeros, whose two parts are those of one distance."""
    means = torch.linspace(-4, 5, 4001, **DOUBLE).exp()
    parts = fisher_rao(inflated(means[:-1], dispersion, 1), inflated(means[1:], dispersion, 1))
    scale = np.sqrt(dispersion or 1e-12)
    sines = np.arcsinh(scale * means[[0, -1]].sqrt().numpy()) * 2 / scale
    assert float(parts.sum()) == pytest.approx(sines[1] - sines[0], rel=1e-6)


def test_fisher_rao_of_zero_inflated_counts_at_the_ends_of_what_there_is():
    """Few counts, many of them, none, always: finite, with finite slopes, in both precisions."""
    x = torch.tensor([0.0, 1e-30, 1e-6, 1.0, 1e6], **DOUBLE)
    weights = torch.tensor([0.0, 1e-9, 0.5, 1.0], **DOUBLE)
    means, weights = (y.reshape(-1) for y in torch.meshgrid(x, weights, indexing="ij"))
    for dtype in (torch.float32, torch.float64):
        for dispersion in (0.0, 1e-3, 50.0):
            ends = [(y.to(dtype) * 1.01).requires_grad_() for y in (means, means * 1.3)]
            p, q = (
                ZeroInflatedCounts(y, torch.tensor(dispersion, dtype=dtype), weights.to(dtype))
                for y in ends
            )
            found = fisher_rao(p, q)
            assert torch.isfinite(found).all()
            squares = family_of(p).fisher_rao_residuals(
                *(family_of(p).coordinates(y) for y in (p, q))
            )
            for slope in torch.autograd.grad(squares.square().sum(), ends):
                assert torch.isfinite(slope).all()


def test_fisher_rao_of_zero_inflated_counts_has_slopes():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(8), **DOUBLE)

    def residuals(mean_p, weight_p, mean_q, weight_q):
        dispersion = torch.tensor([0.0, 0.4, 2.0], **DOUBLE)
        p, q = (
            ZeroInflatedCounts(mean.exp(), dispersion, weight.sigmoid())
            for mean, weight in ((mean_p, weight_p), (mean_q, weight_q))
        )
        family = family_of(p)
        return family.fisher_rao_residuals(family.coordinates(p), family.coordinates(q))

    inputs = [y.clone().requires_grad_() for y in x]
    assert torch.autograd.gradcheck(residuals, inputs, check_forward_ad=True)


# --- As other packages have them ---


class OfScvi(Distribution):
    """The attributes of scvi-tools' classes, which tell torch no batch shape."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, mu, theta):
        self.mu, self.theta = torch.broadcast_tensors(mu, theta)
        super().__init__(validate_args=False)


ScviNegativeBinomial = type("NegativeBinomial", (OfScvi,), {})


class ZeroInflatedNegativeBinomial(ScviNegativeBinomial):
    def __init__(self, mu, theta, zi_logits):
        super().__init__(mu, theta)
        self.zi_logits = zi_logits


class LikeZeroInflatedNegativeBinomial(OfScvi):
    """One that is no child of a negative binomial."""

    def __init__(self, mu, theta, zi_logits):
        super().__init__(mu, theta)
        self.zi_logits = zi_logits


class InflatedChild(NegativeBinomial):
    """One that is a child of torch's own."""

    def __init__(self, mu, theta, zi_logits):
        super().__init__(theta, logits=(mu / theta).log())
        self.mu, self.theta, self.zi_logits = mu, theta, zi_logits


class ZeroInflatedDistribution(Distribution):
    """The attributes of Pyro's class."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, base_dist, gate_logits):
        self.base_dist, self.gate_logits = base_dist, gate_logits
        super().__init__(base_dist.batch_shape, validate_args=False)


def test_scvis_and_pyros_counts_are_read():
    x = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(6), **DOUBLE)
    mu, theta, zi_logits = x[0].exp(), x[1].exp(), x[2]
    plain = NegativeBinomial(theta, logits=(mu / theta).log())
    scvis = ScviNegativeBinomial(mu, theta)
    torch.testing.assert_close(lt.wasserstein1(scvis, plain), torch.zeros(4, 6, **DOUBLE))
    other = NegativeBinomial(theta, logits=x[0])
    exact = fisher_rao(plain, other)  # at any distance
    torch.testing.assert_close(fisher_rao(factors(scvis), other), exact)
    inflated = ZeroInflatedNegativeBinomial(mu, theta, zi_logits)
    torch.testing.assert_close(distribution_mean(inflated), mu * (-zi_logits).sigmoid())
    expected = above(*(y[0, 0].item() for y in (mu, 1 / theta, (-zi_logits).sigmoid())))
    expected = np.abs(above(mu[0, 0].item(), 1 / theta[0, 0].item(), 1) - expected).sum()
    assert lt.wasserstein1(inflated, plain)[0, 0].item() == pytest.approx(expected)
    for cls in (LikeZeroInflatedNegativeBinomial, InflatedChild):
        assert (lt.wasserstein1(cls(mu, theta, zi_logits), inflated) == 0).all()
    pyros = ZeroInflatedDistribution(plain, zi_logits)
    assert (lt.wasserstein1(pyros, inflated) < 1e-12).all()
    poisson = ZeroInflatedDistribution(Poisson(mu), zi_logits)
    alike = ZeroInflatedCounts(mu, 0 * mu, (-zi_logits).sigmoid())
    assert (lt.wasserstein1(poisson, alike) == 0).all()


@pytest.mark.parametrize("shared", [True, False])
def test_geodesics_of_a_single_cell_decoder(shared):
    """As scvi decodes: a share of the library, a dispersion a gene or a cell, dropout."""
    generator = torch.Generator().manual_seed(7)
    inner = torch.randn(2, 16, generator=generator)
    outer = torch.randn(16, 3 * 30, generator=generator) / 3
    theta = torch.randn(30, generator=generator).exp()

    def decoder(z):
        share, dispersion, dropout = ((z @ inner).tanh() @ outer).chunk(3, -1)
        rate = theta if shared else theta * (dispersion / 3).exp()
        return ZeroInflatedNegativeBinomial(200 * share.softmax(-1), rate, dropout - 1)

    z0, z1 = torch.randn(2, 4, 2, generator=generator)
    geometry = lt.Wasserstein1(decoder)
    paths = lt.connecting_geodesics(geometry, z0, z1)
    assert paths.converged.all()
    assert (paths.length >= geometry.distance(z0, z1) * (1 - 1e-4)).all()
    assert lt.connecting_geodesics(lt.Euclidean(decoder), z0, z1).converged.all()
    information = lt.FisherRao(decoder)
    if not shared:
        with pytest.raises(ValueError, match="known for one dispersion"):
            lt.connecting_geodesics(information, z0, z1)
        return
    paths = lt.connecting_geodesics(information, z0, z1)
    assert paths.converged.all()
    t = torch.linspace(0, 1, 2000)
    z = paths(t)  # (4, 2000, 2)
    length = information.distance(z[:, :-1], z[:, 1:]).sum(-1)
    torch.testing.assert_close(paths.length, length, rtol=2e-3, atol=0)


# --- Binomials ---


def test_binomials_of_one_total_count_are_ordered():
    generator = torch.Generator().manual_seed(8)
    probs, others = torch.rand(2, 6, generator=generator, **DOUBLE)
    p, q = (Binomial(torch.tensor(12.0, **DOUBLE), x) for x in (probs, others))
    found = lt.wasserstein1(p, q)
    values = np.arange(13)
    for value, a, b in zip(found.tolist(), probs.tolist(), others.tolist(), strict=True):
        pmfs = (stats.binom.pmf(values, 12, x) for x in (a, b))
        assert value == pytest.approx(stats.wasserstein_distance(values, values, *pmfs))
    family = family_of(p)
    angle = family.fisher_rao_residuals(family.coordinates(p), family.coordinates(q)).abs()
    expected = 2 * 12**0.5 * (probs.sqrt().asin() - others.sqrt().asin()).abs()
    torch.testing.assert_close(angle.squeeze(-2), expected)


def test_binomials_of_other_total_counts_are_refused():
    p, q = (Binomial(torch.tensor([n]), torch.tensor([0.5])) for n in (3.0, 4.0))
    with pytest.raises(ValueError, match="one total count > 0 a variable"):
        lt.wasserstein1(p, q)
    with pytest.raises(ValueError, match="or of none"):
        lt.wasserstein1(*[Binomial(torch.tensor([0.0]), torch.tensor([0.5]))] * 2)
