"""What holds of every family of distributions; a new one is tested by a line in FAMILIES."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    ContinuousBernoulli,
    Distribution,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    Independent,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
)

from latent_transport.distributions.dirac import Dirac
from latent_transport.distributions.family import Family
from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.negative_binomial import ZeroInflatedCounts
from latent_transport.distributions.registry import distribution_mean, family_of
from latent_transport.distributions.wasserstein import product_wasserstein1, wasserstein1
from tests.problems import DOUBLE


def make_mixture(x: Tensor) -> DiscretizedLogisticMixture:
    logits, loc, scale = x.chunk(3, -1)
    return DiscretizedLogisticMixture(logits, 128 + 60 * loc, 8 * scale.exp())


def grid_probabilities(p: Distribution) -> tuple[Tensor, Tensor]:
    """Values (n,) and probabilities (..., n) of continuous laws rounded to a fine grid."""
    edges = torch.arange(-60, 60, 0.001, **DOUBLE)
    inside = edges.clamp(min=getattr(p.support, "lower_bound", -60))  # torch refuses others
    every = p.expand((len(edges), *p.batch_shape))
    cdf = every.cdf(inside.view(-1, *[1] * len(p.batch_shape)))
    return (edges[1:] + edges[:-1]) / 2, cdf.diff(dim=0).movedim(0, -1)


def scipy_probabilities(p: Distribution) -> tuple[Tensor, Tensor]:
    """The same of those whose cdf torch lacks, or does not differentiate."""
    edges = np.arange(-200, 200, 0.002)
    if isinstance(p, StudentT):
        law = stats.t(*(x[..., None].numpy() for x in (p.df, p.loc, p.scale)))
    elif isinstance(p, Gumbel):
        law = stats.gumbel_r(p.loc[..., None].numpy(), p.scale[..., None].numpy())
    elif isinstance(p, Gamma):
        law = stats.gamma(p.concentration[..., None].numpy(), scale=1 / p.rate[..., None].numpy())
    else:
        edges = np.linspace(0, 1, 300_001)
        law = stats.beta(*(x[..., None].numpy() for x in (p.concentration1, p.concentration0)))
    return torch.tensor((edges[1:] + edges[:-1]) / 2), torch.tensor(np.diff(law.cdf(edges)))


def tilted_probabilities(p: Distribution) -> tuple[Tensor, Tensor]:
    """The same of densities on [0, 1] whose logarithm has the slope of the logit."""
    edges = np.linspace(0, 1, 300_001)
    slope = p.logits[..., None].numpy()
    cdf = np.expm1(slope * edges) / np.expm1(slope)
    return torch.tensor((edges[1:] + edges[:-1]) / 2), torch.tensor(np.diff(cdf))


def level_probabilities(p: Distribution) -> tuple[Tensor, Tensor]:
    probabilities = (
        p.probs if p.probs.shape != p.batch_shape else torch.stack((1 - p.probs, p.probs), -1)
    )
    return torch.arange(probabilities.shape[-1], **DOUBLE), probabilities


def count_probabilities(p: Distribution) -> tuple[Tensor, Tensor]:
    total = getattr(p, "total_count", None) if isinstance(p, Binomial) else None
    counts = torch.arange(400 if total is None else int(total.max()) + 1, **DOUBLE)
    return counts, p.log_prob(counts.view(-1, *[1] * len(p.batch_shape))).exp().movedim(0, -1)


def inflated_probabilities(p: ZeroInflatedCounts) -> tuple[Tensor, Tensor]:
    base = NegativeBinomial(1 / p.dispersion, logits=(p.dispersion * p.location).log())
    counts, probabilities = count_probabilities(base)
    weight = p.weight[..., None]
    return counts, weight * probabilities + (1 - weight) * (counts == 0)


def split_probabilities(p: Dirac) -> tuple[Tensor, Tensor]:
    """Values (n,) and probabilities (..., n): each mass on its neighbours, in proportion."""
    values = torch.arange(-20, 21, **DOUBLE)
    return values, (1 - (p.value[..., None] - values).abs()).clamp(min=0)


@dataclass(frozen=True)
class Case:
    """``numbers`` normal variates a variable give a distribution; what they mean is up to it.

    ``law`` gives the values (n,) and the probabilities (..., n) of distributions, for SciPy.
    """

    make: Callable[[Tensor], Distribution]
    numbers: int
    law: Callable[[Distribution], tuple[Tensor, Tensor]] = level_probabilities
    rounding: float = 1e-9  # of the law
    varies: bool = False  # in a parameter that must be the same for more than W1

    def draw(self, *shape: int, seed: int = 0, **like) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(*shape, self.numbers, generator=generator, **DOUBLE).to(**like)


FAMILIES = {
    "normal": Case(lambda x: Normal(3 * x[..., 0], x[..., 1].exp()), 2, grid_probabilities, 1e-5),
    "laplace": Case(
        lambda x: Laplace(3 * x[..., 0], (x[..., 1] / 2 - 1).exp()), 2, grid_probabilities, 1e-5
    ),
    "gumbel": Case(
        lambda x: Gumbel(3 * x[..., 0], (x[..., 1] / 2 - 1).exp()), 2, scipy_probabilities, 1e-5
    ),
    "student t": Case(
        lambda x: StudentT(torch.tensor(5.0).to(x), x[..., 0], (x[..., 1] / 2).exp()),
        *(2, scipy_probabilities, 1e-5),
    ),
    "log-normal": Case(
        lambda x: LogNormal(x[..., 0] / 2, (x[..., 1] / 30 - 1).exp()),
        *(2, grid_probabilities, 1e-5),
    ),
    "gamma": Case(
        lambda x: Gamma((x[..., 0] / 8 + 1).exp(), (x[..., 1] / 8).exp()),
        *(2, scipy_probabilities, 1e-5),
    ),
    "beta": Case(
        lambda x: Beta((x[..., 0] / 8 + 1).exp(), (x[..., 1] / 8).exp()),
        *(2, scipy_probabilities, 1e-5),
    ),
    "mixture of normals": Case(
        lambda x: MixtureSameFamily(
            Categorical(logits=x[..., :2]), Normal(3 * x[..., 2:4], (x[..., 4:] / 4).exp())
        ),
        *(6, grid_probabilities, 1e-5),
    ),
    "exponential": Case(
        lambda x: Exponential((x[..., 0] / 2 + 1).exp()), 1, grid_probabilities, 1e-5
    ),
    "half normal": Case(lambda x: HalfNormal((x[..., 0] / 2).exp()), 1, grid_probabilities, 1e-5),
    "poisson": Case(lambda x: Poisson(x[..., 0].exp()), 1, count_probabilities),
    "geometric": Case(lambda x: Geometric(logits=x[..., 0]), 1, count_probabilities),
    "binomial": Case(
        lambda x: Binomial(torch.tensor(9.0).to(x), logits=x[..., 0]), 1, count_probabilities
    ),
    "negative binomial": Case(
        lambda x: NegativeBinomial(torch.tensor(1.5).to(x), logits=x[..., 0] / 2),
        *(1, count_probabilities),
    ),
    "negative binomial of any dispersion": Case(
        lambda x: NegativeBinomial((x[..., 0] / 10).exp(), logits=x[..., 1] / 12),
        *(2, count_probabilities),
        varies=True,
    ),
    "zero-inflated counts": Case(
        lambda x: ZeroInflatedCounts(
            (1 + x[..., 0] / 8).exp(), (x[..., 1] / 10).exp(), x[..., 2].sigmoid()
        ),
        *(3, inflated_probabilities),
        varies=True,
    ),
    "dirac": Case(lambda x: Dirac(3 * x[..., 0]), 1, split_probabilities),
    "bernoulli": Case(lambda x: Bernoulli(logits=x[..., 0]), 1),
    "continuous bernoulli": Case(
        lambda x: ContinuousBernoulli(logits=4 * x[..., 0]), 1, tilted_probabilities, 1e-9
    ),
    "categorical": Case(lambda x: Categorical(logits=x), 4),
    "logistic": Case(lambda x: make_mixture(torch.cat((0 * x[..., :1], x), -1)), 2),
    "mixture of 2": Case(make_mixture, 6),
    "mixture of 5": Case(make_mixture, 15),
}
every_family = pytest.mark.parametrize("case", FAMILIES.values(), ids=FAMILIES)
RESIDUALS = ("wasserstein2_residuals", "fisher_rao_residuals")


def coordinates(case: Case, x: Tensor) -> Tensor:
    distribution = case.make(x)
    return family_of(distribution).coordinates(distribution)


@given(case=st.sampled_from(list(FAMILIES.values())), seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_wasserstein1_is_a_metric(case, seed):
    p, q, r = (case.make(x) for x in case.draw(3, 4, 3, seed=seed))
    for distance in (wasserstein1, product_wasserstein1):
        forth = distance(p, q)
        assert (forth > 0).all()
        torch.testing.assert_close(forth, distance(q, p), rtol=1e-9, atol=1e-9)
        assert (forth <= distance(p, r) + distance(r, q) + 1e-6).all()


@every_family
def test_equal_distributions_have_distance_and_gradient_zero(case):
    x = case.draw(5, 3).requires_grad_()
    for distance in (wasserstein1, product_wasserstein1):
        value = distance(case.make(x), case.make(x.detach()))
        assert (value == 0).all()
        (gradient,) = torch.autograd.grad(value.sum(), x)
        assert (gradient == 0).all()


@every_family
def test_wasserstein1_matches_scipy_and_pot(case):
    p, q = (case.make(x) for x in case.draw(2, 6))
    found = wasserstein1(p, q)
    (values, first), (_, second) = (map(np.asarray, case.law(x)) for x in (p, q))
    for value, a, b in zip(found.tolist(), first, second, strict=True):
        near = pytest.approx(value, rel=max(1e-6, case.rounding), abs=1e-7)
        assert stats.wasserstein_distance(values, values, a, b) == near
        assert float(ot.wasserstein_1d(values, values, a / a.sum(), b / b.sum())) == near


@every_family
def test_mean_is_that_of_the_distribution(case):
    p = case.make(case.draw(6, 3))
    values, probabilities = case.law(p)
    found = distribution_mean(p)
    options = {"rtol": 1e-6, "atol": 1e-6}
    torch.testing.assert_close(found, probabilities @ values, **options)
    if not p.mean.isnan().any():  # torch gives categorical distributions none
        torch.testing.assert_close(found, p.mean, **options)


@every_family
def test_norm_is_the_limit_of_distances(case):
    x, dx = case.draw(20, 3), case.draw(20, 3, seed=1)
    at, velocity = torch.func.jvp(lambda at: coordinates(case, at), (x,), (dx,))
    family, eps = family_of(case.make(x)), 1e-6
    norm = family.wasserstein1_norm(at, velocity)
    limit = wasserstein1(case.make(x), case.make(x + eps * dx)) / eps
    torch.testing.assert_close(norm, limit, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(family.wasserstein1_norm(at, -3 * velocity), 3 * norm)
    assert (family.wasserstein1_norm(at, 0 * velocity) == 0).all()


@every_family
def test_slopes_match_finite_differences(case):
    x, y = case.draw(2, 2, 2)
    options = {"eps": 1e-6, "atol": 1e-5, "rtol": 1e-4, "check_forward_ad": True}
    inputs = (x.requires_grad_(), y.requires_grad_())
    family = family_of(case.make(x))

    def distance(x, y):
        return wasserstein1(case.make(x), case.make(y))

    assert torch.autograd.gradcheck(distance, inputs, **options)
    assert torch.autograd.gradcheck(
        lambda x: distribution_mean(case.make(x)), inputs[:1], **options
    )
    at, dp = (
        coordinates(case, x.detach()),
        coordinates(case, y.detach()) - coordinates(case, x.detach()),
    )
    norm = torch.autograd.gradcheck(
        lambda dp: family.wasserstein1_norm(at, dp), (dp.requires_grad_(),), rtol=1e-4, atol=1e-5
    )
    assert norm


@every_family
@pytest.mark.parametrize("name", RESIDUALS)
def test_residuals_are_zero_for_equals_symmetric_and_differentiable_or_refused(case, name):
    x, y = case.draw(2, 4, 3)
    p, q = coordinates(case, x), coordinates(case, y)
    family = family_of(case.make(x))
    residuals = getattr(family, name)
    if getattr(type(family), name) is getattr(Family, name):
        with pytest.raises(TypeError, match=f"of {family.plural} is not supported, only that of"):
            residuals(p, q)
        return
    if case.varies:
        with pytest.raises(ValueError, match=f"of {family.plural} is known for one"):
            residuals(p, q)
        return
    forth = residuals(p, q).square().sum(-2)
    assert forth.shape == (4, 3)
    assert (forth > 0).all()
    torch.testing.assert_close(residuals(q, p).square().sum(-2), forth)
    assert (residuals(p, p) == 0).all()
    ends = (p[:2].detach().requires_grad_(), p[2:].detach().requires_grad_())
    assert torch.autograd.gradcheck(residuals, ends, atol=1e-6, rtol=1e-4)
    equal = (p.detach().requires_grad_(), p.detach().requires_grad_())
    for gradient in torch.autograd.grad(residuals(*equal).sum(), equal):
        assert torch.isfinite(gradient).all()


@every_family
def test_batch_shapes_broadcast_and_expand(case):
    x, y = case.draw(4, 1, 3), case.draw(5, 3, seed=1)
    p, q = case.make(x), case.make(y)
    found = wasserstein1(p, q)
    assert found.shape == (4, 5, 3)
    torch.testing.assert_close(found, wasserstein1(p.expand((4, 5, 3)), q.expand((4, 5, 3))))
    torch.testing.assert_close(found[2, 3], wasserstein1(case.make(x[2, 0]), case.make(y[3])))
    torch.testing.assert_close(found, wasserstein1(Independent(p, 1), Independent(q, 2)))
    assert distribution_mean(p).shape == (4, 1, 3)


@every_family
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes(case, dtype):
    x, y = case.draw(2, 50, 3)
    p, q = case.make(x), case.make(y)
    first, second = (case.make(z.to(dtype)) for z in (x, y))
    pairs = [
        (wasserstein1(first, second), wasserstein1(p, q)),
        (distribution_mean(first), distribution_mean(p)),
    ]
    for found, expected in pairs:
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


@given(case=st.sampled_from(list(FAMILIES.values())), seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=100)
def test_extreme_members_in_single_precision(case, seed):
    """Scales from 1e-26 to 1e26 of normals, 1e-12 to 1e14 of logistics, logits up to +-60."""
    x, y = (20 * case.draw(2, 6, seed=seed).clamp(-3, 3)).float()
    if isinstance(case.make(0 * x), DiscretizedLogisticMixture):
        x, y = x / 2, y / 2
    p, q = (coordinates(case, z) for z in (x, y))
    family, dp = family_of(case.make(x)), p - q
    exact = [z.double() for z in (p, q, dp)]
    discretised = isinstance(case.make(x), DiscretizedLogisticMixture)
    # The closed form subtracts sums as large as the scale; beyond its range there is another.
    atol = 1e-3 if discretised else 1e-4
    pairs = [
        (family.wasserstein1(p, q), family.wasserstein1(*exact[:2]), atol),
        (family.mean(p), family.mean(exact[0]), atol),
    ]
    for name in RESIDUALS:
        # The information of logistics is summed in a range of scales of its own.
        known = getattr(type(family), name) is not getattr(Family, name) and not case.varies
        if known and not (discretised and name == "fisher_rao_residuals"):
            residuals = getattr(family, name)
            pairs.append((residuals(p, q), residuals(*exact[:2]), atol))
    for found, expected, allowed in pairs:
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=allowed)
    found, expected = family.wasserstein1_norm(p, dp), family.wasserstein1_norm(exact[0], exact[2])
    # A norm is as large as what it is taken of, and so is its rounding.
    rounding = atol + 1e-4 * expected + 1e-6 * dp.abs().sum(-2)
    assert ((found - expected).abs() <= rounding).all()
    assert (family.wasserstein1(p, p) == 0).all()
    ends = [z.clone().requires_grad_() for z in (x, y)]
    distance = wasserstein1(*(case.make(z) for z in ends))
    for gradient in torch.autograd.grad(distance.sum(), ends):
        assert torch.isfinite(gradient).all()


@every_family
def test_shapes_alone_are_enough(case):
    x, y = case.draw(2, 4, 3)
    p, q = (coordinates(case, z).to("meta") for z in (x, y))
    family = family_of(case.make(x))
    assert p.shape[0::2] == (4, 3)
    assert family.wasserstein1(p, q).shape == (4, 3)
    assert family.wasserstein1_norm(p, q).shape == (4, 3)
    assert family.mean(p).shape == (4, 3)


@every_family
def test_distributions_without_variables_are_named(case):
    scalar = case.make(case.draw())
    with pytest.raises(ValueError, match=r"batch shape \(\).*expand\(\(1,\)\)"):
        wasserstein1(scalar, scalar)
    assert wasserstein1(scalar.expand((1,)), scalar.expand((1,))).shape == (1,)
