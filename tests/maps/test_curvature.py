"""Curvature, against closed forms."""

import pytest
import torch
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import stereographic
from tests.problems import DOUBLE


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


@pytest.mark.parametrize("dims", [2, 5])
@pytest.mark.parametrize("radius", [1.0, 3.0])
def test_spheres_have_the_inverse_square_of_their_radius(radius, dims):
    def decoder(z):
        return Normal(radius * stereographic(z), 1.0)

    z, u, v = (draw(3, dims, seed=s) / dims**0.5 for s in (1, 2, 3))
    found = lt.sectional_curvature(lt.Wasserstein2(decoder), z, u, v)
    torch.testing.assert_close(found, torch.full_like(found, radius**-2), rtol=1e-2, atol=0)
    flag = lt.flag_curvature(lt.Wasserstein1(decoder), z, u, v)
    torch.testing.assert_close(flag, torch.full_like(flag, radius**-2), rtol=1e-2, atol=0)


def test_a_torus_has_curvature_of_both_signs():
    def decoder(z):
        outer, inner = z.unbind(-1)
        around = 2 + inner.cos()
        return Normal(torch.stack((around * outer.cos(), around * outer.sin(), inner.sin()), -1), 1)

    z = torch.tensor([[0.0, 0.0], [1.0, 0.7], [2.0, 2.5], [0.3, torch.pi]], **DOUBLE)
    found = lt.sectional_curvature(lt.Wasserstein2(decoder), z, draw(4, 2, seed=4), draw(2, seed=5))
    expected = z[:, 1].cos() / (2 + z[:, 1].cos())
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=0)


def test_normals_under_fisher_rao_have_minus_one_half():
    geometry = lt.FisherRao(lambda z: Normal(z[:, :1], z[:, 1:].exp()))
    z, u, v = (draw(4, 2, seed=s) / 2 for s in (6, 7, 8))
    found = lt.sectional_curvature(geometry, z, u, v)
    torch.testing.assert_close(found, torch.full_like(found, -0.5), rtol=1e-2, atol=0)


def test_flat_finsler_spaces_have_none():
    means, scales = draw(3, 40, seed=7), draw(3, 40, seed=8) * 0.05
    geometry = lt.Wasserstein1(lambda z: Normal(z @ means, 3 + z @ scales))
    found = lt.flag_curvature(
        geometry, draw(3, 3, seed=9) / 4, draw(3, 3, seed=10), draw(3, seed=11)
    )
    assert (found.abs() < 1e-3).all()  # the unit circle's would be 1 / norm^2


def test_a_plane_of_one_direction_has_none():
    geometry = lt.Wasserstein2(lambda z: Normal(stereographic(z), 1.0))
    u = draw(2, 2, seed=12)
    found = lt.sectional_curvature(geometry, draw(2, 2, seed=13), u, -2 * u)
    assert found.isnan().all()


def test_single_precision_is_warned_of_where_it_is_called(recwarn):
    z = torch.zeros(1, 2)
    u, v = torch.eye(2)[:, None]
    for dtype, count in ((torch.float64, 0), (torch.float32, 1)):
        ends = (x.to(dtype) for x in (z, u, v))
        lt.flag_curvature(lt.Euclidean(lambda z: torch.distributions.Normal(2 * z, 1.0)), *ends)
        told = [warning for warning in recwarn if "float32" in str(warning.message)]
        assert len(told) == count
    assert told[0].filename == __file__


def test_what_does_not_fit_is_refused():
    geometry = lt.Wasserstein1(lambda z: Normal(z, 1.0))
    x = torch.ones(2)
    with pytest.raises(TypeError, match="no sectional curvature"):
        lt.sectional_curvature(geometry, x, x, x)
    with pytest.raises(ValueError, match="reach is 0"):
        lt.flag_curvature(geometry, x, x, x, reach=0)
    with pytest.raises(ValueError, match=r"z has shape .*, v "):
        lt.flag_curvature(geometry, x, x, torch.ones(3))
