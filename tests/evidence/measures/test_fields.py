"""A latent plane as a grid: volume of the metric, and the decoder's surface."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import Normal

from latent_transport.evidence.measures.fields import bounding_square, measure_field
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import VAE, Architecture

torch.set_num_threads(1)

SIZE = 7


@pytest.fixture(scope="module")
def geometry():
    """Pulled back by a small network."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        architecture = Architecture(latent_dim=2, data_dim=9, hidden=(16,))
        decoder = VAE(architecture).double().eval().requires_grad_(False).decoder
    return Wasserstein1(decoder, directions=16)


@pytest.fixture(scope="module")
def codes():
    generator = torch.Generator().manual_seed(1)
    spread = torch.tensor([2.0, 0.5], dtype=torch.float64)
    return spread * torch.randn(50, 2, generator=generator, dtype=torch.float64) + 1


@pytest.fixture(scope="module")
def field(geometry, codes):
    return measure_field(geometry, codes, size=SIZE)


def points_of(field):
    """All grid points (G, G, 2), row by row, without meshgrid."""
    return torch.stack([torch.stack([torch.stack((x, y)) for x in field.x]) for y in field.y])


def test_shapes(field):
    assert field.x.shape == field.y.shape == (SIZE,)
    assert field.volume.shape == (SIZE, SIZE)
    assert field.surface.shape == (SIZE, SIZE, 3)
    assert field.components.shape == (3, 9)
    assert field.centre.shape == (9,)
    assert field.volume.dtype == torch.float64


def test_grid_is_square_regular_and_about_the_middle_of_nearly_all_codes(field, codes):
    steps = torch.cat((field.x.diff(), field.y.diff()))
    torch.testing.assert_close(steps, steps[0].expand_as(steps))
    for axis, grid in enumerate((field.x, field.y)):
        low, high = np.quantile(codes[:, axis].numpy(), (0.005, 0.995))
        assert grid[0] < low
        assert grid[-1] > high
        assert float(grid[0] + grid[-1]) == pytest.approx(low + high)


@pytest.mark.parametrize("margin", [0.0, 0.25])
def test_margin_is_a_share_of_the_larger_range(geometry, codes, margin):
    grid = measure_field(geometry, codes, size=4, margin=margin)
    extent = max(np.diff(np.quantile(codes.numpy(), (0.005, 0.995), axis=0), axis=0)[0])
    assert float(grid.x[-1] - grid.x[0]) == pytest.approx((1 + 2 * margin) * extent)


def test_a_code_far_out_hardly_enlarges_the_square(codes):
    many = codes.repeat(20, 1)  # 1,000 codes
    low, high = bounding_square(many)
    outlier = torch.tensor([[100.0, -100.0]], dtype=torch.float64)
    for corner, moved in zip((low, high), bounding_square(torch.cat((many, outlier))), strict=True):
        assert (corner - moved).abs().max() < 0.5
    low, high = bounding_square(torch.cat((many, outlier)), outliers=0)
    torch.testing.assert_close(high[0], outlier[0, 0])


def test_square_holds_all_of_the_curves(codes):
    curves = torch.tensor([[[0.0, 0], [2, 9]], [[-1, 0], [0, -3]]], dtype=torch.float64)
    low, high = bounding_square(codes, curves)
    assert (curves >= low).all()
    assert (curves <= high).all()
    assert (low[1], high[1]) == (-3, 9)
    torch.testing.assert_close(high - low, (high - low)[0].expand(2))
    inner = codes.mean(0).expand(1, 3, 2)
    torch.testing.assert_close(bounding_square(codes, inner), bounding_square(codes))


def test_grid_covers_the_curves(geometry, codes):
    far = codes.amax(0) + 20
    grid = measure_field(geometry, codes, torch.stack((codes[0], far))[None], size=4)
    assert grid.x[-1] > far[0]
    assert grid.y[-1] > far[1]


def test_grid_covers_the_square_of_the_codes_wherever_the_curves_are(geometry, codes):
    low, high = bounding_square(codes)  # wide: the codes leave room above and below
    beside = torch.stack((codes.mean(0), high + 1))[None]
    grid = measure_field(geometry, codes, beside, size=4)
    assert (torch.stack((grid.x[0], grid.y[0])) < low).all()
    assert (torch.stack((grid.x[-1], grid.y[-1])) > high + 1).all()


def test_volume_is_the_geometrys_at_each_point(field, geometry):
    points = points_of(field)
    torch.testing.assert_close(field.volume, geometry.volume(points))
    assert torch.isclose(field.volume[1, 5], geometry.volume(torch.stack((field.x[5], field.y[1]))))
    assert (field.volume > 0).all()


def test_volume_of_a_linear_decoder_is_that_of_the_plane(codes):
    # W1 of translated normals is the Euclidean distance of their means.
    matrix = torch.randn(2, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    field = measure_field(Wasserstein1(lambda z: Normal(z @ matrix, 0.5)), codes, size=5)
    expected = (matrix @ matrix.T).det().sqrt()
    torch.testing.assert_close(field.volume, expected.expand(5, 5), rtol=1e-4, atol=0)
    torch.testing.assert_close(field.surface[..., 2], torch.zeros(5, 5, dtype=torch.float64))
    steps = (field.x[1] - field.x[0]) * matrix.norm(dim=1)  # the surface is an isometric copy
    surface = field.surface
    torch.testing.assert_close(
        (surface[:, 1:] - surface[:, :-1]).norm(dim=-1), steps[0].expand(5, 4)
    )
    torch.testing.assert_close((surface[1:] - surface[:-1]).norm(dim=-1), steps[1].expand(4, 5))


def test_surface_is_the_projection_of_the_decoder_means(field, geometry):
    means = geometry.decoder(points_of(field)).mean
    torch.testing.assert_close(field.project(means), field.surface)
    torch.testing.assert_close(field.project(means[2, 3]), field.surface[2, 3])
    assert field.project(means[None, :2]).shape == (1, 2, SIZE, 3)


def test_components_are_the_principal_ones(field, geometry):
    means = geometry.decoder(points_of(field)).mean.flatten(0, 1).numpy()
    expected = PCA(3).fit(means)
    np.testing.assert_allclose(field.centre.numpy(), expected.mean_)
    np.testing.assert_allclose(
        np.abs(field.components.numpy() @ expected.components_.T), np.eye(3), atol=1e-8
    )
    variances = field.surface.numpy().reshape(-1, 3).var(axis=0, ddof=1)
    np.testing.assert_allclose(variances, expected.explained_variance_)


def test_signs_of_the_components_are_fixed(field):
    largest = field.components.abs().argmax(1, keepdim=True)
    assert (field.components.gather(1, largest) > 0).all()


def test_codes_are_left_as_they_are(geometry, codes):
    copy = codes.clone()
    measure_field(geometry, codes, size=4)
    assert torch.equal(codes, copy)
