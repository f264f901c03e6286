"""Latent spaces with fewer coordinates: there and back, decoders and geodesics on them."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.conformal import Conformal
from latent_transport.geometries.subspaces import Subspace
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, PROBLEMS, make_network


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def hide(decoder, dims, total):
    """A decoder of ``total`` coordinates that sees some of them alone."""
    return lambda z: decoder(z[..., dims])


def test_coordinates_come_back():
    at = draw(5, seed=3)
    subspace, y = Subspace([3, 0], at), draw(2, 7, 2)
    z = subspace.embed(y)
    assert torch.equal(subspace.project(z), y)
    assert torch.equal(z[..., [1, 2, 4]], at[[1, 2, 4]].expand(2, 7, 3))
    assert subspace.embed(y.float()).dtype == torch.float32
    assert subspace.embed(y.to("meta")).shape == (2, 7, 5)


def test_norms_are_those_of_the_whole_along_the_coordinates():
    decoder, at = make_network("logistic", dims=4), draw(4, seed=3)
    subspace, y, v = Subspace([0, 2], at), draw(5, 2), draw(5, 2, seed=1)
    whole = Wasserstein1(decoder)
    part = Wasserstein1(subspace.restrict(decoder))
    straight = Subspace([0, 2], torch.zeros_like(at)).embed(v)
    torch.testing.assert_close(part.norm(y, v), whole.norm(subspace.embed(y), straight))
    points = draw(3, 6, 2)
    torch.testing.assert_close(
        part.curve_length(points), whole.curve_length(subspace.embed(points))
    )


def test_densities_are_restricted_alike():
    subspace = Subspace([1], torch.tensor([2.0, 0.0], **DOUBLE))
    density = subspace.restrict(lambda z: -z.square().sum(-1))
    geometry = Conformal(Wasserstein1(subspace.restrict(lambda z: Normal(z, 1.0))), density, 0.5)
    y = draw(4, 1)
    expected = 0.5 * (4 + y.square().sum(-1))
    torch.testing.assert_close(geometry.log_weight(y), expected, rtol=1e-3, atol=1e-3)


def test_geodesics_are_those_of_the_decoder_in_its_own_coordinates():
    problem, dims = PROBLEMS["sphere"], [2, 0]
    subspace = Subspace(dims, torch.zeros(4, **DOUBLE))
    z0, z1 = draw(3, 4), draw(3, 4, seed=1)
    z0[:, dims], z1[:, dims] = problem.z0, problem.z1
    geometry = Wasserstein1(subspace.restrict(hide(problem.decoder, dims, 4)))
    paths = connecting_geodesics(geometry, subspace.project(z0), subspace.project(z1))
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, problem.length, rtol=1e-3, atol=0)
    t = torch.linspace(0, 1, 9, **DOUBLE)
    curves = subspace.lift(paths(t), z0, z1)
    torch.testing.assert_close(curves[:, 0], z0)
    torch.testing.assert_close(curves[:, -1], z1)
    torch.testing.assert_close(curves[..., dims], paths(t))
    rest = torch.lerp(z0[:, None], z1[:, None], t[:, None])[..., [1, 3]]
    torch.testing.assert_close(curves[..., [1, 3]], rest)


def test_a_module_in_train_mode_is_refused():
    network = nn.Sequential(nn.Linear(3, 4), nn.Dropout()).to(**DOUBLE)
    decoder = Subspace([0], torch.zeros(3)).restrict(lambda z: Normal(network(z), 1.0))
    with pytest.raises(ValueError, match=r"call decoder.eval\(\)"):
        Wasserstein1(decoder).norm(draw(2, 1), draw(2, 1))
    module = Subspace([0], torch.zeros(3)).restrict(network)
    assert len(list(module.parameters())) == 2


@pytest.mark.parametrize("dims", [[], [0, 0], [3], [-1]])
def test_coordinates_that_there_are_not_are_refused(dims):
    with pytest.raises(ValueError, match=r"dims is .*; expected different coordinates of 0 to 2"):
        Subspace(dims, torch.zeros(3))


def test_points_of_another_space_are_refused():
    subspace, z = Subspace([0, 2], torch.zeros(3, **DOUBLE)), draw(4, 3)
    with pytest.raises(ValueError, match=r"at has shape \(1, 3\); expected \(d,\)"):
        Subspace([0], torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"z has shape \(4, 2\); expected \(..., 3\)"):
        subspace.project(z[:, :2])
    with pytest.raises(ValueError, match=r"y has shape \(4, 3\); expected \(..., 2\)"):
        subspace.embed(z)
    with pytest.raises(ValueError, match=r"expected \(B, T, k\), \(B, d\) and \(B, d\)"):
        subspace.lift(draw(2, 5, 2), z, z)
