"""Families of distributions: means, W2 and Fisher-Rao against SciPy and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Gamma,
    NegativeBinomial,
    Normal,
    Poisson,
    kl_divergence,
)

from latent_transport.distributions import fisher
from latent_transport.distributions.fisher import logistic_information
from latent_transport.distributions.logistic import LogisticFamily
from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.normal import NormalFamily
from latent_transport.distributions.registry import family_of
from latent_transport.distributions.wasserstein import wasserstein1
from latent_transport.kernels import native
from latent_transport.kernels.dispatch import backend
from latent_transport.kernels.logistic import logistic_norm
from tests.problems import DOUBLE, make_network

LEVELS = torch.arange(256, **DOUBLE)
locations = st.floats(-20.0, 275.0)
scales = st.floats(np.log(0.2), np.log(100.0)).map(np.exp)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def coordinates(family, count=8, seed=0):
    """The family, its distributions at random latent points, and their coordinates."""
    distribution = make_network(family)(3 * draw(count, 2, seed=seed))
    found = family_of(distribution)
    return found, distribution, found.coordinates(distribution)


@given(st.lists(st.tuples(st.floats(-5, 5), locations, scales), min_size=1, max_size=5))
@settings(deadline=None, max_examples=60)
def test_mean_of_logistics_matches_the_probabilities(parameters):
    logits, loc, scale = torch.tensor(parameters, **DOUBLE).T
    distribution = DiscretizedLogisticMixture(logits[None], loc, scale)
    family = family_of(distribution)
    expected = distribution.probs @ LEVELS
    torch.testing.assert_close(
        family.mean(family.coordinates(distribution)), expected, rtol=1e-6, atol=1e-6
    )


def test_wasserstein2_of_normals_matches_the_quantile_integral():
    family, _, p = coordinates("normal", 2)
    squares = family.wasserstein2_residuals(p[0], p[1]).square().sum(-2)
    for i, square in enumerate(squares):
        first, second = p[0, :, i].tolist(), p[1, :, i].tolist()
        expected, _ = integrate.quad(
            lambda u, a=first, b=second: (stats.norm.ppf(u, *a) - stats.norm.ppf(u, *b)) ** 2,
            *(0, 1),
            limit=400,
        )
        assert float(square) == pytest.approx(expected, rel=1e-6)


def test_fisher_rao_of_normals_is_hyperbolic():
    family, _, p = coordinates("normal")
    (m, s), (n, t) = p[:4].unbind(1), p[4:].unbind(1)
    cosh = 1 + ((m - n).square() / 2 + (s - t).square()) / (2 * s * t)
    expected = 2**0.5 * torch.acosh(cosh)
    found = family.fisher_rao_residuals(p[:4], p[4:]).square().sum(-2).sqrt()
    torch.testing.assert_close(found, expected)


def test_fisher_rao_of_bernoullis_and_categoricals_is_an_angle():
    for name in ("bernoulli", "categorical"):
        family, distribution, p = coordinates(name)
        probs = distribution.probs
        if name == "bernoulli":
            probs = torch.stack((1 - probs, probs), -1)
        expected = 2 * torch.acos((probs[:4] * probs[4:]).sqrt().sum(-1))
        found = family.fisher_rao_residuals(p[:4], p[4:]).square().sum(-2).sqrt()
        torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("step", [1e-1, 1e-2, 1e-3, 3e-4, 1e-5])
def test_fisher_rao_is_exact_for_any_step(step):
    """Two values are a Bernoulli variable; a normal of fixed mean has a logarithmic scale."""
    p, q = (torch.tensor([[x]], **DOUBLE) for x in (0.3, 0.3 + step))
    categorical, bernoulli, normal = (
        coordinates(name)[0] for name in ("categorical", "bernoulli", "normal")
    )
    two = [torch.cat((x, 1 - x)) for x in (p, q)]
    torch.testing.assert_close(
        categorical.fisher_rao_residuals(*two).norm(),
        bernoulli.fisher_rao_residuals(*two).norm(),
        rtol=1e-10,
        atol=0,
    )
    pair = (torch.cat((0 * x, x)) for x in (p, q))
    expected = 2**0.5 * torch.log1p(torch.tensor(step / 0.3, **DOUBLE))
    torch.testing.assert_close(
        normal.fisher_rao_residuals(*pair).norm(), expected, rtol=1e-10, atol=0
    )


@pytest.mark.parametrize("name", ["normal", "bernoulli", "categorical", "logistic"])
def test_fisher_rao_of_close_distributions_is_accurate_in_single_precision(name):
    family, _, p = coordinates(name)
    p, dp = p.float(), 1e-4 * draw(*p.shape, seed=1).float()
    if name == "categorical":
        dp = dp - dp.mean(-2, keepdim=True)
    q = (p + dp * p.abs()).clamp(min=1e-3)
    single = family.fisher_rao_residuals(p, q).double()
    double = family.fisher_rao_residuals(p.double(), q.double())
    torch.testing.assert_close(single, double, rtol=2e-3, atol=1e-5 * double.abs().max())


def fisher_rao(p, q):
    """Fisher-Rao distances of two distributions of batch shape (D,)."""
    family = family_of(p)
    return family.fisher_rao_residuals(family.coordinates(p), family.coordinates(q)).norm(dim=-2)


exponents = {torch.float32: 36, torch.float64: 290}  # of 10, in which a dtype has normal numbers


@given(st.floats(-1, 1), st.floats(-3, 3), st.floats(-3, 3), st.sampled_from(list(exponents)))
@example(unit=-0.609375, shift=0.0, log_ratio=1.5, dtype=torch.float32)
@settings(deadline=None, max_examples=100)
def test_fisher_rao_of_normals_knows_no_unit(unit, shift, log_ratio, dtype):
    unit = 10 ** (unit * (exponents[dtype] - 4))
    x = torch.tensor([0, unit, shift * unit, 10**log_ratio * unit], dtype=dtype, requires_grad=True)
    m, s, n, t = x.detach().double()
    found = fisher_rao(Normal(x[:1], x[1:2]), Normal(x[2:3], x[3:]))
    chord = torch.hypot((m - n) / 2**0.5, s - t) / s.sqrt() / t.sqrt() / 2
    expected = 2 * 2**0.5 * torch.asinh(chord)
    torch.testing.assert_close(found.double(), expected[None], rtol=2e-6, atol=1e-18)
    (slope,) = torch.autograd.grad(found.square().sum(), x) if chord > 0 else (0 * x,)
    # In logarithms of the scales, and locations in their units, slopes are of order one.
    assert torch.isfinite(slope).all()
    assert (slope[1:2] * x[1] + slope[3:] * x[3] + slope[2] * x[2]).abs() < 1e-3 * (1 + found**2)


@given(st.floats(-1, 1), st.floats(-1, 1), st.sampled_from(list(exponents)))
@settings(deadline=None, max_examples=60)
def test_fisher_rao_of_concentric_normals_is_a_logarithm_of_any_ratio(first, second, dtype):
    scales = [10 ** (x * exponents[dtype] / 1.01) for x in (first, second)]
    s, t = torch.tensor(scales, dtype=dtype).split(1)
    expected = 2**0.5 * (s.double().log() - t.double().log()).abs()
    found = fisher_rao(Normal(0 * s, s), Normal(0 * t, t))
    torch.testing.assert_close(found.double(), expected, rtol=2e-6, atol=2e-6)


def test_fisher_rao_of_distant_narrow_normals():
    p, q = (Normal(torch.tensor([x]), torch.tensor([1e-30])) for x in (0.0, 1.0))
    expected = 2 * 2**0.5 * np.arcsinh(1e30 / 8**0.5)
    assert float(fisher_rao(p, q)) == pytest.approx(expected, rel=1e-6)


@given(st.floats(-85, 85), st.floats(-85, 85), st.sampled_from([torch.float32, torch.float64]))
@settings(deadline=None, max_examples=100)
def test_fisher_rao_of_bernoullis_from_logits_loses_neither_end(first, second, dtype):
    logits = torch.tensor([first, second], dtype=dtype)[:, None].requires_grad_()
    found = fisher_rao(*(Bernoulli(logits=x) for x in logits))
    a, b = logits.detach().double().squeeze(-1)
    expected = 2 * torch.atan2(((a - b) / 4).sinh(), ((a + b) / 4).cosh())
    rounding = torch.finfo(dtype).eps / (torch.minimum(a.abs(), b.abs()) / 2).cosh()
    assert (found - expected.abs()).abs() <= 1e-5 * expected.abs() + 2 * rounding
    # The angle 2 atan(exp(logit/2)) has the slope 1/(2 cosh(logit/2)).
    slopes = expected / torch.stack((a / 2, -b / 2)).cosh() * torch.tensor([1, -1])
    if first != second:
        (found,) = torch.autograd.grad(found.square().sum(), logits)
        torch.testing.assert_close(
            found[:, 0].double(), slopes, rtol=1e-4, atol=4 * float(rounding)
        )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(-18, -30, 2.462e-4), (-20, -10, 0.013385), (18, 30, 2.462e-4), (-80, 80, 3.14159)],
)
def test_fisher_rao_of_bernoullis_does_not_depend_on_what_was_asked_before(first, second, expected):
    p, q = (Bernoulli(logits=torch.tensor([float(x)])) for x in (first, second))
    assert float(fisher_rao(p, q)) == pytest.approx(expected, rel=2e-4)
    assert p.probs.shape == q.probs.shape == (1,)
    assert float(fisher_rao(p.expand((2,)), q)[1]) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("asked", [False, True])
def test_fisher_rao_of_bernoullis_from_probabilities(dtype, asked):
    probs = torch.tensor([0, 1e-30, 1e-9, 0.3, 0.5, 1 - 1e-3, 1], dtype=dtype)
    p, q = Bernoulli(probs[:, None]), Bernoulli(probs)
    if asked:  # of torch, which then keeps logits that are cut off
        assert p.logits.isfinite().all()
    exact = probs.double()
    turn = torch.where(exact < 0.5, exact.sqrt().asin(), np.pi / 2 - (1 - exact).sqrt().asin())
    expected = 2 * (turn[:, None] - turn).abs()
    family = family_of(p)
    found = family.fisher_rao_residuals(family.coordinates(p), family.coordinates(q)).squeeze(-2)
    torch.testing.assert_close(
        found.abs().double(), expected, rtol=3e-6, atol=1e-8 if asked else 1e-15
    )
    assert torch.equal(wasserstein1(p, q), (probs[:, None] - probs).abs())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "concentration"), [(2, 0.01), (10, 0.1), (5000, 0.1), (5000, 0.001)])
def test_fisher_rao_of_sparse_categoricals(n, concentration, dtype):
    rng = np.random.default_rng(n)
    p, q = torch.tensor(rng.dirichlet(np.full(n, concentration), (2, 8))).to(dtype)
    p, q = (x / x.sum(-1, keepdim=True) for x in (p, q))
    p[0], q[0] = 0, 0
    p[0, 0] = q[0, -1] = 1
    distance = fisher_rao(*(Categorical(x) for x in (p, q))).double()
    p, q = p.double(), q.double()
    p, q = p / p.sum(-1, keepdim=True), q / q.sum(-1, keepdim=True)
    expected = 4 * ((p.sqrt() - q.sqrt()).norm(dim=-1) / 2).asin()
    torch.testing.assert_close(distance, expected, rtol=2e-6, atol=2e-6)
    torch.testing.assert_close(distance[0], torch.tensor(np.pi, **DOUBLE), rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("family", [Bernoulli, Categorical])
def test_slopes_of_fisher_rao_are_finite_at_impossible_events_and_0_where_equal(family, dtype):
    ends = torch.tensor([[0, 0.5, 0.5], [0, 1, 0], [0.3, 0, 0.7]], dtype=dtype)
    x, y = ends[:, None].clone().requires_grad_(), ends.clone().requires_grad_()
    found = fisher_rao_squares(family, x, y)
    for gradient in torch.autograd.grad(found.sum(), (x, y)):
        assert torch.isfinite(gradient).all()
    for gradient in torch.autograd.grad(fisher_rao_squares(family, y, y.detach()).sum(), y):
        assert (gradient == 0).all()


def fisher_rao_squares(family, x, y):
    p, q = (family(probs=z) for z in (x, y))
    coordinates = family_of(p).coordinates
    return family_of(p).fisher_rao_residuals(coordinates(p), coordinates(q)).square().sum(-2)


@pytest.mark.parametrize("name", ["normal", "bernoulli", "categorical"])
def test_slopes_of_fisher_rao_match_finite_differences_far_out(name):
    """In logits and logarithms of scales, in which extreme distributions are smooth."""

    def residuals(x, y):
        if name == "normal":
            p, q = (Normal(z[..., 0], (20 * z[..., 1]).exp()) for z in (x, y))
        else:
            law = Bernoulli if name == "bernoulli" else Categorical
            p, q = (law(logits=30 * z) for z in (x, y))
        family = family_of(p)
        return family.fisher_rao_residuals(family.coordinates(p), family.coordinates(q))

    ends = tuple(draw(5, 3, 2, seed=seed).requires_grad_() for seed in (0, 1))
    assert torch.autograd.gradcheck(residuals, ends, eps=1e-7, atol=1e-6, check_forward_ad=True)
    mapped = torch.vmap(residuals)(*ends)
    torch.testing.assert_close(
        mapped, torch.stack([residuals(*x) for x in zip(*ends, strict=True)])
    )


def dense_information(loc, scale):
    """Fisher information of the 256 probabilities, times the scale squared, by autograd."""

    def log_probabilities(parameters):
        m, s = parameters.view(2, 1, 1)
        logistic = DiscretizedLogisticMixture(0 * m, m, s, validate_args=False)
        return logistic.log_prob(LEVELS)

    at = torch.stack((loc, scale))
    scores = torch.func.jacfwd(log_probabilities)(at) * scale  # (256, 2)
    weighted = log_probabilities(at).exp()[:, None] * scores
    return (scores.mT @ weighted)[[0, 0, 1], [0, 1, 1]]


# What sums the terms: PyTorch, and the library in C where it was built.
summed_by = pytest.mark.parametrize("name", ["eager", "c"] if native.load() else ["eager"])


@summed_by
@given(locations, scales)
@settings(deadline=None, max_examples=40)
def test_logistic_information_and_its_slopes_match_dense_sums(name, loc, scale):
    at = torch.tensor([loc, scale], **DOUBLE)
    expected = dense_information(*at)
    slopes = torch.func.jacrev(lambda x: dense_information(*x))(at)
    with backend(name):
        torch.testing.assert_close(logistic_information(*at), expected, rtol=1e-9, atol=1e-12)
        for transform in (torch.func.jacrev, torch.func.jacfwd):
            found = transform(lambda x: logistic_information(*x))(at)
            torch.testing.assert_close(found, slopes, rtol=1e-8, atol=1e-11)


logistics = torch.tensor(
    [[-3.0, 1.5], [0.4, 3.0], [127.3, 0.4], [128.0, 40.0], [254.0, 0.8], [262.0, 5.0]], **DOUBLE
).mT[None]  # (1, 2, 6)


def test_fisher_rao_of_close_logistics_is_the_quadratic_form_of_their_information():
    family, _, _ = coordinates("logistic")
    change = 1e-4 * draw(1, 2, 6)
    found = family.fisher_rao_residuals(logistics + change, logistics - change).square().sum(-2)
    by_loc, mixed, by_scale = torch.stack(
        [dense_information(*x) / x[1] ** 2 for x in logistics[0].mT], -1
    )
    dloc, dscale = 2 * change[0]
    expected = by_loc * dloc**2 + 2 * mixed * dloc * dscale + by_scale * dscale**2
    torch.testing.assert_close(found[0], expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize("name", ["normal", "bernoulli", "categorical", "logistic"])
def test_slopes_of_residuals_match_finite_differences(name):
    family, _, p = coordinates(name, 2)
    ends = [logistics + draw(1, 2, 6) / 10, logistics] if name == "logistic" else [p[:1], p[1:]]
    for residuals in (family.fisher_rao_residuals, family.wasserstein2_residuals):
        if residuals == family.wasserstein2_residuals and name in ("bernoulli", "categorical"):
            continue
        inputs = [x.clone().requires_grad_() for x in ends]
        assert torch.autograd.gradcheck(residuals, inputs, atol=1e-6, rtol=1e-5)
    assert torch.autograd.gradcheck(family.mean, inputs[:1], atol=1e-5, rtol=1e-5)


def test_logistic_information_of_a_smooth_interior_logistic():
    found = logistic_information(torch.tensor(128.0), torch.tensor(6.0))
    expected = torch.tensor([1 / 3, 0, (3 + np.pi**2) / 9])
    torch.testing.assert_close(found, expected, rtol=5e-3, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 0.02, 0.3, 10.0, 1e4, 1e9])
@summed_by
def test_logistic_information_is_finite_with_finite_slopes(name, dtype, scale):
    loc = torch.linspace(-300, 600, 601, dtype=dtype).requires_grad_()
    scales = torch.full_like(loc, scale).requires_grad_()
    with backend(name):
        value = logistic_information(loc, scales)
    assert torch.isfinite(value).all()
    assert (value[:, [0, 2]] >= 0).all()
    for gradient in torch.autograd.grad(value.sum(), (loc, scales)):
        assert torch.isfinite(gradient).all()


@summed_by
def test_logistic_information_in_single_precision(name):
    generator = torch.Generator().manual_seed(0)
    loc = torch.rand(500, generator=generator) * 255
    scale = torch.exp(torch.rand(500, generator=generator) * 5 - 1)
    with backend(name):
        single = logistic_information(loc, scale)
        double = logistic_information(loc.double(), scale.double())
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)


@summed_by
def test_logistic_information_of_many_is_that_of_each(name):
    loc, scale = torch.linspace(0, 255, 5000), torch.linspace(0.5, 20, 5000)
    with backend(name):
        every = logistic_information(loc, scale)
        torch.testing.assert_close(every[1234], logistic_information(loc[1234], scale[1234]))
        grid = logistic_information(loc[:50, None], scale[:, None].mT[:, :40])
        assert grid.shape == (50, 40, 3)
        torch.testing.assert_close(grid[7, 9], logistic_information(loc[7], scale[9]))


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"), [("float32", 1e-5, 1e-5), ("float64", 0, 1e-12)]
)
def test_logistic_information_in_windows_is_that_of_all_levels(dtype, rtol, atol):
    loc = torch.linspace(-300, 560, 87, dtype=getattr(torch, dtype))[:, None]
    scale = torch.logspace(-2, 4, 61, dtype=getattr(torch, dtype))
    loc, scale = torch.broadcast_tensors(loc, scale)
    for with_partials in (False, True):
        expected = fisher._sum_levels(loc, scale, with_partials)
        found = fisher._sum_windows(loc, scale, with_partials)
        torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)
        if native.load() is not None:
            found = fisher._sum_in_c(loc, scale, with_partials)
            torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)


def test_gauss_rule_sums_polynomials_over_consecutive_integers():
    positions, weights = (x.numpy() for x in fisher._gauss_rule(32, 10, torch.float64))
    levels = np.arange(32) - 15.5
    for degree in range(20):
        expected = ((levels / 16) ** degree).sum()
        assert (weights * (positions / 16) ** degree).sum() == pytest.approx(expected, abs=1e-12)


@summed_by
def test_logistic_information_keeps_nan_to_itself(name):
    loc, scale = torch.tensor([3.0, np.nan, 200.0, 70.0]), torch.tensor([2.0, 1.0, np.nan, 30.0])
    with backend(name):
        found = logistic_information(loc, scale)
        others = logistic_information(loc[[0, 3]], scale[[0, 3]])
    assert found.isnan().all(-1).tolist() == [False, True, True, False]
    torch.testing.assert_close(found[[0, 3]], others)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 5)])
def test_logistic_information_of_any_shape_and_device(device, shape):
    loc = torch.ones(shape, device=device, requires_grad=True)
    found = logistic_information(loc, torch.ones((), device=device))
    assert found.shape == (*shape, 3)
    assert found.device.type == device
    (slope,) = torch.autograd.grad(found.sum(), loc)
    assert slope.shape == shape


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_differentiable_norm_of_logistics_is_the_norm(dtype):
    generator = torch.Generator().manual_seed(0)
    p = torch.stack(
        (
            torch.rand(4000, generator=generator, **DOUBLE) * 295 - 20,
            torch.exp(torch.rand(4000, generator=generator, **DOUBLE) * 5 - 1),
        )
    ).to(dtype)
    dp = draw(2, 4000, seed=1).to(dtype)
    dp[1, :100], dp[0, 100:200], dp[:, 200:300] = 0, 0, 0
    family, _, _ = coordinates("logistic")
    found = family.wasserstein1_norm(p, dp.clone().requires_grad_())
    torch.testing.assert_close(found.detach(), logistic_norm(*p, *dp), rtol=1e-4, atol=1e-5)


def outer_product(family, p, dp):
    covectors = family.wasserstein1_curvature(p, p + 1e-6 * dp).movedim(-1, 0)  # (D, R, C)
    return covectors.mT @ covectors  # (D, C, C)


def norm_curvature(family, p, dp, step):
    """Norm times its second derivative (D, C, C), by differences of the norm along ``step``."""

    def norm(*shifts):
        moved = dp.clone()
        for c, sign in shifts:
            moved[c] += sign * step[c]
        return family.wasserstein1_norm(p, moved)  # (D,)

    def second(a, b):
        corners = [s * t * norm((a, s), (b, t)) for s in (1, -1) for t in (1, -1)]
        return norm() * sum(corners) / (4 * step[a] * step[b])

    return torch.stack([torch.stack([second(a, b) for b in (0, 1)], -1) for a in (0, 1)], -1)


def test_curvature_of_normals_is_that_of_their_norm():
    p = torch.stack((draw(40), 1 + draw(40, seed=1).exp()))
    dp = draw(2, 40, seed=2)
    expected = norm_curvature(NormalFamily(), p, dp, torch.full((2, 40), 1e-4, **DOUBLE))
    torch.testing.assert_close(outer_product(NormalFamily(), p, dp), expected, rtol=1e-4, atol=1e-5)


def test_curvature_of_logistics_is_that_of_their_norm_over_many_levels():
    """The norm of discretised ones has a kink for each edge that the crossing passes."""
    scale = 25 + 5 * torch.rand(40, generator=torch.Generator().manual_seed(0), **DOUBLE)
    p = torch.stack((128 + 10 * draw(40), scale))
    dp = torch.stack((0.5 * draw(40, seed=2).tanh(), torch.ones(40, **DOUBLE)))
    expected = norm_curvature(LogisticFamily(), p, dp, torch.full((2, 40), 0.3, **DOUBLE))
    found = outer_product(LogisticFamily(), p, dp)
    size = torch.linalg.matrix_norm(expected)
    assert (torch.linalg.matrix_norm(found - expected) < 0.1 * size).all()


def test_logistics_whose_cdfs_cross_in_no_level_have_no_curvature():
    p = torch.tensor([[128.0, 128.0, 300.0], [2.0, 2.0, 2.0]], **DOUBLE)
    dp = torch.tensor([[300.0, 1.0, 0.1], [1.0, 0.0, 1.0]], **DOUBLE)  # far, nowhere, beyond white
    assert (outer_product(LogisticFamily(), p, dp) == 0).all()


@pytest.mark.parametrize("size", [1e-6, 0.01, 0.5, 3.0, 80.0, 1e5])
def test_fisher_rao_of_gammas_and_betas_is_twice_their_divergence(size):
    step = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.7, 0.9], [0.5, -1.0]], **DOUBLE) * 1e-3
    for other in (0.02, 1.0, 40.0):
        for law in (Gamma, Beta):
            at = torch.tensor([size, other * size], **DOUBLE)
            p, q = (law(*(at * (sign * step / 2).exp()).unbind(-1)) for sign in (1, -1))
            # Halfway between the two Kullback-Leibler divergences the third order cancels.
            expected = kl_divergence(p, q) + kl_divergence(q, p)
            found = fisher_rao(p, q).square()
            scale = expected.max()  # torch's divergences are differences of large numbers
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7 * float(scale))


@given(mean=st.floats(-8, 8), ratio=st.floats(-6, 6), dispersion=st.floats(-8, 4))
@settings(deadline=None, max_examples=50)
def test_fisher_rao_of_negative_binomials_is_an_integral(mean, ratio, dispersion):
    alpha = np.exp(dispersion)
    ends = np.exp([mean, mean + ratio])
    expected, _ = integrate.quad(  # over the logarithm of the mean
        lambda x: np.sqrt(np.exp(x) / (1 + alpha * np.exp(x))), mean, mean + ratio, epsrel=1e-10
    )
    p, q = (
        NegativeBinomial(torch.tensor(1 / alpha, **DOUBLE), logits=torch.tensor([alpha * x]).log())
        for x in ends
    )
    assert float(fisher_rao(p, q)) == pytest.approx(abs(expected), rel=1e-8, abs=1e-12)


def test_fisher_rao_of_negative_binomials_tends_to_that_of_poissons():
    means = torch.tensor([[0.3, 20.0], [1.0, 400.0]], **DOUBLE)
    p, q = (NegativeBinomial(torch.tensor(1e9, **DOUBLE), logits=(1e-9 * x).log()) for x in means)
    expected = fisher_rao(*(Poisson(x) for x in means))
    torch.testing.assert_close(fisher_rao(p, q), expected, rtol=1e-6, atol=0)
    with pytest.raises(ValueError, match="known for one dispersion a variable"):
        fisher_rao(p, NegativeBinomial(torch.tensor(2.0, **DOUBLE), logits=means[1]))
