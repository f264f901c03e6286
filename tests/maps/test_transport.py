"""Parallel transport, against closed forms and what each connection keeps."""

import pytest
import torch
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import stereographic
from latent_transport.maps import transport
from latent_transport.maps.momenta import fundamental_tensors
from tests.problems import DOUBLE

FINE = lt.GaussNewton(tolerance=1e-8)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def sphere(geometry=lt.Wasserstein1):
    return geometry(lambda z: Normal(stereographic(z), 1.0))


def turned(z0, z1, v):
    """Vectors (B, d) of the chart carried along great circles, in closed form."""
    x, tangent = torch.func.jvp(stereographic, (z0,), (v,))
    y = stereographic(z1)
    # The rotation that takes x to y leaves what is normal to both.
    share = (y * tangent).sum(-1, keepdim=True) / (1 + (x * y).sum(-1, keepdim=True))
    moved = tangent - share * (x + y)  # (B, d + 1)
    last, by = y[:, -1:], moved[:, -1:]
    return moved[:, :-1] / (1 - last) + y[:, :-1] * by / (1 - last).square()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("dims", [2, 10])
def test_vectors_on_spheres_turn_with_the_great_circles(dims, dtype):
    z0, z1 = ((draw(3, dims, seed=s) * 0.7 / dims**0.5).to(dtype) for s in (1, 2))
    v = draw(3, dims, seed=3).to(dtype)
    paths = lt.connecting_geodesics(sphere(), z0, z1, solver=FINE)
    found = lt.parallel_transport(sphere(), paths, v).double()
    expected = turned(z0.double(), z1.double(), v.double())
    worst = ((found - expected).norm(dim=-1) / expected.norm(dim=-1)).max()
    assert worst < 1e-3


def curved(d=3):
    first, second = draw(d, 16, seed=11) / d**0.5, draw(16, 60, seed=12) / 4

    def decoder(z):
        mean, scale = ((z @ first).tanh() @ second).chunk(2, -1)
        return Normal(3 * mean, 1 + torch.nn.functional.softplus(scale))

    return decoder


def products(geometry, z, direction, *vectors):
    tensor = fundamental_tensors(geometry, z, direction)
    return torch.stack([(u @ tensor @ w[..., None]).squeeze() for u, w in vectors])


@pytest.mark.parametrize("kind", [lt.Wasserstein2, lt.Wasserstein1])
def test_inner_products_along_the_path_are_kept(kind):
    """Riemannian or Finsler: those of the tensor in the direction of the path."""
    geometry = kind(curved())
    z0, z1 = draw(1, 3, seed=13) / 2, draw(1, 3, seed=14) / 2
    paths = lt.connecting_geodesics(geometry, z0, z1, solver=FINE, controls=29, points=125)
    u, w = draw(1, 3, seed=15), draw(1, 3, seed=16)
    start, end = (lt.logarithm_map(geometry, *ends, controls=29) for ends in ((z0, z1), (z1, z0)))
    moved = [lt.parallel_transport(geometry, paths, x, tolerance=1e-4) for x in (u, w, start)]
    before = products(geometry, z0, start, (u, u), (w, w), (u, w))
    after = products(
        geometry, z1, end, *((a, b) for a, b in zip(moved[:2], moved[:2], strict=True))
    )
    scale = before[:2].prod().sqrt()
    assert ((after - before[:2]).abs() / before[:2]).max() < 5e-3
    (mixed,) = products(geometry, z1, end, (moved[0], moved[1]))
    assert (mixed - before[2]).abs() / scale < 5e-3
    assert (moved[2] + end).norm() / end.norm() < 1e-2


def test_flat_spaces_keep_vectors_as_they_are():
    means, scales = draw(3, 40, seed=7), draw(3, 40, seed=8) * 0.05
    geometry = lt.Wasserstein1(lambda z: Normal(z @ means, 3 + z @ scales))
    z0, z1, v = (draw(2, 3, seed=s) / 2 for s in (17, 18, 19))
    paths = lt.connecting_geodesics(geometry, z0, z1)
    found = lt.parallel_transport(geometry, paths, v)
    torch.testing.assert_close(found, v, rtol=0, atol=1e-3)


def test_there_and_back_again_is_the_vector():
    z0, z1, v = (draw(2, 2, seed=s) / 2 for s in (20, 21, 22))
    there = lt.connecting_geodesics(sphere(), z0, z1, solver=FINE)
    back = lt.connecting_geodesics(sphere(), z1, z0, solver=FINE)
    moved = lt.parallel_transport(sphere(), there, v)
    again = lt.parallel_transport(sphere(), back, moved)
    torch.testing.assert_close(again, v, rtol=0, atol=1e-3)
    single = lt.parallel_transport(sphere(), there, v[0])
    torch.testing.assert_close(single[:1], moved[:1])


def test_nothing_moves_along_no_way():
    z, v = draw(2, 2, seed=23), draw(2, 2, seed=24)
    paths = lt.connecting_geodesics(sphere(), z, z)
    assert torch.equal(lt.parallel_transport(sphere(), paths, v), v)


def test_what_does_not_fit_is_refused_and_what_fails_is_told(monkeypatch):
    paths = lt.connecting_geodesics(sphere(), draw(2, 2, seed=25), draw(2, 2, seed=26))
    with pytest.raises(ValueError, match="v has shape"):
        lt.parallel_transport(sphere(), paths, torch.ones(3, 2, **DOUBLE))
    with pytest.raises(ValueError, match="steps is 0"):
        lt.parallel_transport(sphere(), paths, torch.ones(2, **DOUBLE), steps=0)
    with pytest.raises(ValueError, match="tolerance is 0"):
        lt.parallel_transport(sphere(), paths, torch.ones(2, **DOUBLE), tolerance=0)
    monkeypatch.setattr(transport, "MOST_STEPS", 2)
    with pytest.warns(RuntimeWarning, match="not within the tolerance"):
        lt.parallel_transport(sphere(), paths, torch.ones(2, **DOUBLE), steps=2, tolerance=1e-12)
