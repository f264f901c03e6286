"""Geometries by their metric tensor, against spaces whose distances are known."""

import pytest
import torch

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.metric import LatentMetric
from tests.problems import DOUBLE


def hyperbolic(z):
    """Diagonals of the metric of the upper half-plane."""
    return z[:, 1:].square().reciprocal().expand_as(z)


@pytest.fixture
def ends():
    generator = torch.Generator().manual_seed(0)
    across = torch.randn(2, 20, generator=generator, **DOUBLE)
    up = 0.3 + 2 * torch.rand(2, 20, generator=generator, **DOUBLE)
    return torch.stack((across, up), -1).unbind()


@pytest.mark.parametrize("make", [hyperbolic, lambda z: torch.diag_embed(hyperbolic(z))])
def test_distances_of_the_hyperbolic_half_plane(make, ends):
    z0, z1 = ends
    paths = connecting_geodesics(LatentMetric(make), z0, z1)
    square = (z1 - z0).square().sum(-1) / (z0[:, 1] * z1[:, 1])
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, 2 * (square.sqrt() / 2).asinh(), rtol=1e-4, atol=0)
    # Geodesics are circles around points of the edge.
    points = paths(torch.linspace(0, 1, 9))  # (B, T, 2)
    middle = (z1.square().sum(-1) - z0.square().sum(-1)) / (2 * (z1 - z0)[:, 0])
    radius = (points - torch.stack((middle, 0 * middle), -1)[:, None]).norm(dim=-1)
    torch.testing.assert_close(radius, radius[:, :1].expand_as(radius), rtol=1e-2, atol=0)


def test_a_full_metric_in_another_chart_has_the_same_distances(ends):
    turn = torch.tensor([[2.0, 0.3], [-0.5, 1.5]], **DOUBLE)  # new points are old ones @ turn
    back = torch.linalg.inv(turn)

    def metric(y):
        return back @ torch.diag_embed(hyperbolic(y @ back)) @ back.mT

    z0, z1 = ends
    old = connecting_geodesics(LatentMetric(hyperbolic), z0, z1)
    new = connecting_geodesics(LatentMetric(metric), z0 @ turn, z1 @ turn)
    torch.testing.assert_close(new.length, old.length, rtol=1e-4, atol=0)


def test_norm_and_volume_are_the_metrics(ends):
    z, v = ends
    geometry = LatentMetric(hyperbolic)
    torch.testing.assert_close(geometry.norm(z, v), v.norm(dim=-1) / z[:, 1])
    torch.testing.assert_close(geometry.volume(z), z[:, 1] ** -2)
    assert (geometry.lower_bound(z, v) == 0).all()


def test_latents_that_are_not_flat():
    geometry = LatentMetric(lambda z: 4 * torch.ones_like(z).flatten(1), latent_shape=(2, 3))
    z = torch.zeros(2, 6, **DOUBLE)
    torch.testing.assert_close(geometry.distance(z, z + 1), torch.full((2,), 24**0.5, **DOUBLE))
    with pytest.raises(ValueError, match="metric maps latent points"):
        LatentMetric(lambda z: z[:, :1]).distance(z, z)
    with pytest.raises(ValueError, match=r"flat points \(..., 6\) are expected"):
        geometry.distance(z[:, :5], z[:, :5])


def test_what_is_no_metric_is_refused(ends):
    z0, z1 = ends
    with pytest.raises(TypeError, match="metric is a Tensor; expected a callable"):
        LatentMetric(z0)
    with pytest.raises(ValueError, match="metric at z0 is not finite, or not positive definite"):
        connecting_geodesics(LatentMetric(lambda z: -torch.diag_embed(hyperbolic(z))), z0, z1)
    with pytest.raises(TypeError, match=r"to torch\.float32 on cpu; expected the same"):
        connecting_geodesics(LatentMetric(lambda z: hyperbolic(z).float()), z0, z1)
