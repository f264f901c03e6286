"""W1 of laws whose cdfs cross, W2 and Fisher-Rao of those with two shapes, against quadrature."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from torch.distributions import (
    Beta,
    Categorical,
    Gamma,
    Gumbel,
    LogNormal,
    MixtureSameFamily,
    Normal,
    StudentT,
)

import latent_transport as lt
from latent_transport.distributions.crossings import differentiate
from latent_transport.distributions.registry import family_of
from tests.problems import DOUBLE

scales = st.floats(-1.5, 1.5).map(np.exp)
shapes = st.floats(-2, 3).map(np.exp)
degrees = st.floats(-1, 4).map(lambda x: 1 + np.exp(x))
places = st.floats(-3, 3)


class Mixture:
    """Enough of a SciPy distribution."""

    def __init__(self, logits, loc, scale):
        self.weights, self.parts = np.exp(logits) / np.exp(logits).sum(), stats.norm(loc, scale)

    def cdf(self, x):
        return self.parts.cdf(np.asarray(x)[..., None]) @ self.weights

    def ppf(self, u):
        ends = self.parts.ppf(u)
        return optimize.brentq(lambda x: self.cdf(x) - u, ends.min() - 1, ends.max() + 1)


def integrate_difference(p, q):
    """Integral of |F_p - F_q|, in pieces between quantiles and crossings."""
    levels = [1e-14, 1e-10, 1e-6, 1e-3, *np.linspace(0.02, 0.98, 49), 1 - 1e-3, 1 - 1e-6]
    knots = np.unique([each.ppf(u) for each in (p, q) for u in [*levels, 1 - 1e-10, 1 - 1e-14]])

    def difference(x):
        return p.cdf(x) - q.cdf(x)

    crossings = [
        optimize.brentq(difference, *ends)
        for ends in pairwise(knots)
        if difference(ends[0]) * difference(ends[1]) < 0
    ]
    ends = np.unique([*knots[::6], *crossings, knots[-1]])
    options = {"epsabs": 1e-13, "epsrel": 1e-10, "limit": 200}
    return sum(
        integrate.quad(lambda x: abs(difference(x)), *piece, **options)[0]
        for piece in pairwise(ends)
    )


LAWS = {
    "gamma": (
        st.tuples(shapes, scales),
        lambda a, s: Gamma(a, 1 / s),
        lambda a, s: stats.gamma(a, scale=s),
    ),
    "beta": (st.tuples(shapes, shapes), Beta, stats.beta),
    "log-normal": (
        st.tuples(places, st.floats(0.05, 1)),
        LogNormal,
        lambda m, s: stats.lognorm(s, scale=np.exp(m)),
    ),
    "gumbel": (st.tuples(places, scales), Gumbel, stats.gumbel_r),
    "mixture": (
        st.tuples(*[st.tuples(*[x] * 3) for x in (st.floats(-2, 2), places, scales)]),
        lambda logits, loc, scale: MixtureSameFamily(
            Categorical(logits=logits), Normal(loc, scale)
        ),
        Mixture,
    ),
}


def make(law, parameters, **like):
    return law(*(torch.tensor(x, **(DOUBLE | like))[None] for x in parameters))


@pytest.mark.parametrize("name", LAWS)
@settings(deadline=None, max_examples=8)
@given(data=st.data())
def test_wasserstein1_matches_quadrature(name, data):
    parameters, ours, scipys = LAWS[name]
    p, q = data.draw(parameters), data.draw(parameters)
    expected = integrate_difference(scipys(*p), scipys(*q))
    found = lt.wasserstein1(make(ours, p), make(ours, q))
    assert found.item() == pytest.approx(expected, rel=1e-7, abs=1e-10)


@settings(deadline=None, max_examples=10)
@given(p=st.tuples(degrees, places, scales), q=st.tuples(degrees, places, scales))
def test_wasserstein1_of_students_of_any_degrees_matches_quadrature(p, q):
    def law(df, loc, scale):
        return stats.t(df, loc, scale)

    found = lt.wasserstein1(make(StudentT, p), make(StudentT, q)).item()
    first, second = law(*p), law(*q)

    def levels(u):
        return abs(first.ppf(u) - second.ppf(u))

    # In the levels: tails of few degrees of freedom are long.
    knots = [0.5, *(10.0**-k for k in range(1, 13))]

    def tail(law, u, side):
        """E of what lies beyond a level, from the location."""
        df, loc, scale = law
        x = stats.t.ppf(u, df)
        return side * loc * u + scale * (df + x * x) / (df - 1) * stats.t.pdf(x, df)

    total = 0.0
    for quantiles in (levels, lambda u: abs(first.isf(u) - second.isf(u))):
        for high, low in pairwise(knots):
            total += integrate.quad(quantiles, low, high, epsabs=1e-13, limit=400)[0]
    rest = [abs(tail(p, 1e-12, side) - tail(q, 1e-12, side)) for side in (1, -1)]
    assert found == pytest.approx(total + sum(rest), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ["gamma", "beta", "mixture"])
@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_wasserstein1_is_a_metric(name, data):
    parameters, ours, _ = LAWS[name]
    p, q, r = (make(ours, data.draw(parameters)) for _ in range(3))
    forth = lt.wasserstein1(p, q)
    torch.testing.assert_close(forth, lt.wasserstein1(q, p), rtol=1e-9, atol=1e-12)
    assert forth <= (lt.wasserstein1(p, r) + lt.wasserstein1(r, q)) * (1 + 1e-9) + 1e-12
    assert lt.wasserstein1(p, p) == 0


def test_cdfs_that_nearly_touch_are_told_apart():
    """Two crossings close to each other, which no two knots have between them."""
    loc = torch.tensor([0.0, 0.13], **DOUBLE)
    for weight in (0.3, 0.31, 0.32, 0.33):
        logits = torch.tensor([weight, 1 - weight], **DOUBLE).log()
        p = MixtureSameFamily(
            Categorical(logits=logits[None]),
            Normal(loc[None] * 9, torch.tensor([[0.2, 1.0]], **DOUBLE)),
        )
        q = Normal(torch.tensor([0.8], **DOUBLE), torch.tensor([1.05], **DOUBLE))
        single = MixtureSameFamily(
            Categorical(logits=torch.zeros(1, 2, **DOUBLE)), Normal(q.loc.expand(1, 2), q.scale)
        )
        found = lt.wasserstein1(p, single).item()
        x = np.linspace(-12, 14, 2_000_001)
        truth = Mixture(logits.numpy(), p.component_distribution.loc[0].numpy(), np.array([0.2, 1]))
        gaps = np.abs(truth.cdf(x) - stats.norm.cdf(x, 0.8, 1.05))
        assert found == pytest.approx(integrate.trapezoid(gaps, x), rel=1e-8)


def test_slopes_and_norm_where_degrees_of_freedom_vary():
    x, y = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0), **DOUBLE)

    def distribution(x):
        return StudentT(2 + x[2].exp(), x[0], x[1].exp())

    def distance(x, y):
        return lt.wasserstein1(distribution(x), distribution(y))

    ends = (x.clone().requires_grad_(), y.clone().requires_grad_())
    options = {"eps": 1e-6, "atol": 1e-6, "check_forward_ad": True}
    assert torch.autograd.gradcheck(distance, ends, **options)
    family = family_of(distribution(x))
    at, velocity = torch.func.jvp(lambda x: family.coordinates(distribution(x)), (x,), (y,))
    limit = distance(x, x + 1e-7 * y) / 1e-7
    torch.testing.assert_close(family.wasserstein1_norm(at, velocity), limit, rtol=1e-5, atol=0)


def test_students_without_mean_or_of_other_degrees_are_refused():
    p = StudentT(torch.tensor([0.9, 3.0]))
    with pytest.raises(ValueError, match=r"has 0\.9 degrees of freedom, and no mean"):
        lt.wasserstein1(p, p)
    geometry = lt.Wasserstein2(lambda z: StudentT(3 + z.exp(), z, 1.0))
    z = torch.zeros(1, 2, **DOUBLE)
    with pytest.raises(ValueError, match="known for the same degrees of freedom, of more than 2"):
        geometry.distance(z, z + 1)
    with pytest.raises(ValueError, match="keep them fixed"):
        geometry.norm(z, z + 1)
    with pytest.raises(ValueError, match="Fisher-Rao distance of Student's t"):
        lt.FisherRao(geometry.decoder).distance(z, z + 1)


@pytest.mark.parametrize("name", ["log-normal", "gumbel", "student"])
def test_wasserstein2_matches_the_quantile_integral(name):
    rng = np.random.default_rng(0)
    ours, scipys = (
        (lambda m, s: StudentT(5.0 * torch.ones_like(m), m, s), lambda m, s: stats.t(5.0, m, s))
        if name == "student"
        else LAWS[name][1:]
    )
    for _ in range(4):
        p, q = ((rng.normal(), rng.uniform(0.2, 0.9)) for _ in range(2))
        first, second = scipys(*p), scipys(*q)

        def square(x, first=first, second=second):
            u = stats.logistic.cdf(x)
            return (first.ppf(u) - second.ppf(u)) ** 2 * stats.logistic.pdf(x)

        ends = (-36, -10, 0, 10, 36)
        expected = sum(integrate.quad(square, *piece, limit=300)[0] for piece in pairwise(ends))
        family = family_of(make(ours, p))
        at = [family.coordinates(make(ours, x)) for x in (p, q)]
        found = family.wasserstein2_residuals(*at).square().sum(-2)
        assert found.item() == pytest.approx(expected, rel=1e-4 if name == "student" else 1e-6)
        change = (at[1] - at[0]) * 1e-5
        local = family.wasserstein2_local_residuals(at[0], change).square().sum(-2).sqrt()
        limit = family.wasserstein2_residuals(at[0], at[0] + change).square().sum(-2).sqrt()
        torch.testing.assert_close(local, limit, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", ["normal", "laplace", "gumbel", "student", "log-normal"])
def test_fisher_rao_of_neighbours_is_twice_their_divergence(name):
    make_law = {
        "normal": stats.norm,
        "laplace": stats.laplace,
        "gumbel": stats.gumbel_r,
        "student": lambda m, s: stats.t(5.0, m, s),
        "log-normal": lambda m, s: stats.lognorm(s, scale=np.exp(m)),
    }[name]
    ours = {
        "normal": Normal,
        "laplace": torch.distributions.Laplace,
        "student": lambda m, s: StudentT(5.0 * torch.ones_like(m), m, s),
    }.get(name) or LAWS[name][1]
    p, q = (0.3, 0.8), (0.31, 0.79)
    first, second = make_law(*p), make_law(*q)

    def divergence(u):
        x = first.ppf(u)
        log = first.logpdf(x) - second.logpdf(x)
        return log + np.expm1(-log)  # the second has the mean 0

    expected, _ = integrate.quad(divergence, 1e-12, 1 - 1e-12, limit=400, epsabs=1e-12)
    family = family_of(make(ours, p))
    at = [family.coordinates(make(ours, x)) for x in (p, q)]
    found = family.fisher_rao_residuals(*at).square().sum(-2).item()
    assert found == pytest.approx(2 * expected, rel=0.04)


def test_derivatives_by_differences_are_of_sixth_order():
    x, a = np.linspace(0.1, 5, 50), np.linspace(0.5, 3, 50)
    found = differentiate(lambda x, a: x**a, 0, a, x, a)
    np.testing.assert_allclose(found, x**a * np.log(x), rtol=1e-9, atol=1e-11)


def test_mixtures_of_others_are_named():
    mixture = MixtureSameFamily(
        Categorical(torch.ones(3, 2)), Gumbel(torch.zeros(3, 2), torch.ones(3, 2))
    )
    with pytest.raises(TypeError, match=r"mixture of Gumbel distributions.*register_family"):
        lt.wasserstein1(mixture, mixture)


def test_norms_of_the_narrowest_are_those_of_others():
    """A scale of 1e-13 next to a location of 0.3 is lost in its rounding, but not in the norm."""
    family = family_of(StudentT(torch.tensor([5.0])))
    dp = torch.tensor([[5.0], [-5.0], [0.0]], **DOUBLE)
    expected = 5 * stats.t(5).expect(lambda u: abs(1 - u))
    for scale in (1e-20, 1e-13, 1e-6, 1.0):
        p = torch.tensor([[0.3], [scale], [5.0]], **DOUBLE)
        assert family.wasserstein1_norm(p, dp).item() == pytest.approx(expected, rel=1e-6)


def test_crossings_beyond_all_digits_leave_the_shift():
    """Cdfs that cross at 2e8 scales, where both are 1 but for rounding."""
    family = family_of(StudentT(torch.tensor([5.0])))
    p = torch.tensor([[3.33], [7.9e-11], [5.0]], **DOUBLE)
    for change in (-8.2e-8, 8.2e-8, 1e-20, 0.0):
        dp = torch.tensor([[-15.13], [change], [0.0]], **DOUBLE)
        assert family.wasserstein1_norm(p, dp).item() == pytest.approx(15.13, rel=1e-6)
