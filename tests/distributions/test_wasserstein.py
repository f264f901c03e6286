"""W1 between distributions against SciPy's integrals and POT's linear programs."""

import itertools

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import (
    Bernoulli,
    Categorical,
    Dirichlet,
    Independent,
    MixtureSameFamily,
    Normal,
)

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.registry import family_of
from latent_transport.distributions.wasserstein import (
    product_wasserstein1,
    wasserstein1,
    wasserstein1_pmf,
)
from tests.problems import DOUBLE, make_network

LEVELS = np.arange(256)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def discrete_wasserstein1(p, q):
    """SciPy's W1 of two rows of probabilities on 0, 1, ..."""
    values = np.arange(len(p))
    return stats.wasserstein_distance(values, values, p, q)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        ((0, 1), (1, 1)),
        ((0, 1), (0, 3)),
        ((0, 1), (1, 3)),
        ((-2, 0.5), (1, 0.01)),
        ((5, 2), (5, 2)),
    ],
)
def test_normal_matches_the_quantile_integral(p, q):
    def integrand(u):
        return abs(stats.norm.ppf(u, *p) - stats.norm.ppf(u, *q))

    crossing = [0.5]
    if p[1] != q[1]:
        crossing = [stats.norm.cdf((q[0] - p[0]) / (p[1] - q[1]))]
    expected, _ = integrate.quad(integrand, 0, 1, points=crossing, limit=400)
    found = wasserstein1(*(Normal(*torch.tensor(x, **DOUBLE)[:, None]) for x in (p, q)))
    assert float(found) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("components", [1, 2, 5])
def test_logistic_mixtures_match_scipy_and_pot(components):
    rng = np.random.default_rng(components)
    shape = (2, 12, components)
    logits, loc = rng.normal(size=shape), rng.uniform(-20, 275, shape)
    scale = np.exp(rng.uniform(np.log(0.05), np.log(60), shape))
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    edges = np.arange(255)[:, None, None, None] + 0.5
    cdf = np.moveaxis((weights * stats.logistic.cdf(edges, loc, scale)).sum(-1), 0, -1)
    pmf = np.diff(cdf, axis=-1, prepend=0, append=1)  # (2, 12, 256)
    parameters = torch.tensor(np.stack((logits, loc, scale), 1))  # (2, 3, 12, K)
    found = wasserstein1(*(DiscretizedLogisticMixture(*x) for x in parameters))
    for i in range(12):
        a, b = pmf[:, i]
        assert float(found[i]) == pytest.approx(discrete_wasserstein1(a, b), rel=1e-6, abs=1e-6)
        pot = ot.wasserstein_1d(LEVELS, LEVELS, a / a.sum(), b / b.sum())
        assert float(found[i]) == pytest.approx(float(pot), rel=1e-6, abs=1e-6)


def test_product_is_the_root_of_the_sum_of_squares():
    p, q = (make_network("normal")(draw(3, 4, 2, seed=seed)) for seed in (0, 1))
    expected = np.sqrt((wasserstein1(p, q).numpy() ** 2).sum(-1))
    np.testing.assert_allclose(product_wasserstein1(p, q), expected)
    assert product_wasserstein1(p, q).shape == (3, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [0.0, -0.5, 3.0])
@pytest.mark.parametrize("exponent", [-1.0, -0.6, 0.0, 0.6, 1.0])
def test_normals_know_no_unit(exponent, shift, dtype):
    """1e+-30 in single and 1e+-300 in double precision: W1, W2 and the products are linear."""
    unit = 10.0 ** (exponent * (30 if dtype == torch.float32 else 300))
    loc, scale = draw(4, 3).to(dtype), draw(4, 3, seed=1).exp().to(dtype)
    parameters = [loc, scale, loc.roll(1, 0) + shift, scale.roll(1, 0)]
    scaled = [(unit * x).requires_grad_() for x in parameters]
    exact = [(x.detach().double() / unit).requires_grad_() for x in scaled]
    for distance in (wasserstein1, product_wasserstein1):
        found, expected = (distance(Normal(*x[:2]), Normal(*x[2:])) for x in (scaled, exact))
        rtol = 1e-6 if dtype == torch.float32 else 1e-12
        torch.testing.assert_close(found.double() / unit, expected, rtol=rtol, atol=0)
        slopes = (torch.autograd.grad(x.sum(), y) for x, y in ((found, scaled), (expected, exact)))
        for slope, truth in zip(*slopes, strict=True):
            torch.testing.assert_close(slope.double(), truth, rtol=1e4 * rtol, atol=10 * rtol)
    p, q = (torch.stack(x, -2) for x in (scaled[:2], scaled[2:]))
    family = family_of(Normal(*scaled[:2]))
    torch.testing.assert_close(family.wasserstein1_norm(p, p - q), wasserstein1_of(p, q))
    torch.testing.assert_close(family.wasserstein2_residuals(p, q), p - q, rtol=0, atol=0)


def wasserstein1_of(p, q):
    return wasserstein1(*(Normal(*x.unbind(-2)) for x in (p, q)))


@pytest.mark.parametrize("unit", [1e-25, 1e-17, 1.0, 1e17, 1e25])
def test_product_of_tiny_and_huge_distances(unit):
    loc = unit * torch.tensor([[3.0, 4.0], [0.0, 4.0], [0.0, 0.0]])
    p, q = Normal(loc.requires_grad_(), 1.0), Normal(torch.zeros(2), 1.0)
    found = product_wasserstein1(p, q)
    torch.testing.assert_close(found / unit, torch.tensor([5.0, 4.0, 0.0]))
    (slope,) = torch.autograd.grad(found.sum(), loc)
    torch.testing.assert_close(slope, torch.tensor([[0.6, 0.8], [0.0, 1.0], [0.0, 0.0]]))
    assert product_wasserstein1(*(x.expand((5, 2)) for x in (q, q))).tolist() == 5 * [0]
    none = Normal(torch.zeros(3, 0), 1.0)
    assert product_wasserstein1(none, none).tolist() == 3 * [0]


supports = st.integers(2, 4).flatmap(
    lambda n: st.lists(
        st.tuples(*[st.lists(st.floats(0.01, 1), min_size=n, max_size=n)] * 2),
        min_size=1,
        max_size=2 if n > 2 else 3,
    )
)


@given(supports)
@settings(deadline=None, max_examples=50)
def test_product_bounds_hold_against_the_exact_linear_program(variables):
    """Eq. 6 <= W1 of the products <= min(sum of W1, root of summed squared W2)."""
    p, q = np.moveaxis(np.array(variables), 1, 0)  # (D, n) each
    p, q = (x / x.sum(-1, keepdims=True) for x in (p, q))
    dims, n = p.shape
    grid = np.array(list(itertools.product(range(n), repeat=dims)), dtype=float)  # (n^D, D)

    def joint(x):
        mass = np.array([np.prod([x[i, int(k)] for i, k in enumerate(row)]) for row in grid])
        return mass / mass.sum()

    exact = ot.emd2(joint(p), joint(q), ot.dist(grid, grid, "euclidean"))
    eq6 = float(product_wasserstein1(*(Categorical(torch.tensor(x)) for x in (p, q))))
    each = [discrete_wasserstein1(a, b) for a, b in zip(p, q, strict=True)]
    values = np.arange(n, dtype=float)
    squares = [ot.wasserstein_1d(values, values, a, b, p=2) for a, b in zip(p, q, strict=True)]
    assert eq6 <= exact + 1e-7
    assert exact <= min(sum(each), np.sqrt(sum(squares))) + 1e-7


def test_product_bound_is_attained_where_one_variable_differs():
    p = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], **DOUBLE)
    q = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]], **DOUBLE)
    each = wasserstein1_pmf(p, q)
    assert each[0] == 0
    found = product_wasserstein1(Categorical(p), Categorical(q))
    torch.testing.assert_close(found, each[1])


rows = st.lists(st.floats(0, 1), min_size=2, max_size=60).filter(lambda x: sum(x) > 1e-3)


@given(rows, st.integers(0, 100), st.sampled_from([1.0, 7.0]))
@settings(deadline=None, max_examples=60)
def test_wasserstein1_of_probabilities_matches_scipy(row, seed, mass):
    p = np.array(row) / sum(row)
    q = np.random.default_rng(seed).dirichlet(np.ones(len(p)))
    found = wasserstein1_pmf(*(mass * torch.tensor(x) for x in (p, q)))
    assert float(found) == pytest.approx(mass * discrete_wasserstein1(p, q), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 2, 256, 5000])
def test_rounding_of_probabilities_is_no_difference_of_masses(dtype, n):
    p, q = (torch.softmax(3 * draw(4, 20, n, seed=seed).to(dtype), -1) for seed in (0, 1))
    assert wasserstein1_pmf(p, q).shape == (4, 20)
    logistics = DiscretizedLogisticMixture(*(x.float()[..., :5] for x in (p, 255 * p, 9 * q + 1)))
    levels = logistics.probs if n == 256 else p
    assert wasserstein1_pmf(levels, levels.roll(1, 0)).shape == levels.shape[:-1]


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.5, 0.5], [0.5, 0.4], r"row of p sums to 1, the one of q to 0\.9; expected the same"),
        ([1.0, 2.0], [0.0, 1.0], r"row of p sums to 3, the one of q to 1;.*divide"),
        ([[0.5, 0.5], [0.5, 0.49999]], [0.5, 0.5], r"row of p sums to 0\.99999"),
        ([1.5, -0.5], [0.5, 0.5], r"p has the negative entry -0\.5"),
        ([0.5, 0.5], [1.001, -0.001], r"q has the negative entry -0\.001"),
        ([0.5, 0.5], [0.5, 0.5, 0.0], r"p has shape \(2,\), q \(3,\); expected \(\.\.\., n\)"),
        ([[0.5, 0.5]] * 2, [[0.5, 0.5]] * 3, r"p has shape \(2, 2\), q \(3, 2\)"),
        (0.5, [0.5, 0.5], r"p has shape \(\)"),
        ([], [], r"p has shape \(0,\)"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_no_pair_of_distributions_is_refused(p, q, message, dtype):
    with pytest.raises(ValueError, match=message):
        wasserstein1_pmf(*(torch.tensor(x, dtype=dtype) for x in (p, q)))
    with pytest.raises(TypeError, match=r"q is a torch\.int64"):
        wasserstein1_pmf(torch.ones(2), torch.ones(2, dtype=torch.int64))


def test_probabilities_that_cannot_be_seen_are_not_checked():
    p, q = (torch.softmax(draw(6, 9, seed=seed), -1) for seed in (0, 1))
    expected = wasserstein1_pmf(p, q)
    assert torch.equal(torch.vmap(wasserstein1_pmf)(p, q), expected)
    assert wasserstein1_pmf(p.to("meta"), q.to("meta")).shape == (6,)
    compiled = torch.compile(wasserstein1_pmf, fullgraph=True, backend="eager")
    assert torch.equal(compiled(p, q), expected)
    slope = torch.func.grad(lambda p: wasserstein1_pmf(p, q).sum())(p)
    assert torch.equal(slope, torch.func.vmap(torch.func.grad(wasserstein1_pmf))(p, q))
    logits = draw(6, 9, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: wasserstein1_pmf(x.softmax(-1), q), (logits,))


def test_batch_shapes_broadcast():
    p = Normal(draw(4, 1, 3), torch.ones(3, **DOUBLE))
    q = Normal(draw(5, 3, seed=1), torch.ones(3, **DOUBLE))
    assert wasserstein1(p, q).shape == (4, 5, 3)
    torch.testing.assert_close(wasserstein1(p, q), (p.loc - q.loc).abs())


def test_independent_wrappers_are_stripped():
    p, q = (Normal(draw(4, 3, seed=seed), 1.0) for seed in (0, 1))
    found = wasserstein1(Independent(p, 1), Independent(Independent(q, 1), 1))
    torch.testing.assert_close(found, wasserstein1(p, q))


def test_unsupported_and_mismatched_families_are_named():
    normal, bernoulli = Normal(torch.zeros(2), 1.0), Bernoulli(torch.full((2,), 0.5))
    with pytest.raises(TypeError, match=r"Dirichlet.*Normal, Laplace"):
        wasserstein1(Dirichlet(torch.ones(2, 3)), normal)
    with pytest.raises(TypeError, match=r"Normal and a Bernoulli"):
        wasserstein1(normal, bernoulli)
    with pytest.raises(TypeError, match="a Dirac and a Normal"):
        wasserstein1(torch.ones(2), normal)
    single, double = (
        DiscretizedLogisticMixture(torch.zeros(3, k), torch.zeros(k), torch.ones(k)) for k in (1, 2)
    )
    with pytest.raises(TypeError, match="one family"):
        wasserstein1(single, double)


def test_distributions_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match=r"p has batch shape \(3,\), q \(2, 4\); expected"):
        wasserstein1(Normal(torch.zeros(3), 1.0), Normal(torch.zeros(2, 4), 1.0))
    for classes in (1, 4):
        p, q = (Categorical(torch.ones(2, n)) for n in (classes, 5))
        with pytest.raises(ValueError, match=f"{classes} coordinates a variable, q of 5"):
            wasserstein1(p, q)
    p, q = (
        MixtureSameFamily(Categorical(torch.ones(2, k)), Normal(torch.zeros(2, k), 1.0))
        for k in (1, 3)
    )
    with pytest.raises(ValueError, match="parts of a mixture"):
        wasserstein1(p, q)
