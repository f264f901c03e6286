"""Sums of geometries: the sum of squares of the terms, one decoding a decoder, their geodesics."""

import pytest
import torch
from torch.distributions import Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.combined import Combined
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, PROBLEMS, make_network


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def bump(z):
    return -(z.square().sum(-1)) / 2 + z[..., 0].sin()


def make_terms():
    """Terms of three decoders, two of them of one, with two weights on another."""
    shared, other = make_network("logistic"), make_network("mixture", seed=1)
    terms = [
        Wasserstein1(shared),
        Conformal(Wasserstein2(shared), bump, 0.7),
        Conformal(Conformal(Wasserstein1(other), bump, 0.3), lambda z: z[..., 1], 0.2),
        LatentEuclidean(),
    ]
    return terms, [1.0, 0.5, 2.0, 9.0]


def add_squares(terms, weights, measure):
    squares = [w**2 * measure(term).square() for term, w in zip(terms, weights, strict=True)]
    return sum(squares).sqrt()


def test_squares_of_distances_and_norms_add_up():
    terms, weights = make_terms()
    geometry = Combined(terms, weights)
    z, v = draw(6, 2), draw(6, 2, seed=1)
    for measure in (
        lambda g: g.distance(z, v),
        lambda g: g.norm(z, v),
        lambda g: g.lower_bound(z, v),
    ):
        torch.testing.assert_close(measure(geometry), add_squares(terms, weights, measure))
    points = draw(3, 7, 2)
    energies = sum(w**2 * term.curve_energy(points) for term, w in zip(terms, weights, strict=True))
    torch.testing.assert_close(geometry.curve_energy(points), energies)
    tensors = sum(w**2 * term.tensor(z, v) for term, w in zip(terms, weights, strict=True))
    torch.testing.assert_close(geometry.tensor(z, v), tensors)


def test_covectors_of_residuals_are_those_of_the_terms():
    terms, weights = make_terms()
    geometry = Combined(terms, weights)
    z, w = draw(5, 2), draw(5, 2) + 1e-3

    def square(geometry):
        """Products of the covectors along the latent axes (5, 2, 2)."""
        p, jacobian = geometry.decode_with_jacobian(z)
        covectors = geometry.residual_curvature(p, geometry.decode(w))  # (5, R, C, D)
        slopes = torch.einsum("nrcd,jncd->nrdj", covectors, jacobian.coordinates).flatten(1, 2)
        return slopes.mT @ slopes

    expected = sum(w**2 * square(term) for term, w in zip(terms, weights, strict=True))
    torch.testing.assert_close(square(geometry), expected)
    assert expected.abs().max() > 0


def test_a_decoder_that_terms_share_is_called_once():
    calls, network = [], make_network("logistic")

    def decoder(z):
        calls.append(len(z))
        return network(z)

    terms = [Wasserstein1(decoder), Euclidean(decoder), Conformal(Wasserstein2(decoder), bump, 1.0)]
    geometry, points = Combined(terms), draw(4, 9, 2)
    geometry.decode(points)
    geometry.decode_with_jacobian(points)
    assert calls == [36, 36]


class Shifted(Euclidean):
    """Decodes in a way of its own."""

    def decode(self, z):
        return super().decode(z + 1)


def test_a_geometry_that_decodes_in_its_own_way_shares_nothing():
    decoder, z, w = make_network("normal"), draw(4, 2), draw(4, 2, seed=1)
    terms = [Euclidean(decoder), Shifted(decoder)]
    torch.testing.assert_close(
        Combined(terms).distance(z, w), add_squares(terms, (1, 1), lambda g: g.distance(z, w))
    )


def test_sums_within_sums_are_one_sum():
    terms, weights = make_terms()
    inner = Combined(terms[:2], weights[:2])
    outer = Combined([inner, *terms[2:]], [0.5, *weights[2:]])
    assert outer.geometries == tuple(terms)
    assert outer.weights == (0.5, 0.25, 2.0, 9.0)


def test_sums_under_weights_are_terms_of_sums():
    terms, weights = make_terms()
    inner = Conformal(Combined(terms, weights), bump, 0.4)
    geometry = Combined([LatentEuclidean(), inner], [3, 1])
    z, v = draw(4, 2), draw(4, 2, seed=1)
    for measure in (lambda g: g.distance(z, v), lambda g: g.norm(z, v)):
        expected = add_squares([LatentEuclidean(), inner], (3, 1), measure)
        torch.testing.assert_close(measure(geometry), expected)


def test_one_term_is_its_geometry_times_the_weight():
    base = Conformal(Wasserstein1(make_network("logistic")), bump, 0.7)
    geometry, z, v = Combined([base], [3.0]), draw(4, 2), draw(4, 2, seed=1)
    torch.testing.assert_close(geometry.norm(z, v), 3 * base.norm(z, v))
    torch.testing.assert_close(geometry.weight_curvature(z), base.weight_curvature(z))
    torch.testing.assert_close(geometry.volume(z), 9 * base.volume(z))


def test_curvature_of_weights_counts_by_shares_of_the_norm():
    light, heavy = Conformal(LatentEuclidean(), bump, 0.7), LatentEuclidean()
    weight = 2.0
    geometry, z = Combined([heavy, light], [weight, 1.0]), draw(4, 2)
    squares = (2 * light.log_weight(z)).exp()
    share = squares / (squares + weight**2)
    expected = share[:, None, None] * light.weight_curvature(z)
    torch.testing.assert_close(geometry.weight_curvature(z), expected)
    assert geometry.weighted
    assert not Combined([heavy]).weighted


def test_volume_is_that_of_the_tensor_or_of_the_indicatrix():
    decoder, z = make_network("normal"), draw(4, 2)
    smooth = Combined([Wasserstein2(decoder), FisherRao(decoder)])
    torch.testing.assert_close(smooth.volume(z), smooth.tensor(z, z).det().sqrt())
    paper = Combined([Wasserstein1(decoder), LatentEuclidean()], [1, 1e-6])
    torch.testing.assert_close(paper.volume(z), Wasserstein1(decoder).volume(z))
    with pytest.raises(NotImplementedError, match="2 latent dimensions; found 3"):
        Combined([Wasserstein1(make_network("normal", dims=3))]).volume(draw(1, 3))


@pytest.mark.parametrize("solver", [GaussNewton(), LBFGS()])
def test_geodesics_on_products_of_surfaces(solver):
    """Two decoders of the same surface: the surface's geodesics, root(1 + 3^2) times as long."""
    problem = PROBLEMS["sphere"]

    def other(z):
        p = problem.decoder(z)
        return Normal(p.loc, 1.0)

    geometry = Combined([Wasserstein1(problem.decoder), Euclidean(other)], [1, 3])
    paths = connecting_geodesics(geometry, problem.z0, problem.z1, solver=solver)
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, 10**0.5 * problem.length, rtol=1e-3, atol=0)


def test_the_latent_metric_straightens_what_a_decoder_ignores():
    """A decoder of x alone, in which any y will do: with the latent metric y moves straight."""

    def decoder(z):
        return Normal(torch.cat((z[..., :1].sin(), z[..., :1].cos()), -1), 1.0)

    z0, z1 = torch.tensor([[-1.0, 0.0]], **DOUBLE), torch.tensor([[1.0, 2.0]], **DOUBLE)
    geometry = Combined([Wasserstein1(decoder), LatentEuclidean()], [1, 0.1])
    paths = connecting_geodesics(
        geometry, z0, z1, restarts=2, generator=torch.Generator().manual_seed(0)
    )
    t = torch.linspace(0, 1, 9, **DOUBLE)
    assert paths.converged.all()
    torch.testing.assert_close(paths(t)[0], torch.lerp(z0, z1, t[:, None]), rtol=0, atol=1e-2)
    expected = torch.tensor([(4 + 0.01 * 8) ** 0.5], **DOUBLE)
    torch.testing.assert_close(paths.length, expected, rtol=1e-3, atol=0)


def test_weighted_sums_are_solved():
    terms, weights = make_terms()
    z0, z1 = draw(3, 2), draw(3, 2, seed=1)
    geometry = Combined(terms, weights)
    paths = connecting_geodesics(geometry, z0, z1)
    line = torch.lerp(z0[:, None], z1[:, None], torch.linspace(0, 1, 257, **DOUBLE)[:, None])
    assert paths.converged.all()
    assert (paths.length <= geometry.curve_length(line) * (1 + 1e-6)).all()


@pytest.mark.parametrize(
    ("geometries", "weights", "error", "match"),
    [
        ([], None, ValueError, "empty"),
        ([LatentEuclidean(), Normal], None, TypeError, r"geometries\[1\] is a type"),
        ([LatentEuclidean()], [1, 2], ValueError, "2 weights for 1 geometries"),
        ([LatentEuclidean()], [0.0], ValueError, r"weights\[0\] is 0.0; expected a positive"),
        ([LatentEuclidean()], [float("nan")], ValueError, r"weights\[0\] is nan"),
    ],
)
def test_what_is_no_sum_is_refused(geometries, weights, error, match):
    with pytest.raises(error, match=match):
        Combined(geometries, weights)


def test_every_decoder_is_checked():
    good, bad = make_network("normal"), lambda z: Normal(z, -torch.ones_like(z))
    z = draw(3, 2)
    for geometry in (
        Combined([Euclidean(good), Euclidean(bad)]),
        Conformal(Combined([Euclidean(good), Euclidean(bad)]), bump, 1.0),
    ):
        with pytest.raises(ValueError, match="parameters at z are not valid"):
            geometry.decode_with_checks(z)
    noisy = Euclidean(lambda z: Normal(z + torch.rand_like(z), 1.0))
    with pytest.raises(ValueError, match="random"):
        Combined([Euclidean(good), noisy]).distance(z, z)


def test_geometries_are_riemannian_or_not():
    assert isinstance(Combined([LatentEuclidean()]), Geometry)
    assert Combined([LatentEuclidean()]).riemannian
    paper = Wasserstein1(make_network("normal"))
    assert not Conformal(Combined([LatentEuclidean(), paper]), bump, 1.0).riemannian
