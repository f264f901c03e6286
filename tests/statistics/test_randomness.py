"""Volumes, uniform points and Brownian motion, against closed forms."""

import math

import pytest
import torch
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import stereographic
from tests.problems import DOUBLE


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def sphere(geometry=lt.Wasserstein2):
    return geometry(lambda z: Normal(stereographic(z), 1.0))


def finsler(dims):
    means, scales = draw(dims, 40, seed=7), draw(dims, 40, seed=8) * 0.3
    return lt.Wasserstein1(lambda z: Normal(z @ means, 5 + z @ scales))


@pytest.mark.parametrize("dims", [1, 2, 5, 40])
def test_volumes_of_spheres_are_known_in_any_dimension(dims):
    z = draw(3, dims, seed=1) / dims**0.5
    expected = dims * (2 / (1 + z.square().sum(-1))).log()
    for kind in (lt.Wasserstein2, lt.Wasserstein1):
        found = lt.log_volume(sphere(kind), z, samples=16)
        torch.testing.assert_close(found.value, expected, rtol=0, atol=5e-2 if dims > 5 else 1e-3)


def test_a_norms_volume_is_that_of_its_indicatrix():
    geometry, z = finsler(2), draw(4, 2, seed=2) / 4
    found = lt.log_volume(geometry, z, samples=512)
    truth = geometry.volume(z).log()
    assert ((found.value - truth).abs() < 4 * found.error + 1e-3).all()
    assert found.error.max() < 1e-2


def test_the_error_of_a_volume_is_what_it_is_said_to_be():
    geometry, z = finsler(4), draw(1, 4, seed=3) / 4
    several = [
        lt.log_volume(geometry, z, samples=32, generator=torch.Generator().manual_seed(seed))
        for seed in range(30)
    ]
    values = torch.cat([each.value for each in several])
    errors = torch.cat([each.error for each in several])
    assert 0.6 < values.std() / errors.mean() < 1.7


def test_volumes_do_not_overflow_and_ignored_directions_have_none():
    geometry = lt.Wasserstein1(lambda z: Normal(1e4 * z, 1.0))
    found = lt.log_volume(geometry, torch.zeros(2, 3, 30))
    assert found.value.shape == (2, 3)
    torch.testing.assert_close(
        found.value, torch.full((2, 3), 30 * math.log(1e4)), rtol=1e-2, atol=0
    )
    flat = lt.Wasserstein2(lambda z: Normal(z[:, :1], 1.0))
    assert lt.log_volume(flat, torch.zeros(2, **DOUBLE)).value < -300


def test_uniform_points_of_a_sphere_are_uniform():
    """By Archimedes, heights are uniform: here of the part over a square, by quadrature."""
    low, high = torch.tensor([-2.0, -2.0], **DOUBLE), torch.tensor([2.0, 2.0], **DOUBLE)
    z = lt.sample_volume(sphere(), low, high, 3000, steps=32)
    assert ((z >= low) & (z <= high)).all()
    at = torch.linspace(-2, 2, 401, **DOUBLE)
    grid = torch.cartesian_prod(at, at)
    weight = (2 / (1 + grid.square().sum(-1))).square()
    for radius in (0.5, 1.0, 1.5):
        share = (weight * (grid.norm(dim=-1) < radius)).sum() / weight.sum()
        found = (z.norm(dim=-1) < radius).double().mean()
        assert abs(found - share) < 4 * (share * (1 - share) / 3000).sqrt() + 2e-3


@pytest.mark.parametrize("dims", [2, 5])
def test_brownian_motion_on_spheres_forgets_its_start_in_time(dims):
    """The expected cosine falls as the first eigenvalue says: exp(-d t / 2)."""
    z = torch.full((1500, dims), 0.3, **DOUBLE)
    paths = lt.sample_brownian(sphere(), z, 0.4, steps=8)
    assert paths.shape == (1500, 9, dims)
    x = stereographic(paths)
    for step in (4, 8):
        cosine = (x[:, 0] * x[:, step]).sum(-1)  # (B,)
        expected = math.exp(-dims * 0.05 * step / 2)
        assert abs(cosine.mean() - expected) < 4 * cosine.std() / 1500**0.5 + 5e-3


def test_brownian_motion_in_flat_spaces_is_gaussian():
    matrix = torch.tensor([[2.0, 0.0, 1.0], [0.0, 0.5, 0.0]], **DOUBLE)
    geometry = lt.Wasserstein1(lambda z: Normal(z @ matrix, 1.0))
    paths = lt.sample_brownian(
        geometry, torch.zeros(2000, 2, **DOUBLE), 0.7, 4, torch.Generator().manual_seed(1)
    )
    moved = paths[:, -1] @ matrix  # (B, 3)
    variance = moved.square().sum(-1).mean() / (2 * 0.7)
    assert abs(variance - 1) < 0.1
    covariance = 0.7 * torch.linalg.inv(matrix @ matrix.T)
    torch.testing.assert_close(paths[:, -1].T.cov(), covariance, rtol=0.15, atol=0.02)


def test_what_leaves_the_finite_is_told_and_what_is_ignored_stays():
    wall = lt.Euclidean(lambda z: Normal(torch.where(z < 2, z, torch.nan), 1.0))
    paths = lt.sample_brownian(wall, torch.full((40, 1), 1.9, **DOUBLE), 1.0, 4)
    assert paths[:, -1].isnan().any()
    assert not paths[:, 0].isnan().any()
    geometry = lt.Wasserstein2(lambda z: Normal(z[:, :1], 1.0))
    paths = lt.sample_brownian(geometry, torch.ones(3, 2, **DOUBLE), 1.0, 2)
    assert (paths[..., 1] == 1).all()


def test_a_generator_decides():
    z = torch.zeros(2, 2, **DOUBLE)
    first, again = (lt.sample_brownian(sphere(), z, 0.1, 2) for _ in range(2))
    other = lt.sample_brownian(sphere(), z, 0.1, 2, torch.Generator().manual_seed(3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_settings_out_of_range_are_refused():
    z = torch.zeros(2, 2)
    with pytest.raises(ValueError, match="time is -1"):
        lt.sample_brownian(sphere(), z, -1.0)
    with pytest.raises(ValueError, match="steps is 0"):
        lt.sample_brownian(sphere(), z, 1.0, 0)
    with pytest.raises(ValueError, match="z has shape"):
        lt.sample_brownian(sphere(), z[0], 1.0)
    with pytest.raises(ValueError, match="samples is 1"):
        lt.log_volume(sphere(), z, samples=1)
    with pytest.raises(ValueError, match="low is not below high"):
        lt.sample_volume(sphere(), z[0], z[0], 3)
    with pytest.raises(ValueError, match="count is 0"):
        lt.sample_volume(sphere(), z[0], z[0] + 1, 0)
