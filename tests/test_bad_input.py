"""Bad decoders and bad points in library calls: refused by name, never a hang or silent nan.

What test_geodesics.py, test_geometries.py, test_graphs.py and test_densities.py have is not
repeated here.
"""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Dirichlet, Normal

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.densities import AggregatePosterior
from tests.problems import DOUBLE, make_network

GEOMETRIES = [Wasserstein1, Wasserstein2, Euclidean, FisherRao]
T = torch.linspace(0, 1, 33, **DOUBLE)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


WEIGHT = draw(2, 5)
Z, V = draw(3, 2, seed=1), draw(3, 2, seed=2)
GOOD = Wasserstein1(lambda z: Normal(torch.tanh(z @ WEIGHT), 1.0))


def call_connecting_geodesics(geometry):
    return connecting_geodesics(geometry, Z, V)


def call_norm(geometry):
    return geometry.norm(Z, V)


def call_tensor(geometry):
    return geometry.tensor(Z, V)


def call_volume(geometry):
    return geometry.volume(Z)


def call_distance(geometry):
    return geometry.distance(Z, V)


def call_graph(geometry):
    return NeighbourGraph(geometry, draw(10, 2))


CALLS = [
    call_connecting_geodesics,
    call_norm,
    call_tensor,
    call_volume,
    call_distance,
    call_graph,
]

# --- Bad decoders ---


def fail(z):
    raise RuntimeError("a layer is missing")


def make_logistic(z, scale):
    loc = (z @ WEIGHT)[..., None]
    return DiscretizedLogisticMixture(torch.zeros_like(loc), loc, scale * torch.ones_like(loc))


DECODERS = {
    "no batch shape": (lambda z: Normal(z.sum(), 1.0), ValueError, "batch shape"),
    "points not first": (lambda z: Normal(z[None], 1.0), ValueError, "batch shape"),
    "one image for all": (
        lambda z: Normal(torch.zeros(7, 2, **DOUBLE), 1.0),
        ValueError,
        "batch shape",
    ),
    "nan": (lambda z: Normal(z * torch.nan, 1.0), ValueError, "not finite"),
    "infinite": (lambda z: Normal(z / 0, 1.0), ValueError, "not finite"),
    "nan scale": (lambda z: Normal(z, 0 / (0 * z)), ValueError, "not finite"),
    "nan logistic": (lambda z: make_logistic(z, torch.nan), ValueError, "not finite"),
    "nan probability": (lambda z: Bernoulli(z * torch.nan), ValueError, "not finite"),
    "unsupported": (lambda z: Dirichlet(z.exp()), TypeError, "Dirichlet; expected .* Normal, Lapl"),
    "nothing": (
        lambda z: None,
        TypeError,
        "a NoneType; expected a tensor, or",
    ),
    "pair": (lambda z: (z, z), TypeError, r"a tuple of \(Tensor, Tensor\); expected dist"),
    "raises": (fail, RuntimeError, "a layer is missing\n.*raised by the decoder, .* shape"),
    "other latent space": (
        lambda z: Normal(z @ WEIGHT.T, 1.0),
        RuntimeError,
        "(?s)shapes cannot be multiplied.*raised by the decoder, called with latent points of",
    ),
    "single precision inside": (
        nn.Sequential(nn.Linear(2, 3)),
        RuntimeError,
        r"(?s)same dtype.*points of .* torch.float64.*convert the one or the other with .to\(",
    ),
    "single precision": (
        lambda z: Normal(z.float() @ WEIGHT.float(), 1.0),
        TypeError,
        "points of torch.float64 on cpu to parameters of torch.float32 on cpu; expected the same",
    ),
    "other device": (
        lambda z: Bernoulli(torch.empty(z.shape, **DOUBLE, device="meta")),
        TypeError,
        "points of torch.float64 on cpu to parameters of torch.float64 on meta",
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", DECODERS)
def test_bad_decoders_are_named(name, call):
    decoder, error, match = DECODERS[name]
    with pytest.raises(error, match=match):
        call(Wasserstein1(decoder))


@pytest.mark.parametrize("geometry", GEOMETRIES[1:])
@pytest.mark.parametrize("call", CALLS)
def test_nan_is_named_in_every_geometry(geometry, call):
    with pytest.raises(ValueError, match=r"decoder's parameters .*are not finite"):
        call(geometry(lambda z: Normal(z * torch.nan, 1.0)))


@pytest.mark.parametrize(
    "decoder",
    [
        lambda z: Normal((z @ WEIGHT).detach(), 1.0),
        lambda z: Normal(torch.zeros_like(z), 1.0),
        lambda z: Categorical(probs=torch.ones(*z.shape[:-1], 4, 3, **DOUBLE)),
    ],
)
@pytest.mark.parametrize("call", [call_connecting_geodesics, call_norm, call_tensor, call_volume])
def test_detached_decoders_are_named(decoder, call):
    with pytest.raises(ValueError, match="output does not depend differentiably on z"):
        call(Wasserstein1(decoder))


@pytest.mark.filterwarnings("ignore:the decoder cannot be differentiated in forward mode")
@pytest.mark.parametrize("solver", [GaussNewton(), LBFGS(), Adam()])
@pytest.mark.parametrize(
    "decoder",
    [
        torch.no_grad()(lambda z: Normal(z @ WEIGHT, 1.0)),
        lambda z: Normal(torch.from_numpy(z.detach().numpy() @ WEIGHT.numpy()), 1.0),
    ],
)
def test_decoders_without_gradients_are_named_by_every_solver(decoder, solver):
    with pytest.raises(ValueError, match="output does not depend differentiably on z"):
        connecting_geodesics(Wasserstein1(decoder), Z, V, solver=solver)


@pytest.mark.parametrize(
    ("decoder", "match"),
    [
        (lambda z: Normal(z, -torch.ones_like(z)), "z0 are not valid: .*scale"),
        (lambda z: Normal(z, 0 * z), "z0 are not valid: .*scale"),
        (lambda z: Bernoulli(probs=z), "z0 are not valid: .*probs"),
        (lambda z: make_logistic(z, -1.0), "z0 are not valid: .*scale"),
    ],
)
def test_invalid_parameters_at_the_ends_are_named(decoder, match):
    with pytest.raises(ValueError, match=f"(?s){match}"):
        connecting_geodesics(Wasserstein1(decoder), Z, V)


# --- A decoder that fails somewhere ---

NAMES = ["whole strip", "thin strip"]
Z0 = torch.tensor([[-1.0, 0.0], [-1.0, 3.0], [-1.0, 3.5]], **DOUBLE)
Z1 = torch.tensor([[1.0, 0.2], [1.0, 3.0], [1.0, 3.0]], **DOUBLE)


def make_broken(name):
    """A decoder that is nan in a strip across the way of the first pair only."""
    width = {"whole strip": 0.4, "thin strip": 0.006}[name]

    def decoder(z):
        broken = ((z[..., :1] - 0.1).abs() < width) & (z[..., 1:] < 1.5)
        mean = torch.cat((z, (z @ WEIGHT).sin()), -1)
        return Normal(torch.where(broken, torch.nan, mean), 1.0)

    return decoder


@pytest.mark.parametrize("solver", [GaussNewton(), LBFGS(), Adam(max_iterations=20)])
@pytest.mark.parametrize("name", NAMES)
def test_curves_through_nan_have_not_converged_and_others_have(name, solver):
    geometry = Wasserstein1(make_broken(name))
    paths = connecting_geodesics(geometry, Z0, Z1, solver=solver)
    assert torch.isfinite(paths(T)).all()
    assert not paths.converged[0]
    assert not torch.isfinite(paths.length[0])  # no number that looks like a length
    assert not torch.isfinite(paths.energy[0])
    alone = connecting_geodesics(geometry, Z0[1:], Z1[1:], solver=solver)
    assert torch.equal(paths.converged[1:], alone.converged)
    torch.testing.assert_close(paths.length[1:], alone.length, rtol=1e-6, atol=0)
    if not isinstance(solver, Adam):
        assert alone.converged.all()


def test_a_start_that_avoids_nan_is_preferred():
    def decoder(z):
        hole = z.square().sum(-1, keepdim=True) < 0.01
        return Normal(torch.where(hole, torch.nan, z), 1.0)

    z0, z1 = torch.tensor([[-1.0, 0.0]], **DOUBLE), torch.tensor([[1.0, 0.0]], **DOUBLE)
    paths = connecting_geodesics(Wasserstein1(decoder), z0, z1, restarts=4)
    assert paths.origin[0] > 0
    assert 2 <= paths.length[0] < 4
    assert torch.isfinite(paths(T)).all()


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_measures_of_curves_through_nan_are_nan(geometry):
    geometry = geometry(make_broken("whole strip"))
    points = torch.lerp(Z0[:, None], Z1[:, None], T[:, None])  # (B, T, 2)
    for measure in (geometry.curve_length, geometry.curve_energy):
        found = measure(points)
        assert found.isnan().tolist() == [True, False, False]
    segments = geometry.segment_lengths(points)
    assert segments.isnan().any(-1).tolist() == [True, False, False]
    assert not segments[0].isnan().all()


@pytest.mark.parametrize("family", ["logistic", "mixture", "bernoulli", "categorical"])
def test_nan_stays_nan_in_every_family(family):
    network = make_network(family)
    points = draw(2, 5, 2)

    def decoder(z):
        return network(torch.where(z[..., :1] == points[0, 2, 0], torch.nan, z))

    lengths = Wasserstein1(decoder).segment_lengths(points)
    assert lengths[0].isnan().tolist() == [False, True, True, False]
    assert not lengths[1].isnan().any()


def test_edges_of_a_graph_through_nan_are_named():
    codes = torch.cat((draw(8, 2), draw(8, 2, seed=1) + 6))
    with pytest.raises(ValueError, match=r"\d+ of \d+ edges of the neighbour graph have no finite"):
        NeighbourGraph(Wasserstein1(make_broken("whole strip")), codes)


# --- Bad points ---

BAD_POINTS = {
    "nan": (Z * torch.nan, ValueError, "has entries that are not finite"),
    "infinite": (Z / 0, ValueError, "has entries that are not finite"),
    "integers": (torch.ones(3, 2, dtype=int), TypeError, "is a torch.int64; expected a floating"),
    "list": ([[0.0, 0.0]] * 3, TypeError, "is a list; expected a floating-point tensor"),
    "scalar": (torch.tensor(1.0, **DOUBLE), ValueError, r"has shape \(\); expected"),
    "no dimension": (torch.zeros(3, 0, **DOUBLE), ValueError, r"has shape \(3, 0\); expected"),
}
UNLIKE = {
    "other dimension": (draw(3, 3), ValueError, r"\(3, 3\)"),
    "other count": (draw(5, 2), ValueError, r"\(5, 2\)"),
    "no points": (draw(0, 2), ValueError, r"\(0, 2\)"),
    "single precision": (Z.float(), TypeError, "torch.float32 on cpu.*expected the same"),
    "half precision": (Z.half(), TypeError, "torch.float16 on cpu.*expected the same"),
    "other device": (Z.to("meta"), TypeError, "torch.float64 on meta.*expected the same"),
}


@pytest.mark.parametrize("measure", ["norm", "tensor", "distance"])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", BAD_POINTS | UNLIKE)
def test_bad_points_and_velocities_are_named(name, place, measure):
    bad, error, match = (BAD_POINTS | UNLIKE)[name]
    arguments = (bad, V) if place == 0 else (Z, bad)
    called = ("z0", "z1") if measure == "distance" else ("z", "v")
    if name in BAD_POINTS:
        match = f"^{called[place]} {match}"
    with pytest.raises(error, match=match):
        getattr(GOOD, measure)(*arguments)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("name", BAD_POINTS)
def test_bad_points_of_a_volume_are_named(name, geometry):
    bad, error, match = BAD_POINTS[name]
    with pytest.raises(error, match=f"^z {match}"):
        geometry(GOOD.decoder).volume(bad)


@pytest.mark.parametrize("measure", ["segment_lengths", "curve_length", "curve_energy"])
@pytest.mark.parametrize(
    ("points", "error", "match"),
    [
        (draw(2), ValueError, r"points has shape \(2,\); expected \(..., N, d\), N >= 2"),
        (draw(4, 1, 2), ValueError, r"points has shape \(4, 1, 2\); expected"),
        (torch.ones(4, 5, 2, dtype=int), TypeError, "points is a torch.int64"),
        ([[0.0]], TypeError, "points is a list"),
    ],
)
def test_bad_curves_are_named(points, measure, error, match):
    with pytest.raises(error, match=match):
        getattr(GOOD, measure)(points)


@pytest.mark.parametrize("name", UNLIKE)
def test_ends_unlike_each_other_are_named(name):
    bad, error, _ = UNLIKE[name]
    with pytest.raises(error, match=r"^z[01] (has shape|is torch)"):
        connecting_geodesics(GOOD, Z, bad)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_identical_ends_in_every_geometry(geometry):
    z = torch.cat((Z, Z[:1]))
    other = torch.cat((Z[:2], V[2:], Z[:1]))  # the third pair is a proper one
    paths = connecting_geodesics(geometry(GOOD.decoder), z, other)
    same = torch.tensor([True, True, False, True])
    assert (paths.length[same] < 1e-6).all()
    assert paths.length[2] > 0.1
    assert torch.isfinite(paths(T)).all()
    torch.testing.assert_close(paths(T)[same], z[same][:, None].expand(-1, 33, -1))


# --- Graphs, conformal weights, densities ---


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", BAD_POINTS | UNLIKE)
def test_bad_ends_of_a_graphs_paths_are_named(name, place):
    bad, error, match = (BAD_POINTS | UNLIKE)[name]
    if name == "other dimension":
        match = "endpoints have 3 dimensions, the graph's codes 2"
    if name == "other count":
        match = "z0 has . points, z1 .; expected as many"
    graph = NeighbourGraph(GOOD, draw(20, 2))
    with pytest.raises(error, match=match):
        graph.shortest_paths(*((bad, V) if place == 0 else (Z, bad)))


def test_other_bad_arguments_of_a_graph_are_named():
    graph = NeighbourGraph(GOOD, draw(20, 2))
    with pytest.raises(ValueError, match=r"z0 has shape \(2,\); expected \(B, d\)"):
        graph.shortest_paths(Z[0], V[0])
    with pytest.raises(ValueError, match="points is 1"):
        graph.shortest_paths(Z, V, 1)
    with pytest.raises(TypeError, match="geometry is a function; expected a Geometry"):
        NeighbourGraph(GOOD.decoder, draw(20, 2))
    with pytest.raises(TypeError, match=r"maps latent points of torch\.float32"):
        NeighbourGraph(Wasserstein1(lambda z: Normal(z.double(), 1.0)), draw(20, 2).float())


def test_a_graph_of_equal_codes_joins_the_ends():
    graph = NeighbourGraph(GOOD, torch.zeros(12, 2, **DOUBLE))
    paths = graph.shortest_paths(Z, V)
    assert torch.isfinite(paths).all()
    assert torch.equal(paths[:, -1], V)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((lambda z: z, lambda z: z.sum(-1), 1.0), TypeError, "geometry is a function"),
        ((GOOD, 3.0, 1.0), TypeError, "log_density is a float; expected a callable"),
        ((GOOD, lambda z: z.sum(-1), torch.nan), ValueError, "strength is nan"),
        ((GOOD, lambda z: z.sum(-1), float("inf")), ValueError, "strength is inf"),
    ],
)
def test_bad_parts_of_a_conformal_geometry_are_named(arguments, error, match):
    with pytest.raises(error, match=match):
        Conformal(*arguments)


@pytest.mark.parametrize("reference", [torch.nan, torch.tensor(torch.nan), torch.zeros(2)])
def test_bad_references_are_named(reference):
    with pytest.raises(ValueError, match=r"reference is .*expected one finite number"):
        Conformal(GOOD, lambda z: z.sum(-1), 1.0, reference=reference)


@pytest.mark.parametrize("call", CALLS)
def test_log_densities_of_a_wrong_shape_are_named(call):
    with pytest.raises(ValueError, match=r"log_density maps .* of shape .*; expected a tensor of"):
        call(Conformal(LatentEuclidean(), lambda z: z, 1.0))


@pytest.mark.parametrize("call", CALLS[:-1])
def test_log_densities_that_are_nan_are_named(call):
    with pytest.raises(ValueError, match=r"log density at z.? is not finite"):
        call(Conformal(LatentEuclidean(), lambda z: z.sum(-1) * torch.nan, 1.0))


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", BAD_POINTS | UNLIKE)
def test_bad_codes_of_a_density_are_named(name, place):
    bad, error, match = (BAD_POINTS | UNLIKE)[name]
    if name in BAD_POINTS:
        match = f"^{('mean', 'scale')[place]} {match}"
    with pytest.raises(error, match=match):
        AggregatePosterior(*((bad, Z.abs()) if place == 0 else (Z, bad)))


@pytest.mark.parametrize(
    ("scale", "settings", "match"),
    [
        (-Z.abs(), {}, "scale has negative entries"),
        (0 * Z, {"bandwidth": 0.0}, "both 0 for some codes"),
        (Z.abs(), {"bandwidth": torch.nan}, "bandwidth is nan"),
        (Z.abs(), {"bandwidth": float("inf")}, "bandwidth is inf"),
        (Z.abs(), {"components": 0}, "components is 0"),
        (Z.abs(), {"components": 1, "generator": torch.Generator()}, "components is 1"),
    ],
)
def test_bad_settings_of_a_density_are_named(scale, settings, match):
    with pytest.raises(ValueError, match=match):
        AggregatePosterior(Z, scale, **settings)


def test_equal_codes_have_no_default_bandwidth():
    with pytest.raises(ValueError, match="give a positive bandwidth"):
        AggregatePosterior(torch.ones(5, 2), torch.zeros(5, 2))


@pytest.mark.parametrize("name", ["integers", "list", "scalar", "other dimension", "other device"])
def test_bad_points_of_a_density_are_named(name):
    bad, error, match = (BAD_POINTS | UNLIKE)[name]
    with pytest.raises(error, match=match):
        AggregatePosterior(Z, Z.abs()).log_prob(bad)


# --- Files ---


def test_nothing_is_ever_unpickled():
    root = Path(__file__).parents[1]
    unsafe = re.compile(
        r"import (?:c?pickle|joblib|shelve|marshal|dill)|allow_pickle=True|read_pickle|"
        r"torch\.load\(|np\.load\((?!.*allow_pickle=False)|yaml\.load\(|shell=True|(?<![.\w])(?:eval|exec)\("
    )
    for folder in ("src", "workflow"):
        for path in sorted((root / folder).rglob("*.py")):
            assert not unsafe.search(path.read_text(encoding="utf-8")), path
