"""The aggregate posterior against torch's own mixture, in every way it is differentiated."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from latent_transport.models.densities import AggregatePosterior

torch.set_num_threads(1)


def make_codes(n=40, d=3, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    mean = 2 * torch.randn(n, d, generator=generator, dtype=dtype) + 5
    scale = 0.05 + 0.3 * torch.rand(n, d, generator=generator, dtype=dtype)
    return mean, scale


def make_mixture(mean, scale, bandwidth):
    components = Independent(Normal(mean, (scale**2 + bandwidth**2).sqrt()), 1)
    return MixtureSameFamily(Categorical(torch.ones(len(mean), dtype=mean.dtype)), components)


@pytest.mark.parametrize("bandwidth", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(), (7,), (2, 5)])
def test_log_density_is_that_of_the_mixture(bandwidth, shape):
    mean, scale = make_codes()
    z = 5 + 3 * torch.randn(*shape, 3, generator=torch.Generator().manual_seed(1)).double()
    found = AggregatePosterior(mean, scale, bandwidth).log_prob(z)
    assert found.shape == shape
    torch.testing.assert_close(found, make_mixture(mean, scale, bandwidth).log_prob(z))


def test_codes_may_be_points():
    mean, _ = make_codes()
    found = AggregatePosterior(mean, bandwidth=0.3).log_prob(mean + 0.2)
    expected = make_mixture(mean, torch.zeros_like(mean), 0.3).log_prob(mean + 0.2)
    torch.testing.assert_close(found, expected)
    with pytest.raises(TypeError, match="mean is a list"):
        AggregatePosterior([1.0])


@pytest.mark.parametrize("d", [2, 30])
def test_single_precision_keeps_five_digits_of_the_density(d):
    mean, scale = make_codes(n=300, d=d)
    z = mean[:50] + 0.3
    expected = make_mixture(mean, scale, 0.3).log_prob(z)
    density = AggregatePosterior(mean, scale, 0.3).float()
    found = density(z.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=2e-4)
    assert torch.isfinite(density(torch.full((d,), 1e4))).all()


def test_density_integrates_to_one():
    mean, scale = make_codes(n=10, d=2)
    axis = torch.linspace(-10, 20, 301, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)
    mass = AggregatePosterior(mean, scale, 0.4)(grid).exp().sum() * 0.1**2
    assert abs(mass - 1) < 1e-6


def test_derivatives_in_forward_and_reverse_mode_agree_with_the_mixtures():
    mean, scale = make_codes()
    density, mixture = AggregatePosterior(mean, scale, 0.5), make_mixture(mean, scale, 0.5)
    z = mean[:6] + 0.2
    at = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(mixture.log_prob(at).sum(), at)
    torch.testing.assert_close(torch.func.grad(lambda x: density(x).sum())(z), expected)
    push = torch.vmap(lambda v: torch.func.jvp(density, (z,), (v.expand_as(z),))[1])
    torch.testing.assert_close(push(torch.eye(3, dtype=z.dtype)).mT, expected)


def test_default_bandwidth_is_scotts():
    mean, scale = make_codes(n=64, d=2)
    spread = ((mean - mean.mean(0)) ** 2).sum(0) / 63
    bandwidth = 64 ** (-1 / 6) * math.sqrt(float(spread.mean()))
    z = mean[:5]
    expected = AggregatePosterior(mean, scale, bandwidth)(z)
    torch.testing.assert_close(AggregatePosterior(mean, scale)(z), expected)


def test_the_generator_decides_which_codes_are_kept():
    mean, scale = make_codes(n=100)
    z = mean[:8]

    def density(seed):
        generator = torch.Generator().manual_seed(seed)
        return AggregatePosterior(mean, scale, 0.3, components=20, generator=generator)

    assert density(0).precision.shape == (20, 3)
    assert torch.equal(density(0)(z), density(0)(z))
    assert not torch.equal(density(0)(z), density(1)(z))
    rows = torch.randperm(100, generator=torch.Generator().manual_seed(0))[:20]
    expected = make_mixture(mean[rows], scale[rows], 0.3).log_prob(z)
    torch.testing.assert_close(density(0)(z), expected)


def test_shapes_alone_are_enough():
    density = AggregatePosterior(torch.empty(9, 2, device="meta"), torch.empty(9, 2, device="meta"))
    assert density(torch.empty(4, 5, 2, device="meta")).shape == (4, 5)


@pytest.mark.parametrize(
    ("mean", "scale", "settings", "message"),
    [
        ((5, 2), (5, 3), {}, r"\(5, 3\)"),
        ((1, 2), (1, 2), {}, "at least 2"),
        ((5, 2), (5, 2), {"bandwidth": -0.1}, "bandwidth is -0.1"),
        (
            (5, 2),
            (5, 2),
            {"components": 4},
            r"give a generator .*manual_seed\(0\), or .* components=5",
        ),
    ],
)
def test_what_does_not_fit_is_named(mean, scale, settings, message):
    with pytest.raises(ValueError, match=message):
        AggregatePosterior(torch.zeros(mean), torch.ones(scale), **settings)
