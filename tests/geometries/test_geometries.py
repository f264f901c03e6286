"""Geometries against dense sums, finite differences and surfaces with a known metric."""

import numpy as np
import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Dirichlet,
    Distribution,
    Independent,
    Normal,
)

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.wasserstein import wasserstein1
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, FAMILIES, PROBLEMS, make_network

LEVELS = torch.arange(256, **DOUBLE)
EDGES = LEVELS[:-1] + 0.5


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def edge_cdfs(decoder, z):
    """Values of the cdfs at the 255 inner edges, (..., D, 255), as printed."""
    p = decoder(z)
    cdfs = torch.sigmoid((EDGES - p.loc[..., None]) / p.scale[..., None])  # (..., D, K, 255)
    return (p.logits.softmax(-1)[..., None] * cdfs).sum(-2)


@pytest.mark.parametrize("family", ["logistic", "mixture"])
def test_segments_length_and_energy_match_dense_sums(family):
    decoder = make_network(family)
    points = draw(3, 9, 2)
    cdfs = edge_cdfs(decoder, points)  # (B, N, D, 255)
    expected = (cdfs[:, 1:] - cdfs[:, :-1]).abs().sum(-1).square().sum(-1).sqrt()  # (B, N - 1)
    geometry = Wasserstein1(decoder)
    options = {"rtol": 1e-6, "atol": 1e-6}
    torch.testing.assert_close(geometry.segment_lengths(points), expected, **options)
    torch.testing.assert_close(geometry.curve_length(points), expected.sum(-1), **options)
    energy = 8 * expected.square().sum(-1)
    torch.testing.assert_close(geometry.curve_energy(points), energy, **options)
    distance = geometry.distance(points[:, 0], points[:, 1])
    torch.testing.assert_close(distance, expected[:, 0], **options)


@pytest.mark.parametrize("family", ["logistic", "mixture"])
def test_norm_matches_dense_sums(family):
    decoder = make_network(family)
    z, v = draw(5, 2), draw(5, 2, seed=1)
    _, slope = torch.func.jvp(lambda at: edge_cdfs(decoder, at), (z,), (v,))  # (B, D, 255)
    expected = slope.abs().sum(-1).square().sum(-1).sqrt()
    norm = Wasserstein1(decoder).norm(z, v)
    torch.testing.assert_close(norm, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("directions", "tolerance"), [(32, 2e-2), (512, 1e-3)])
def test_volume_is_the_inverse_area_of_the_indicatrix(family, directions, tolerance):
    decoder = make_network(family)
    z = draw(3, 2)
    angles = torch.linspace(0, 2 * np.pi, 4001, **DOUBLE)
    boundary = torch.stack((angles.cos(), angles.sin()), -1)  # (A, 2)
    norms = Wasserstein1(decoder).norm(z[:, None].expand(-1, 4001, -1), boundary.expand(3, -1, -1))
    x, y = (boundary / norms[..., None]).unbind(-1)  # the indicatrix as a polygon
    area = (x[:, :-1] * y[:, 1:] - x[:, 1:] * y[:, :-1]).sum(-1) / 2
    volume = Wasserstein1(decoder, directions=directions).volume(z)
    torch.testing.assert_close(volume, np.pi / area, rtol=tolerance, atol=0)


@pytest.mark.parametrize("geometry", [Wasserstein1, Wasserstein2, Euclidean])
@pytest.mark.parametrize("name", ["plane", "cylinder", "sphere"])
def test_translated_normals_have_the_metric_of_the_surface(name, geometry):
    problem = PROBLEMS[name]
    z, v = problem.z0, draw(3, 2)
    jacobian = torch.vmap(torch.func.jacrev(lambda at: problem.decoder(at[None]).mean[0]))(z)
    metric = jacobian.mT @ jacobian
    geometry = geometry(problem.decoder)
    torch.testing.assert_close(geometry.tensor(z, v), metric)
    torch.testing.assert_close(geometry.volume(z), metric.det().sqrt())


@pytest.mark.parametrize("family", ["normal", "logistic"])
def test_wasserstein2_of_a_fixed_scale_is_the_distance_of_the_locations(family):
    network = make_network(family)

    def decoder(z):
        p = network(z)
        if family == "normal":
            return Normal(p.loc, 2.0)
        return DiscretizedLogisticMixture(p.logits, p.loc, torch.full_like(p.loc, 0.1))

    points, v = draw(2, 6, 2), draw(2, 6, 2, seed=1)
    location = Euclidean(lambda z: Normal(decoder(z).loc.view(*z.shape[:-1], -1), 1.0))
    geometry = Wasserstein2(decoder)
    lengths = location.segment_lengths(points)
    torch.testing.assert_close(geometry.segment_lengths(points), lengths)
    torch.testing.assert_close(geometry.norm(points, v), location.norm(points, v))
    if family == "normal":
        torch.testing.assert_close(Euclidean(decoder).segment_lengths(points), lengths)
        torch.testing.assert_close(Wasserstein1(decoder).segment_lengths(points), lengths)


def test_wasserstein2_dominates_wasserstein1():
    points, decoder = draw(2, 6, 2), make_network("normal")
    first, second = Wasserstein1(decoder), Wasserstein2(decoder)
    assert (first.segment_lengths(points) <= second.segment_lengths(points)).all()


def kl_divergence(decoder, z0, z1):
    p, q = decoder(z0), decoder(z1)
    if isinstance(p, DiscretizedLogisticMixture):
        p, q = (
            Categorical(logits=x.log_prob(LEVELS[:, None, None]).movedim(0, -1)) for x in (p, q)
        )
    return torch.distributions.kl_divergence(p, q).sum(-1)


@pytest.mark.parametrize("family", ["normal", "bernoulli", "categorical", "logistic"])
def test_fisher_rao_is_twice_the_divergence_of_neighbours(family):
    decoder = make_network(family)
    z = draw(6, 2)
    near = z + 1e-3 * draw(6, 2, seed=1)
    expected = kl_divergence(decoder, z, near) + kl_divergence(decoder, near, z)
    found = FisherRao(decoder).distance(z, near).square()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("family", ["normal", "bernoulli", "categorical", "logistic"])
def test_fisher_rao_tensor_is_the_fisher_information(family):
    decoder = make_network(family)
    z = draw(3, 2)

    def divergence(at):
        return kl_divergence(decoder, z, at).sum()

    hessian = torch.func.hessian(divergence)(z)  # (B, d, B, d)
    expected = torch.stack([hessian[i, :, i] for i in range(3)])
    tensor = FisherRao(decoder).tensor(z, torch.ones_like(z))
    torch.testing.assert_close(tensor, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("geometry", "family", "match"),
    [
        (Wasserstein2, "bernoulli", "Wasserstein-2 distance of Bernoulli"),
        (Wasserstein2, "categorical", r"only that of Diracs, .*exp.*, single logistics and"),
        (Wasserstein2, "mixture", "Wasserstein-2 distance of logistic mixtures"),
        (FisherRao, "mixture", "Fisher-Rao distance of logistic mixtures"),
    ],
)
def test_unsupported_family_is_named(geometry, family, match):
    with pytest.raises(TypeError, match=match):
        geometry(make_network(family)).distance(draw(1, 2), draw(1, 2))


def test_volume_of_a_line_of_zero_speed_is_zero():
    constant = Wasserstein1(lambda z: Normal(0 * z, 1.0))
    assert (constant.volume(draw(4, 2)) == 0).all()


def test_volume_in_other_than_two_dimensions_is_refused():
    with pytest.raises(NotImplementedError, match="2 latent dimensions; found 3"):
        Wasserstein1(make_network("normal", dims=3)).volume(draw(1, 3))


def test_independent_wrappers_are_stripped():
    inner = make_network("normal")
    z = draw(4, 2)
    wrapped = Wasserstein1(lambda at: Independent(inner(at), 1))
    expected = Wasserstein1(inner).norm(z, z)
    torch.testing.assert_close(wrapped.norm(z, z), expected)


@pytest.mark.parametrize("geometry", [Wasserstein1, Euclidean, FisherRao])
def test_variables_that_share_their_memory(geometry):
    shared = geometry(lambda z: Bernoulli(z[..., :1].sigmoid().expand(*z.shape[:-1], 5)))
    separate = geometry(lambda z: Bernoulli(z[..., :1].sigmoid().repeat(1, 5)))
    z, v = draw(1, 2).expand(3, 2), draw(3, 2, seed=1)
    torch.testing.assert_close(shared.norm(z, v), separate.norm(z, v))
    torch.testing.assert_close(shared.tensor(z, v), separate.tensor(z, v))


def test_validation_of_new_distributions_is_restored():
    before = Distribution._validate_args
    seen = []

    def decoder(z):
        seen.append(Distribution._validate_args)
        return Normal(z, 1.0)

    Wasserstein1(decoder).norm(draw(1, 2), draw(1, 2))
    assert not any(seen)
    assert Distribution._validate_args is before


def test_unsupported_distribution_is_named():
    with pytest.raises(TypeError, match=r"Dirichlet.*Normal.*DiscretizedLogisticMixture"):
        Wasserstein1(lambda z: Dirichlet(z.exp())).distance(draw(1, 2), draw(1, 2))


@pytest.mark.parametrize("geometry", [Wasserstein1, Wasserstein2])
def test_values_of_a_decoder_are_as_far_apart_as_the_means_of_normals(geometry):
    decoder, z0, z1 = make_network("normal"), draw(3, 2), draw(3, 2, seed=1)
    values = geometry(lambda z: decoder(z).mean)
    normals = geometry(lambda z: Normal(decoder(z).mean, 1.0))
    torch.testing.assert_close(values.distance(z0, z1), normals.distance(z0, z1))
    torch.testing.assert_close(values.norm(z0, z1), normals.norm(z0, z1))
    torch.testing.assert_close(values.tensor(z0, z1), normals.tensor(z0, z1))
    with pytest.raises(TypeError, match="Fisher-Rao distance of Diracs"):
        FisherRao(lambda z: decoder(z).mean).distance(z0, z1)


@pytest.mark.parametrize(
    "decoder",
    [
        lambda z: Normal(z.sum(), 1.0).expand((3,)),
        lambda z: Normal(z.new_zeros(5, 3, 2), 1.0),
        lambda z: Normal(torch.zeros(3), 1.0),
        lambda z: Bernoulli(logits=z.flatten()),
    ],
)
def test_wrong_batch_shape_is_named(decoder):
    geometry = Wasserstein1(decoder)
    with pytest.raises(ValueError, match=r"batch shape.*expected \(12, 'D'\)"):
        geometry.decode(draw(3, 4, 2))
    with pytest.raises(ValueError, match=r"batch shape.*expected \(1, 'D'\)"):
        geometry.segment_lengths(draw(3, 4, 2))


def test_segment_lengths_are_the_root_of_summed_squared_w1():
    decoder = make_network("normal")
    points = draw(2, 4, 2)
    w = wasserstein1(decoder(points[:, :-1]), decoder(points[:, 1:]))  # (B, N - 1, D)
    expected = w.square().sum(-1).sqrt()
    torch.testing.assert_close(Wasserstein1(decoder).segment_lengths(points), expected)
