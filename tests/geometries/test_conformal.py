"""Conformal geometries: the hyperbolic plane, the base geometry, finite differences."""

import pytest
import torch
from torch.distributions import Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.densities import AggregatePosterior
from tests.problems import DOUBLE, make_network

BASES = [Wasserstein1, Wasserstein2, Euclidean, FisherRao]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def bump(z):
    return -(z.square().sum(-1)) / 2 + z[..., 0].sin()


def log_height(z):
    return z[..., 1].log()


def hyperbolic_plane():
    """Half-plane model: F(z, v) = |v| / y."""
    return Conformal(LatentEuclidean(), log_height, 1.0)


def pairs_in_the_half_plane(dtype):
    z0 = torch.tensor([[-1.0, 1.0], [0.0, 0.5], [0.3, 2.0]], dtype=dtype)
    z1 = torch.tensor([[1.0, 1.0], [1.5, 1.5], [0.3, 0.7]], dtype=dtype)
    cosh = 1 + (z1 - z0).square().sum(-1) / (2 * z0[:, 1] * z1[:, 1])
    return z0, z1, torch.arccosh(cosh)


@pytest.mark.parametrize("solver", [GaussNewton(tolerance=1e-7), LBFGS(tolerance=1e-7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_geodesics_of_the_half_plane_are_semicircles(solver, dtype):
    z0, z1, distance = pairs_in_the_half_plane(dtype)
    paths = connecting_geodesics(hyperbolic_plane(), z0, z1, solver=solver, controls=12, points=64)
    points = paths(torch.linspace(0, 1, 33, dtype=dtype))  # (B, T, 2)
    assert points.dtype == dtype
    torch.testing.assert_close(paths.length, distance, rtol=1e-3, atol=0)
    # Circles about (c, 0) through both ends; the last pair's geodesic is a vertical line.
    squares = z1.square().sum(-1) - z0.square().sum(-1)
    centre = (squares / (2 * (z1 - z0)[:, 0]))[:2, None]  # (2, 1)
    radius = (points[:2, :, 0] - centre).square() + points[:2, :, 1].square()
    torch.testing.assert_close(radius, radius[:, :1].expand_as(radius), rtol=5e-3, atol=0)
    torch.testing.assert_close(
        points[2, :, 0], torch.full((33,), 0.3, dtype=dtype), rtol=0, atol=1e-3
    )
    line = torch.lerp(z0[:, None], z1[:, None], torch.linspace(0, 1, 257, dtype=dtype)[:, None])
    assert (paths.length[:2] < 0.99 * hyperbolic_plane().curve_length(line)[:2]).all()


def test_gauss_newton_needs_few_steps():
    z0, z1, _ = pairs_in_the_half_plane(torch.float64)
    paths = connecting_geodesics(hyperbolic_plane(), z0, z1)
    assert paths.converged.all()
    assert paths.report.iterations.max() <= 20


@pytest.mark.parametrize("base", BASES)
def test_strength_0_gives_the_base_geometry(base):
    base = base(make_network("logistic"))
    geometry = Conformal(base, bump, 0.0)
    points, v = draw(2, 5, 2), draw(2, 5, 2, seed=1)
    for measure in ("curve_length", "curve_energy", "volume"):
        torch.testing.assert_close(
            getattr(geometry, measure)(points), getattr(base, measure)(points), rtol=2e-4, atol=0
        )
    torch.testing.assert_close(geometry.norm(points, v), base.norm(points, v), rtol=2e-4, atol=0)


@pytest.mark.parametrize("base", BASES)
def test_norm_tensor_and_volume_are_weighted(base):
    base = base(make_network("logistic"))
    geometry = Conformal(base, bump, 0.7, reference=-0.4)
    z, v = draw(6, 2), draw(6, 2, seed=1)
    weight = (-0.7 * (bump(z) + 0.4)).exp()
    options = {"rtol": 1e-3, "atol": 0}
    torch.testing.assert_close(geometry.norm(z, v), weight * base.norm(z, v), **options)
    square = weight.square()
    tensor = base.tensor(z, v)
    torch.testing.assert_close(geometry.tensor(z, v), square[:, None, None] * tensor, **options)
    torch.testing.assert_close(geometry.volume(z), square * base.volume(z), **options)


def test_weight_is_one_at_the_reference_and_bounded_elsewhere():
    geometry = Conformal(LatentEuclidean(), lambda z: z[..., 0], 2.0, reference=3.0)
    z = torch.tensor([[3.0, 0.0], [4.0, 0.0], [-1e6, 0.0], [1e6, 0.0]])
    torch.testing.assert_close(
        geometry.log_weight(z), torch.tensor([0.0, -2.0, 10.0, -10.0]), rtol=1e-3, atol=1e-3
    )
    assert torch.isfinite(geometry.distance(z[:1], z)).all()


@pytest.mark.parametrize("base", BASES)
def test_jacobian_against_finite_differences(base):
    mean, scale = draw(30, 2), 0.3 * draw(30, 2, seed=3).abs()
    density = AggregatePosterior(mean, scale, 0.4)
    geometry = Conformal(base(make_network("logistic")), density, 0.8, reference=-2.0)
    z, eps = draw(3, 4, 2, seed=5), 1e-6
    p, jacobian = geometry.decode_with_jacobian(z)
    q = geometry.decode(z)
    assert p.family is q.family is jacobian.family
    assert [x.shape for x in p.tensors] == [(3, 4, 2, 6), (3, 4, 1, 6)]
    for found, expected, slopes in zip(p.tensors, q.tensors, jacobian.tensors, strict=True):
        torch.testing.assert_close(found, expected)
        assert slopes.shape == (2, *found.shape)
    for axis, e in enumerate(torch.eye(2, **DOUBLE)):
        after, before = (geometry.decode(z + step) for step in (eps * e, -eps * e))
        for slopes, a, b in zip(jacobian.tensors, after.tensors, before.tensors, strict=True):
            slope = (a - b) / (2 * eps)
            torch.testing.assert_close(slopes[axis], slope, rtol=1e-5, atol=1e-6)


def difference(geometry, z, eps=1e-4):
    """Second derivatives of the log weight (..., d, d), by central differences."""
    axes = eps * torch.eye(z.shape[-1], **DOUBLE)
    rows = [
        [
            sum(i * j * geometry.log_weight(z + i * e + j * f) for i in (-1, 1) for j in (-1, 1))
            / (4 * eps**2)
            for f in axes
        ]
        for e in axes
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_curvature_of_the_weight_against_finite_differences(dims):
    mean, scale = draw(30, dims), 0.3 * draw(30, dims, seed=3).abs()
    density = AggregatePosterior(mean, scale, 0.4)
    geometry = Conformal(LatentEuclidean(), density, 0.8, reference=-2.0)
    z = draw(3, 4, dims, seed=5)
    found = geometry.weight_curvature(z)
    assert found.shape == (3, 4, dims, dims)
    assert not found.requires_grad
    torch.testing.assert_close(found, found.mT)
    torch.testing.assert_close(found, difference(geometry, z), rtol=1e-4, atol=1e-4)


def test_curvatures_of_weights_add_up():
    inner = Conformal(LatentEuclidean(), bump, 0.7)
    outer = Conformal(inner, lambda z: -z.pow(4).sum(-1), 0.1)
    z = draw(6, 2)
    parts = difference(inner, z) + difference(outer, z)  # each of its own weight
    torch.testing.assert_close(outer.weight_curvature(z), parts, rtol=1e-4, atol=1e-4)
    assert torch.equal(LatentEuclidean().weight_curvature(z), torch.zeros(6, 2, 2, **DOUBLE))


def test_a_clamped_weight_is_flat():
    geometry = Conformal(LatentEuclidean(), lambda z: -z.square().sum(-1), 1.0)
    near, far = torch.zeros(1, 2, **DOUBLE), torch.full((1, 2), 30.0, **DOUBLE)
    torch.testing.assert_close(
        geometry.weight_curvature(near)[0], 2 * torch.eye(2, **DOUBLE), rtol=1e-3, atol=1e-3
    )
    assert geometry.weight_curvature(far).abs().max() < 1e-10


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_curvature_of_the_weight_needs_no_gradient_mode(mode):
    geometry, z = hyperbolic_plane(), torch.tensor([[0.0, 2.0]], **DOUBLE)
    with mode():
        found = geometry.weight_curvature(z)
    expected = torch.tensor([[[0.0, 0.0], [0.0, 0.25]]], **DOUBLE)  # of -log y
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_curves_keep_to_the_codes():
    angle = torch.linspace(0, torch.pi, 60, **DOUBLE)
    codes = torch.stack((angle.cos(), angle.sin()), -1)  # half a circle
    density = AggregatePosterior(codes, torch.full_like(codes, 0.1), 0.2)
    reference = density(codes).mean()
    z0, z1 = codes[:1] + torch.tensor([0.0, 0.3]), codes[-1:] + torch.tensor([0.0, 0.3])
    heights = []
    for strength in (0.0, 0.5, 2.0):
        geometry = Conformal(LatentEuclidean(), density, strength, reference=reference)
        path = connecting_geodesics(geometry, z0, z1)(torch.tensor([0.5], **DOUBLE))
        heights.append(path[0, 0, 1])
    assert abs(heights[0] - 0.3) < 1e-3
    assert heights[0] < heights[1] < heights[2] < 1.2
    assert heights[2] > 0.8


def test_arguments_are_left_as_they_are():
    geometry = hyperbolic_plane()
    z = torch.tensor([[0.0, 1.0], [1.0, 2.0]])
    copy = z.clone()
    geometry.decode_with_jacobian(z)
    geometry.curve_energy(z)
    assert torch.equal(z, copy)
    assert geometry.strength == 1.0


def test_shapes_alone_are_enough():
    geometry = hyperbolic_plane()
    z = torch.empty(3, 5, 2, device="meta")
    assert geometry.curve_length(z).shape == (3,)
    p = geometry.decode(z)
    assert p.coordinates.shape == (3, 5, 2, 2)
    assert [x.shape for x in p.log_weights] == [(3, 5, 1, 2)]
    assert geometry.residuals(p[:, 1:], p[:, :-1]).shape == (3, 4, 1, 2)


def test_latent_distance_is_the_norm_of_the_difference():
    z0, z1 = draw(4, 5), draw(4, 5, seed=1)
    geometry = LatentEuclidean()
    torch.testing.assert_close(geometry.distance(z0, z1), (z0 - z1).norm(dim=-1))
    torch.testing.assert_close(geometry.volume(z0), torch.ones(4, **DOUBLE))
    assert isinstance(geometry.decoder(z0), Normal)


class Doubled(Geometry):
    """A user's geometry: another one's, twice as long."""

    def __init__(self, geometry):
        super().__init__(geometry.decoder)
        self.geometry = geometry

    def decode(self, z):
        return self.geometry.decode(z)

    def decode_with_jacobian(self, z):
        return self.geometry.decode_with_jacobian(z)

    def residuals(self, p, q):
        return 2 * self.geometry.residuals(p, q)

    def local_residuals(self, p, dp):
        return 2 * self.geometry.local_residuals(p, dp)


def test_a_weight_multiplies_the_geometry_that_it_is_given_whatever_that_wraps():
    inner = hyperbolic_plane()
    plain = Conformal(inner, inner.log_density, 0.3)
    doubled = Conformal(Doubled(inner), inner.log_density, 0.3)
    z0, z1 = draw(6, 2).abs() + 0.5, draw(6, 2, seed=1).abs() + 0.5
    torch.testing.assert_close(doubled.distance(z0, z1), 2 * plain.distance(z0, z1))
    torch.testing.assert_close(doubled.norm(z0, z1), 2 * plain.norm(z0, z1))
    weight = plain.log_weight(z0).exp()
    torch.testing.assert_close(plain.norm(z0, z1), weight * inner.norm(z0, z1))


def test_points_of_another_geometry_have_no_weight_to_take_off():
    geometry = hyperbolic_plane()
    p = geometry.geometry.decode(draw(3, 2).abs() + 0.5)
    with pytest.raises(TypeError, match="decode them with the weighted geometry"):
        geometry.residuals(p, p)
