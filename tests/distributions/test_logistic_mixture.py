"""The discretised logistic mixture against SciPy, its own parts, and extreme parameters."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture

LEVELS = torch.arange(256.0)
scales = st.floats(1e-3, 300)
locations = st.floats(-100, 400)


def mixture(parameters, dtype=torch.float32):
    logits, loc, scale = torch.tensor(parameters, dtype=dtype).T
    return DiscretizedLogisticMixture(logits, loc, scale)


components = st.lists(st.tuples(st.floats(-5, 5), locations, scales), min_size=1, max_size=5).map(
    mixture
)


@given(components)
@settings(deadline=None, max_examples=100)
def test_probabilities_sum_to_one(p):
    total = p.log_prob(LEVELS).double().exp().sum()
    assert abs(total - 1) < 1e-5


def test_matches_scipy_in_float64():
    rng = np.random.default_rng(0)
    for _ in range(20):
        k = rng.integers(1, 6)
        logits, loc, scale = rng.normal(size=k), rng.uniform(0, 255, k), rng.uniform(0.5, 40, k)
        p = DiscretizedLogisticMixture(*map(torch.tensor, (logits, loc, scale)))
        weights = np.exp(logits) / np.exp(logits).sum()
        edges = np.arange(255) + 0.5
        cdf = (weights * stats.logistic.cdf(edges[:, None], loc, scale)).sum(1)
        pmf = np.diff(cdf, prepend=0, append=1)
        np.testing.assert_allclose(p.log_prob(LEVELS).exp(), pmf, atol=1e-13)
        np.testing.assert_allclose(p.probs, pmf, atol=1e-13)
        np.testing.assert_allclose(p.mean, pmf @ np.arange(256), rtol=1e-12)
        variance = pmf @ np.arange(256) ** 2 - (pmf @ np.arange(256)) ** 2
        np.testing.assert_allclose(p.variance, variance, rtol=1e-8)
        np.testing.assert_allclose(p.entropy(), stats.entropy(pmf), rtol=1e-8)
        np.testing.assert_allclose(p.cdf(LEVELS), pmf.cumsum(), atol=1e-12)


@pytest.mark.parametrize("components", [1, 5])
@pytest.mark.parametrize("scale", [1e-3, 1e-2, 0.3, 10.0, 300.0])
def test_log_prob_is_finite_with_finite_gradients_at_every_level(scale, components):
    loc = torch.linspace(-50, 305, 12)[:, None, None].expand(-1, 256, components).clone()
    logits = torch.zeros_like(loc)
    scales = torch.full_like(loc, scale)
    parameters = [x.requires_grad_() for x in (logits, loc, scales)]
    value = DiscretizedLogisticMixture(*parameters).log_prob(LEVELS)
    assert torch.isfinite(value).all()
    for gradient in torch.autograd.grad(value.sum(), parameters, materialize_grads=True):
        assert torch.isfinite(gradient).all()


def test_gradients_match_finite_differences():
    generator = torch.Generator().manual_seed(0)
    like = {"generator": generator, "dtype": torch.float64}
    logits = torch.randn(6, 3, **like).requires_grad_()
    loc = (torch.rand(6, 3, **like) * 255).requires_grad_()
    scale = (torch.rand(6, 3, **like) * 20 + 0.5).requires_grad_()
    level = torch.tensor([0, 255, 3, 40, 128, 200], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda *p: DiscretizedLogisticMixture(*p).log_prob(level), (logits, loc, scale)
    )


def test_samples_follow_the_probabilities():
    p = mixture([(0.0, 20.0, 4.0), (1.0, 240.0, 12.0), (-1.0, 130.0, 0.4)])
    draws = p.sample((200_000,), generator=torch.Generator().manual_seed(1))
    assert draws.min() >= 0
    assert draws.max() <= 255
    assert torch.equal(draws, draws.round())
    empirical = torch.stack([(draws <= level).double().mean() for level in LEVELS])
    # Kolmogorov-Smirnov at 1e-6: a sampler with a wrong edge, weight or tail fails by far.
    assert (empirical - p.cdf(LEVELS)).abs().max() < stats.kstwobign.isf(1e-6) / 200_000**0.5
    standard_error = (p.variance / 200_000).sqrt()
    assert (draws.mean() - p.mean).abs() < 5 * standard_error


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_dtypes(dtype):
    p = DiscretizedLogisticMixture(
        torch.zeros(2, dtype=dtype),
        torch.zeros(4, 3, 2, dtype=dtype),
        torch.ones((), dtype=dtype)[None],
    )
    assert p.batch_shape == (4, 3)
    assert p.components == 2
    for value in (p.mean, p.sample(), p.log_prob(torch.zeros(4, 3)), p.cdf(torch.zeros(4, 3))):
        assert value.shape == (4, 3)
        assert value.dtype == dtype
    assert p.expand((5, 4, 3)).sample((7,)).shape == (7, 5, 4, 3)


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match="no dimensions"):
        DiscretizedLogisticMixture(torch.zeros(()), torch.zeros(1), torch.ones(1))
    with pytest.raises(ValueError, match="scale"):
        DiscretizedLogisticMixture(
            torch.zeros(1), torch.zeros(1), torch.tensor([-1.0]), validate_args=True
        )
    one = torch.ones(1)
    for loc, scale, name in (
        (1e16, 1, "loc"),
        (-1e16, 1, "loc"),
        (0, 1e16, "scale"),
        (0, 0, "scale"),
        (0, np.nan, "scale"),
        (np.nan, 1, "loc"),
    ):
        with pytest.raises(ValueError, match=f"parameter {name} .*to satisfy the constraint"):
            DiscretizedLogisticMixture(one, loc * one, scale * one, validate_args=True)
    DiscretizedLogisticMixture(one, -1e15 * one, 1e15 * one, validate_args=True)
    with pytest.raises(ValueError, match="support"):
        DiscretizedLogisticMixture(
            torch.zeros(1), torch.zeros(1), torch.ones(1), validate_args=True
        ).log_prob(torch.tensor(256))
