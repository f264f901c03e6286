"""Continuous Bernoulli distributions, against SciPy's truncated exponentials and integrals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from torch.distributions import ContinuousBernoulli, Normal

import latent_transport as lt
from latent_transport.distributions.registry import distribution_mean
from tests.problems import DOUBLE

logits = st.floats(-60, 60).filter(lambda x: abs(x) > 1e-4)


def make(logit, dtype=torch.float64):
    return ContinuousBernoulli(logits=torch.tensor([logit], dtype=dtype))


def moment(logit, power):
    """Integral of a power of the value, the density scaled to be 1 at the end where it is most."""
    top = max(logit, 0.0)
    value, _ = integrate.quad(lambda x: x**power * np.exp(logit * x - top), 0, 1, epsabs=0)
    return value


@given(logit=logits)
@settings(deadline=None, max_examples=60)
def test_the_mean_is_an_integral(logit):
    expected = moment(logit, 1) / moment(logit, 0)
    assert float(distribution_mean(make(logit))) == pytest.approx(expected, rel=1e-9)


@given(first=logits, second=logits)
@settings(deadline=None, max_examples=60)
def test_wasserstein1_is_an_integral(first, second):
    def cdf(logit, x):
        return np.expm1(logit * x) / np.expm1(logit)

    expected, _ = integrate.quad(lambda x: abs(cdf(first, x) - cdf(second, x)), 0, 1, limit=200)
    found = float(lt.wasserstein1(make(first), make(second)))
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(logit=logits)
@settings(deadline=None, max_examples=60)
def test_fisher_rao_of_neighbours_is_the_variance(logit):
    mean = moment(logit, 1) / moment(logit, 0)
    top = max(logit, 0.0)
    spread, _ = integrate.quad(lambda x: (x - mean) ** 2 * np.exp(logit * x - top), 0, 1, epsabs=0)
    geometry = lt.FisherRao(lambda z: ContinuousBernoulli(logits=z))
    z, v = torch.tensor([[logit]], **DOUBLE), torch.ones(1, 1, **DOUBLE)
    assert float(geometry.norm(z, v)) ** 2 == pytest.approx(spread / moment(logit, 0), rel=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_neither_even_odds_nor_extremes_have_a_jump(dtype):
    grid = torch.cat((torch.linspace(-1, 1, 2001), torch.tensor([-1e4, -700.0, 700.0, 1e4]))).sort()
    logit = grid.values.to(dtype)[:, None].requires_grad_()
    mean = distribution_mean(ContinuousBernoulli(logits=logit))
    assert (mean.diff(dim=0) > 0).all()
    (slope,) = torch.autograd.grad(mean.sum(), logit)
    assert ((slope > 0) & (slope <= 1 / 12 + 1e-6)).all()
    even = distribution_mean(ContinuousBernoulli(probs=torch.tensor([0.5], dtype=dtype)))
    torch.testing.assert_close(even, torch.tensor([0.5], dtype=dtype))


@pytest.mark.parametrize("kind", [lt.Wasserstein1, lt.FisherRao])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_geodesics_of_a_decoder_converge(kind, dtype):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(2, 16, generator=generator), torch.randn(16, 30, generator=generator)
    first, second = (x.to(dtype) for x in weights)
    geometry = kind(lambda z: ContinuousBernoulli(logits=(z @ first).tanh() @ second))
    z0, z1 = torch.randn(2, 12, 2, generator=generator).to(dtype)
    paths = lt.connecting_geodesics(geometry, z0, z1)
    assert paths.converged.all()


def test_wasserstein2_is_refused_by_name():
    with pytest.raises(TypeError, match="continuous Bernoulli distributions"):
        lt.Wasserstein2(lambda z: (ContinuousBernoulli(logits=z), Normal(z, 1.0))).distance(
            torch.zeros(1, 2), torch.ones(1, 2)
        )
