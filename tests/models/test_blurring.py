"""Blurred decoders: a convolution, and a distance that knows neighbours."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, sparse
from scipy.sparse import linalg
from torch.distributions import Normal

import latent_transport as lt
from tests.problems import DOUBLE

SIDE = 15


def draw_dot(z):
    """A dot of ink, two pixels wide, at a place along the middle row: (M, 1) to (M, 225)."""
    place = torch.arange(SIDE, **DOUBLE)
    row = torch.exp(-0.5 * (place - z) ** 2)  # (M, 15)
    column = torch.exp(-0.5 * (place - SIDE // 2) ** 2)  # (15,)
    return Normal(100 * (column[:, None] * row[:, None]).flatten(-2), 1.0)


def test_it_is_a_gaussian_filter():
    images = torch.rand(3, SIDE**2, generator=torch.Generator().manual_seed(0), **DOUBLE)
    found = lt.BlurredDecoder(lambda z: Normal(images, 1.0), 4.0)(torch.zeros(3, 1))
    expected = ndimage.gaussian_filter(
        images.view(3, SIDE, SIDE).numpy(), 2.0, axes=(1, 2), mode="constant", truncate=8
    )
    torch.testing.assert_close(
        found.view(3, SIDE, SIDE), torch.from_numpy(expected), rtol=0.02, atol=0.002
    )


def test_no_variance_changes_nothing():
    z = torch.tensor([[3.0], [7.5]], **DOUBLE)
    torch.testing.assert_close(lt.BlurredDecoder(draw_dot, 0.0)(z), draw_dot(z).mean)


def test_small_moves_cost_less_and_large_ones_the_same():
    z0, near, far = (torch.tensor([[x]], **DOUBLE) for x in (2.0, 3.0, 12.0))
    sharp, blurred = lt.Euclidean(draw_dot), lt.Euclidean(lt.BlurredDecoder(draw_dot, 4.0))
    ratio = {
        geometry: (geometry.distance(z0, near) / geometry.distance(z0, far)).item()
        for geometry in (sharp, blurred)
    }
    assert ratio[blurred] < 0.6 * ratio[sharp]


def test_geodesics_of_a_line_of_dots_have_its_length():
    geometry = lt.Euclidean(lt.BlurredDecoder(draw_dot, 2.0))
    z0, z1 = torch.tensor([[3.0]], **DOUBLE), torch.tensor([[11.0]], **DOUBLE)
    paths = lt.connecting_geodesics(geometry, z0, z1)
    t = torch.linspace(0, 1, 4097, **DOUBLE)[:, None]
    expected = geometry.curve_length(torch.lerp(z0, z1, t)[None])
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, expected, rtol=1e-4, atol=0)


def test_sobolev_distances_solve_a_poisson_equation():
    means = torch.randn(2, SIDE**2, generator=torch.Generator().manual_seed(1), **DOUBLE)
    geometry = lt.Euclidean(lt.SobolevDecoder(lambda z: Normal(means[z[:, 0].long()], 1.0)))
    found = geometry.distance(*(torch.tensor([[x]], **DOUBLE) for x in (0.0, 1.0)))
    second = sparse.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(SIDE, SIDE))
    laplacian = sparse.kronsum(second, second).tocsc()
    difference = (means[1] - means[0]).numpy()
    expected = np.sqrt(difference @ linalg.spsolve(laplacian, difference))
    np.testing.assert_allclose(found.numpy(), [expected], rtol=1e-10)


def test_sobolev_distances_grow_with_how_far_ink_moves():
    z0, near, far = (torch.tensor([[x]], **DOUBLE) for x in (2.0, 5.0, 12.0))
    blurred, sobolev = (
        lt.Euclidean(decoder)
        for decoder in (lt.BlurredDecoder(draw_dot, 1.0), lt.SobolevDecoder(draw_dot))
    )
    assert blurred.distance(z0, far) < 1.25 * blurred.distance(z0, near)
    assert sobolev.distance(z0, far) > 1.3 * sobolev.distance(z0, near)


@pytest.mark.parametrize("variance", [-1.0, math.nan, math.inf])
def test_bad_variances_are_refused(variance):
    with pytest.raises(ValueError, match="variance is"):
        lt.BlurredDecoder(draw_dot, variance)


def test_images_that_are_no_squares_are_refused():
    decoder = lt.BlurredDecoder(lambda z: Normal(z.expand(-1, 6), 1.0), 1.0)
    with pytest.raises(ValueError, match="6 pixels; expected a square number"):
        decoder(torch.zeros(2, 1))
