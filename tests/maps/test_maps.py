"""Logarithm and exponential map, against closed forms and against each other."""

import pytest
import torch
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import angle, stereographic
from latent_transport.maps import exponential
from tests.problems import DOUBLE


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE).to(dtype)


def sphere(geometry=lt.Wasserstein1):
    return geometry(lambda z: Normal(stereographic(z), 1.0))


def great_circles(z, v, t):
    """Points (B, T, d) of the chart at times t (T,), and the lengths (B,) of the whole."""
    x, tangent = torch.func.jvp(stereographic, (z,), (v,))
    length = tangent.norm(dim=-1)
    at = length[:, None, None] * t[:, None]
    y = at.cos() * x[:, None] + at.sin() * (tangent / length[:, None])[:, None]
    return y[..., :-1] / (1 - y[..., -1:]), length


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("dims", [2, 10, 50])
def test_spheres_have_great_circles(dims, dtype):
    z, v = draw(4, dims, seed=1) * 0.7 / dims**0.5, draw(4, dims, seed=2) / dims**0.5
    shots = lt.shoot_geodesics(sphere(), z.to(dtype), v.to(dtype))
    assert shots.converged.all()
    expected, length = great_circles(z, v, torch.linspace(0, 1, 9, **DOUBLE))
    found = shots.points.double()
    apart = angle(stereographic, expected, found) / length[:, None]
    assert apart.max() < (1e-4 if dtype == torch.float64 else 1e-3)
    back = lt.logarithm_map(sphere(), z.to(dtype), shots.end).double()
    worst = ((back - v).norm(dim=-1) / v.norm(dim=-1)).max()
    assert worst < (1e-3 if dtype == torch.float64 else 1e-2)


def test_the_error_is_what_it_is_said_to_be():
    """Before the extrapolation, which only makes it smaller."""
    z, v = draw(3, 2, seed=3) / 2, draw(3, 2, seed=4) / 2
    shots = lt.shoot_geodesics(sphere(), z, v, tolerance=1e-3)
    expected, length = great_circles(z, v, torch.ones(1, **DOUBLE))
    apart = angle(stereographic, expected[:, 0], shots.end) / length
    assert shots.converged.all()
    assert (apart < shots.error).all()


def hyperbolic_end(z, v):
    """Closed form for normals (m, log s) of the Fisher information, by the half plane."""
    x, y = z[:, 0] / 2**0.5, z[:, 1].exp()
    u = torch.complex(v[:, 0] / 2**0.5, v[:, 1] * y)
    length, half = u.abs() / y, (u.angle() - torch.pi / 2) / 2
    up = torch.complex(torch.zeros_like(length), length.exp())
    w = (half.cos() * up + half.sin()) / (-half.sin() * up + half.cos())
    return torch.stack(((y * w.real + x) * 2**0.5, (y * w.imag).log()), -1)


def test_normals_under_fisher_rao_are_a_hyperbolic_plane():
    geometry = lt.FisherRao(lambda z: Normal(z[:, :1], z[:, 1:].exp()))
    z, v = draw(6, 2, seed=5) / 2, draw(6, 2, seed=6)
    found = lt.exponential_map(geometry, z, v)
    torch.testing.assert_close(found, hyperbolic_end(z, v), rtol=0, atol=1e-5)
    back = lt.logarithm_map(geometry, z, found)
    torch.testing.assert_close(back, v, rtol=0, atol=2e-3)


@pytest.mark.parametrize("dims", [2, 20])
def test_linear_decoders_have_straight_lines(dims):
    """A flat Finsler space: means and scales are linear, and W1 is a norm that is not Euclidean."""
    means, scales = draw(dims, 40, seed=7), draw(dims, 40, seed=8) * 0.1 / dims**0.5
    geometry = lt.Wasserstein1(lambda z: Normal(z @ means, 3 + z @ scales))
    z, v = draw(4, dims, seed=9) / 4, draw(4, dims, seed=10)
    shots = lt.shoot_geodesics(geometry, z, v)
    t = torch.linspace(0, 1, 9, **DOUBLE)[:, None]
    torch.testing.assert_close(shots.points, z[:, None] + t * v[:, None], rtol=0, atol=1e-9)
    torch.testing.assert_close(lt.logarithm_map(geometry, z, z + v), v, rtol=0, atol=1e-9)


def curved(d=3):
    """A decoder with curved means and scales: Riemannian for W2, Finsler for W1."""
    first, second = draw(d, 16, seed=11) / d**0.5, draw(16, 60, seed=12) / 4

    def decoder(z):
        mean, scale = ((z @ first.to(z)).tanh() @ second.to(z)).chunk(2, -1)
        return Normal(3 * mean, 1 + torch.nn.functional.softplus(scale))

    return decoder


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("kind", [lt.Wasserstein1, lt.Wasserstein2, lt.FisherRao])
def test_the_exponential_of_a_logarithm_is_the_point(kind, dtype):
    geometry, tolerance = kind(curved()), 1e-3 if dtype == torch.float64 else 3e-3
    z0, z1 = draw(4, 3, seed=13, dtype=dtype), draw(4, 3, seed=14, dtype=dtype)
    paths = lt.connecting_geodesics(geometry, z0, z1, solver=lt.GaussNewton(tolerance=1e-8))
    v = lt.logarithm_map(geometry, z0, z1)
    finer = lt.connecting_geodesics(geometry, z0, z1, controls=29, points=257)
    torch.testing.assert_close(geometry.norm(z0, v), finer.length, rtol=tolerance / 3, atol=0)
    assert torch.equal(v, lt.initial_velocities(paths))
    end = lt.exponential_map(geometry, z0, v)
    assert (geometry.distance(end, z1) / paths.length).max() < tolerance


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_kinks_do_not_change_how_long_a_logarithm_is(dtype):
    """In one dimension there is one way, whose length is that of a fine polygon."""
    slopes, shifts = draw(1, 24, seed=15, dtype=dtype), draw(24, seed=16, dtype=dtype)
    out = draw(24, 40, seed=17, dtype=dtype)
    geometry = lt.Wasserstein1(lambda z: Normal((z @ slopes + shifts).relu() @ out, 1.0))
    z0, z1 = draw(5, 1, seed=18, dtype=dtype), draw(5, 1, seed=19, dtype=dtype)
    v = lt.logarithm_map(geometry, z0, z1)
    t = torch.linspace(0, 1, 2001, dtype=dtype)[:, None]
    length = geometry.curve_length(torch.lerp(z0[:, None], z1[:, None], t))
    torch.testing.assert_close(geometry.norm(z0, v), length, rtol=5e-3, atol=0)
    assert torch.equal(v.sign(), (z1 - z0).sign())


def test_a_weighted_geometry_too():
    geometry = lt.Conformal(lt.Wasserstein2(curved()), lambda z: -z.square().sum(-1), 0.3)
    z0, z1 = draw(4, 3, seed=13) / 2, draw(4, 3, seed=14) / 2
    end = lt.exponential_map(geometry, z0, lt.logarithm_map(geometry, z0, z1))
    assert (end - z1).norm(dim=-1).max() < 1e-2


def test_a_curve_does_not_depend_on_its_companions():
    z, v = draw(5, 2, seed=15) / 2, draw(5, 2, seed=16) / 2
    together = lt.exponential_map(sphere(), z, v)
    alone = lt.exponential_map(sphere(), z[2], v[2])
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=1e-8)
    assert lt.exponential_map(sphere(), z[0], v).shape == (5, 2)


def test_no_velocity_is_no_way():
    z = draw(3, 2, seed=17)
    assert torch.equal(lt.exponential_map(sphere(), z, torch.zeros_like(z)), z)
    assert torch.equal(lt.logarithm_map(sphere(), z, z), torch.zeros_like(z))


def test_coordinates_that_a_decoder_ignores_run_straight():
    geometry = lt.Wasserstein1(lambda z: Normal(stereographic(z[:, :2]), 1.0))
    z, v = draw(3, 3, seed=18) / 2, draw(3, 3, seed=19) / 2
    end = lt.exponential_map(geometry, z, v)
    torch.testing.assert_close(end[:, 2], z[:, 2] + v[:, 2])
    plane = lt.exponential_map(sphere(), z[:, :2], v[:, :2])
    torch.testing.assert_close(end[:, :2], plane, rtol=0, atol=1e-6)


def test_a_curve_that_leaves_the_finite_is_told():
    geometry = lt.Euclidean(lambda z: Normal(z.log(), 1.0))
    z, v = torch.ones(2, 1, **DOUBLE), torch.tensor([[1.0], [1.0]], **DOUBLE)
    ends = lt.exponential_map(geometry, z, v)  # log z is the arc length
    torch.testing.assert_close(ends, torch.full_like(ends, torch.e), rtol=1e-3, atol=0)
    wall = lt.Euclidean(lambda z: Normal(torch.where(z < 2, z, torch.nan), 1.0))
    v = torch.tensor([[0.5], [3.0]], **DOUBLE)
    shots = lt.shoot_geodesics(wall, z, v)
    assert shots.outcome.tolist() == [lt.Outcome.CONVERGED, lt.Outcome.NOT_FINITE]
    torch.testing.assert_close(shots.end[0], torch.tensor([1.5], **DOUBLE))
    with pytest.raises(ValueError, match=r"1 of 2 curves leave .* number 1"):
        lt.exponential_map(wall, z, v)


def test_what_is_not_solved_is_told(monkeypatch):
    monkeypatch.setattr(exponential, "MOST_STEPS", 16)
    z, v = draw(1, 2, seed=20), draw(1, 2, seed=21)
    with pytest.warns(RuntimeWarning, match="not within the tolerance"):
        lt.exponential_map(sphere(), z, v, tolerance=1e-12)
    with pytest.warns(RuntimeWarning, match="did not converge"):
        lt.logarithm_map(sphere(), z, -z, solver=lt.GaussNewton(max_iterations=1))


@pytest.mark.parametrize("options", [{"steps": 1}, {"steps": 2.0}, {"tolerance": 0.0}])
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        lt.exponential_map(sphere(), torch.zeros(1, 2), torch.ones(1, 2), **options)


def test_vectors_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"z has shape .*, v "):
        lt.exponential_map(sphere(), torch.zeros(1, 2), torch.ones(1, 3))
    with pytest.raises(ValueError, match="not finite"):
        lt.exponential_map(sphere(), torch.zeros(1, 2), torch.full((1, 2), torch.inf))
