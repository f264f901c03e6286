"""Geodesics in 64 to 512 dimensions, where no Jacobian is taken at every corner."""

import math

import pytest
import torch
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.measures.benchmarks import peak_allocation
from latent_transport.evidence.measures.decoders import DECODERS
from latent_transport.evidence.zoo.spheres import angle, stereographic
from latent_transport.geodesics.solvers.mean_metric import mean_metric
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.riemannian import Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE

SIZES = [64, 256]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("solver", [lt.GaussNewton(), lt.LBFGS()], ids=["gauss-newton", "lbfgs"])
@pytest.mark.parametrize("dims", [*SIZES, 512])
def test_great_circles_have_their_length(dims, solver, dtype):
    """The first runs from the edge of the chart through its middle: its metric varies a lot."""
    z0, z1 = (draw(2, dims, seed=seed) / math.sqrt(dims) for seed in (0, 1))
    z0[0], z1[0] = -torch.linspace(0, 1, dims, **DOUBLE), 0.5
    z0, z1 = z0.to(dtype), z1.to(dtype)
    geometry = Wasserstein1(lambda z: Normal(stereographic(z), 1.0))
    paths = lt.connecting_geodesics(geometry, z0, z1, solver=solver)
    assert paths.converged.all()
    expected = angle(stereographic, z0.double(), z1.double())
    torch.testing.assert_close(paths.length.double(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("dims", SIZES)
def test_stiff_linear_decoders_have_straight_geodesics(dims):
    """The metric's axes differ by factors of a hundred, and the curves start bent."""
    stretch = torch.logspace(-1, 1, dims, **DOUBLE)
    turn = torch.linalg.qr(draw(dims, dims, seed=2)).Q
    geometry = Wasserstein1(lambda z: Normal((z * stretch) @ turn, 1.0))
    z0, z1 = draw(2, 2, dims)
    paths = lt.connecting_geodesics(geometry, z0, z1, restarts=1)
    assert paths.converged.all()
    expected = (stretch * (z1 - z0)).norm(dim=-1)
    torch.testing.assert_close(paths.length, expected, rtol=1e-3, atol=0)


def of_trace(matrix):
    """Brought to a trace of as much as there are dimensions."""
    return matrix / matrix.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]


def test_mean_metric_is_the_tensor_of_what_is_linear():
    matrix = draw(64, 70, seed=3)
    geometry = Wasserstein2(lambda z: Normal(z @ matrix, 1.0))
    z = draw(2, 9, 64)
    expected = of_trace((matrix @ matrix.T).expand(2, -1, -1))
    torch.testing.assert_close(mean_metric(geometry, z), expected)


def test_mean_metric_counts_the_directions_of_a_sphere_alike():
    """However small the metric is at the edge of the chart, and large in its middle."""
    geometry = Wasserstein2(lambda z: Normal(stereographic(z), 1.0))
    z = torch.linspace(-2, 2, 385, **DOUBLE)[:, None] * draw(2, 1, 60).sign()
    expected = torch.eye(60, **DOUBLE).expand(2, -1, -1)
    torch.testing.assert_close(mean_metric(geometry, z), expected, rtol=0, atol=0.02)


def test_mean_metric_has_the_slope_of_a_weight_in_it():
    slope, step = draw(5, seed=4), 0.3 * draw(5, seed=5)
    geometry = Conformal(LatentEuclidean(), lambda z: z @ slope, 2.0)
    z = (torch.arange(-4, 5, **DOUBLE)[:, None] * step).expand(2, -1, -1)
    # of r(p) = w(p) (p - q), over w: what the weight adds is the slope of log w, half of it
    jacobian = torch.eye(5, **DOUBLE) + torch.outer(step, slope)
    expected = of_trace((jacobian.T @ jacobian).expand(2, -1, -1))
    torch.testing.assert_close(mean_metric(geometry, z), expected, rtol=2e-3, atol=2e-3)


def test_the_metric_is_computed_within_its_memory():
    geometry = Wasserstein1(DECODERS["convolutional"](64, 16))
    z = torch.lerp(*draw(2, 4, 1, 64).float(), torch.linspace(0, 1, 17)[:, None])
    bound = 2**21
    whole = mean_metric(geometry, z)
    parts = mean_metric(geometry, z, memory=bound)
    assert ((parts - whole).norm(dim=(1, 2)) < 1e-4 * whole.norm(dim=(1, 2))).all()
    all_at_once = peak_allocation(lambda: mean_metric(geometry, z), z.device)
    few = peak_allocation(lambda: mean_metric(geometry, z, memory=bound), z.device)
    assert few < all_at_once / 2


def test_axes_are_differentiated_in_parts(monkeypatch):
    decoder = DECODERS["dense"](64, 8)
    z = draw(5, 64).float()
    _, whole = Wasserstein1(decoder).decode_with_jacobian(z)
    monkeypatch.setattr("latent_transport.memory.MEMORY", 2**18)
    geometry = Wasserstein1(decoder)
    assert geometry._count_axes(z) < 64
    _, parts = geometry.decode_with_jacobian(z)
    torch.testing.assert_close(parts.coordinates, whole.coordinates, rtol=1e-4, atol=1e-4)


def test_axes_keep_to_the_memory(monkeypatch):
    geometry, z = Wasserstein1(DECODERS["convolutional"](256, 32)), draw(1, 256).float()
    monkeypatch.setattr("latent_transport.memory.MEMORY", 2**27)
    geometry.decode_with_jacobian(z)  # what an axis takes is measured once
    assert geometry._count_axes(z) < 256
    peak = peak_allocation(lambda: geometry.decode_with_jacobian(z), z.device)
    assert peak < 2**27


@pytest.mark.parametrize("name", DECODERS)
def test_random_decoders_have_geodesics_in_default_settings(name):
    decoder = DECODERS[name](64, 16)
    z0, z1 = 1.3 * draw(2, 2, 64).float()
    paths = lt.connecting_geodesics(Wasserstein1(decoder), z0, z1)
    assert paths.converged.all()
    line = torch.lerp(z0[:, None], z1[:, None], torch.linspace(0, 1, 257)[:, None])
    assert (paths.length < 0.97 * Wasserstein1(decoder).curve_length(line)).all()
    assert (paths.report.iterations < 100).all()


def test_a_finer_spline_in_many_dimensions_keeps_its_mean_metric():
    """Of 57 control points in 30 dimensions a dense matrix would have 1,710 rows."""
    z0, z1 = (draw(2, 30, seed=seed) / math.sqrt(30) for seed in (0, 1))
    geometry = Wasserstein1(lambda z: Normal(stereographic(z), 1.0))
    paths = lt.connecting_geodesics(geometry, z0, z1, controls=57, points=128)
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, angle(stereographic, z0, z1), rtol=1e-4, atol=0)
