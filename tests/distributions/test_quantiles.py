"""Distributions of no known family: W1 and W2 by quantiles, from icdf or cdf, and a warning."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import (
    AffineTransform,
    Dirichlet,
    Distribution,
    Kumaraswamy,
    Normal,
    SigmoidTransform,
    TransformedDistribution,
    Uniform,
    Weibull,
    constraints,
)

import latent_transport as lt
from latent_transport.distributions import registry
from latent_transport.distributions.quantiles import QuantileFamily, find_quantiles
from tests.problems import DOUBLE


@pytest.fixture(autouse=True)
def unwarned(monkeypatch):
    monkeypatch.setattr(registry, "_WARNED", set())


def make_logistic(loc, scale):
    base = Uniform(torch.zeros_like(loc), torch.ones_like(loc))
    return TransformedDistribution(base, [SigmoidTransform().inv, AffineTransform(loc, scale)])


class CdfOnly(Distribution):
    """A normal that does not say its quantiles."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real

    def __init__(self, loc, scale):
        self.normal = Normal(loc, scale)
        super().__init__(self.normal.batch_shape, validate_args=False)

    def cdf(self, x):
        return self.normal.cdf(x)

    def log_prob(self, x):
        return self.normal.log_prob(x)


class Nothing(CdfOnly):
    def cdf(self, x):
        raise NotImplementedError


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def test_logistics_match_the_closed_form():
    loc, scale = draw(2, 50), draw(2, 50, seed=1).exp()
    with pytest.warns(UserWarning, match="no closed form is known for a TransformedDistribution"):
        found = lt.wasserstein1(*map(make_logistic, loc, scale))
    dm, ds = (loc[0] - loc[1]).abs(), (scale[0] - scale[1]).abs()
    expected = dm + 2 * ds * torch.log1p((-dm / ds).exp())
    # Crossing quantiles cost what was said.
    assert ((found - expected).abs() / expected).max() < 2e-3
    found = lt.wasserstein1(make_logistic(loc[0], scale[0]), make_logistic(loc[1], scale[0]))
    torch.testing.assert_close(found, dm, rtol=1e-9, atol=0)


def test_scales_of_one_shape_match_their_means():
    scale = draw(2, 50).exp()
    with pytest.warns(UserWarning, match="Weibull"):
        found = lt.wasserstein1(*(Weibull(x, torch.tensor(1.5, **DOUBLE)) for x in scale))
    expected = (scale[0] - scale[1]).abs() * stats.weibull_min(1.5).mean()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_wasserstein2_of_a_cdf_is_that_of_the_family():
    loc, scale = draw(2, 20), draw(2, 20, seed=1).exp()
    family = QuantileFamily()
    p, q = (family.coordinates(CdfOnly(m, s)) for m, s in zip(loc, scale, strict=True))
    found = family.wasserstein2_residuals(p, q).square().sum(-2)
    expected = (loc[0] - loc[1]).square() + (scale[0] - scale[1]).square()
    torch.testing.assert_close(found, expected, rtol=2e-4, atol=0)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-3), (torch.float64, 1e-8)])
def test_quantiles_of_a_cdf_and_their_slopes(dtype, atol):
    ends = [x.to(dtype).requires_grad_() for x in (draw(5), draw(5, seed=1).exp())]
    found = find_quantiles(CdfOnly(*ends))
    assert found.dtype == dtype
    levels = torch.tensor(stats.norm.ppf(stats.logistic.cdf(np.linspace(-15, 15, 121))))
    expected = ends[0] + ends[1] * levels[:, None]
    torch.testing.assert_close(found, expected.to(dtype), rtol=1e-4, atol=atol)
    slopes = torch.autograd.grad(found.square().sum(), ends)
    exact = torch.autograd.grad(expected.square().sum(), ends)
    torch.testing.assert_close(slopes, exact, rtol=1e-2 if atol > 1e-4 else 1e-6, atol=atol)


def test_bounded_supports():
    with pytest.warns(UserWarning, match="Kumaraswamy"):
        found = lt.wasserstein1(
            Kumaraswamy(torch.tensor([2.0], **DOUBLE), torch.tensor([3.0], **DOUBLE)),
            Kumaraswamy(torch.tensor([1.0], **DOUBLE), torch.tensor([1.0], **DOUBLE)),
        )
    u = (np.arange(10**6) + 0.5) / 10**6
    expected = np.abs((1 - (1 - u) ** (1 / 3)) ** 0.5 - u).mean()
    assert found.item() == pytest.approx(expected, rel=1e-3)


def test_a_class_warns_once_and_a_known_family_never(recwarn):
    p = make_logistic(draw(3), draw(3).exp())
    lt.wasserstein1(p, p)
    lt.wasserstein1(p, p)
    assert len(recwarn) == 1
    assert "register_family" in str(recwarn[0].message)


def test_geodesics():
    inner, outer = draw(2, 8), draw(8, 40, seed=1) / 3

    def decoder(z):
        loc, log_scale = ((z @ inner).tanh() @ outer).chunk(2, -1)
        return make_logistic(loc, log_scale.exp())

    for kind in (lt.Wasserstein1, lt.Wasserstein2):
        with pytest.warns(UserWarning, match="no closed form"):
            paths = lt.connecting_geodesics(kind(decoder), draw(4, 2), draw(4, 2, seed=2))
        registry._WARNED.clear()
        assert paths.converged.all()


def test_what_has_no_cdf_is_told_what_to_do():
    nothing = Nothing(draw(3), 1.0)
    with pytest.raises(TypeError, match=r"for a Nothing; expected.*icdf or cdf.*register_family"):
        lt.wasserstein1(nothing, nothing)
    simplex = Dirichlet(torch.ones(2, 3))
    with pytest.raises(TypeError, match="for a Dirichlet"):
        lt.wasserstein1(simplex, simplex)
