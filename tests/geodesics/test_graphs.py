"""Neighbour graphs against dense shortest paths, and the geodesics that start from them."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import floyd_warshall
from torch.distributions import Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, make_network, make_wall, scatter_around_wall

FLAT = Wasserstein1(lambda z: Normal(z, 1.0))
T = torch.linspace(0, 1, 65, **DOUBLE)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def make_ring(count=60):
    angles = torch.linspace(0, 2 * torch.pi, count + 1, **DOUBLE)[:-1]
    return torch.stack((angles.cos(), angles.sin()), -1)


@given(
    seed=st.integers(0, 1000),
    count=st.integers(2, 25),
    neighbours=st.integers(1, 6),
    pairs=st.integers(1, 3),
)
@settings(deadline=None, max_examples=40)
def test_paths_are_as_long_as_the_dense_shortest_path(seed, count, neighbours, pairs):
    codes = draw(count, 2, seed=seed)
    z0, z1 = draw(pairs, 2, seed=seed + 1), draw(pairs, 2, seed=seed + 2)
    graph = NeighbourGraph(FLAT, codes, neighbours=neighbours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = graph.shortest_paths(z0, z1, 4001)
    assert torch.equal(paths[:, 0], z0)
    assert torch.equal(paths[:, -1], z1)
    lengths = paths.diff(dim=1).norm(dim=-1).sum(-1)
    used = min(neighbours, count - 1)
    for i in range(pairs):
        nodes = torch.cat((codes, z0[i : i + 1], z1[i : i + 1]))
        apart = torch.cdist(nodes, nodes).numpy()
        weights = np.full((count + 2, count + 2), np.inf)
        for a in range(count):
            nearest = [b for b in np.argsort(apart[a, :count], kind="stable") if b != a][:used]
            weights[a, nearest] = apart[a, nearest]
            weights[nearest, a] = apart[nearest, a]
        for end in (count, count + 1):
            nearest = np.argsort(apart[end, :count])[:used]
            weights[end, nearest] = weights[nearest, end] = apart[end, nearest]
        weights[:, count + 1], weights[count + 1, :] = weights[count + 1, :], np.inf
        expected = floyd_warshall(np.where(np.isinf(weights), 0, weights))[count, count + 1]
        if np.isinf(expected):
            expected = float((z1[i] - z0[i]).norm())
        assert float(lengths[i]) == pytest.approx(expected, rel=1e-3)


def test_points_are_equally_far_apart_in_the_geometry():
    geometry = Wasserstein1(lambda z: Normal(torch.cat((z, z**2), -1), 1.0))
    codes = torch.linspace(-2, 2, 41, **DOUBLE)[:, None]
    graph = NeighbourGraph(geometry, codes, neighbours=2)
    paths = graph.shortest_paths(codes[:1], codes[-1:], 33)
    assert (paths.diff(dim=1) > 0).all()
    segments = geometry.segment_lengths(paths)[0]
    assert segments.max() / segments.min() < 1.1


def test_paths_keep_to_a_ring():
    graph = NeighbourGraph(FLAT, make_ring(), neighbours=2)
    z0, z1 = torch.tensor([[1.05, 0.0]], **DOUBLE), torch.tensor([[-1.05, 0.1]], **DOUBLE)
    path = graph.shortest_paths(z0, z1)
    assert path.norm(dim=-1).min() > 0.99
    assert path[0, 32, 1] > 0  # the shorter way is on the side of z1


def test_other_pairs_do_not_matter():
    geometry = Wasserstein1(make_network("normal"))
    graph = NeighbourGraph(geometry, draw(50, 2), neighbours=5)
    z0, z1 = draw(6, 2, seed=1), draw(6, 2, seed=2)
    together = graph.shortest_paths(z0, z1)
    for i in range(6):
        torch.testing.assert_close(
            graph.shortest_paths(z0[i : i + 1], z1[i : i + 1])[0], together[i]
        )


def test_repeated_codes_and_identical_endpoints():
    graph = NeighbourGraph(FLAT, draw(20, 2).repeat_interleave(4, 0), neighbours=10)
    paths = graph.shortest_paths(graph.codes[:3], graph.codes[[0, 1, 79]])
    assert torch.isfinite(paths).all()
    assert torch.equal(paths[:, -1], graph.codes[[0, 1, 79]])


def test_ends_are_met_where_the_decoder_is_constant():
    graph = NeighbourGraph(Wasserstein1(lambda z: Normal(0 * z, 1.0)), draw(20, 2))
    z0, z1 = draw(3, 2, seed=1), draw(3, 2, seed=2)
    paths = graph.shortest_paths(z0, z1)
    assert torch.isfinite(paths).all()
    assert torch.equal(paths[:, 0], z0)
    assert torch.equal(paths[:, -1], z1)


def test_unconnected_pairs_get_the_straight_line_and_a_warning():
    clusters = torch.cat((0.1 * draw(15, 2), 0.1 * draw(15, 2, seed=1) + 10))
    graph = NeighbourGraph(FLAT, clusters, neighbours=3)
    z0, z1 = clusters[[0, 0]], clusters[[1, 20]]
    with pytest.warns(UserWarning, match=r"1 of 2 pairs.*straight line.*more than 3 neighbours"):
        paths = graph.shortest_paths(z0, z1)
    torch.testing.assert_close(
        paths[1], torch.lerp(z0[1], z1[1], torch.linspace(0, 1, 64)[:, None].double())
    )
    with pytest.warns(UserWarning, match="1 of 1 pairs"):
        solved = connecting_geodesics(FLAT, z0[1:], z1[1:], start=graph)
    torch.testing.assert_close(solved.length, (z1 - z0)[1:].norm(dim=-1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        NeighbourGraph(FLAT, clusters, neighbours=16).shortest_paths(z0, z1)


def test_graph_start_finds_the_way_around_a_wall():
    geometry = Wasserstein1(make_wall())
    graph = NeighbourGraph(geometry, scatter_around_wall())
    # The last pair lies on one side, where the straight line is best.
    z0 = torch.tensor([[-1.0, 0.0], [-1.0, 0.5], [-1.0, -1.0]], **DOUBLE)
    z1 = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.5, 1.0]], **DOUBLE)
    line = connecting_geodesics(geometry, z0, z1, controls=12, points=64)
    best = connecting_geodesics(geometry, z0, z1, controls=12, points=64, start=graph)
    assert (best.length <= line.length * (1 + 1e-9)).all()
    assert (best.length[:2] < 0.6 * line.length[:2]).all()
    # No shorter than a taut string round the wall's end, no longer than one detour around it.
    taut, detour = torch.tensor([[0.0, 1.0], [0.0, 1.3]], **DOUBLE)
    string = (z0 - taut).norm(dim=-1) + (z1 - taut).norm(dim=-1)
    there = torch.lerp(z0[:, None], detour, T[:, None])
    back = torch.lerp(detour, z1[:, None], T[:, None])
    detours = geometry.curve_length(torch.cat((there, back), 1))
    assert (string < best.length)[:2].all()
    assert (best.length < detours)[:2].all()
    torch.testing.assert_close(best.length[2], (z1 - z0)[2].norm(), rtol=1e-3, atol=0)
    assert (best(T)[:2, 32, 1] > 0.9).all()
    assert best.report.energy.shape == best.converged.shape == (3,)
    assert best.report.energy_history.shape[1] == 3
    torch.testing.assert_close(best(T)[:, 0], z0)
    torch.testing.assert_close(best(T)[:, -1], z1)


def test_graph_start_works_with_curves_of_any_solver():
    pytest.importorskip("stochman")
    from latent_transport.geodesics.stochman import StochMan

    geometry = Wasserstein1(make_wall())
    graph = NeighbourGraph(geometry, scatter_around_wall())
    z0, z1 = torch.tensor([[-1.0, 0.0]], **DOUBLE), torch.tensor([[1.0, 0.0]], **DOUBLE)
    solver = StochMan(max_iterations=3)
    paths = connecting_geodesics(geometry, z0, z1, solver=solver, points=20, start=graph)
    assert paths(T).shape == (1, 65, 2)
    assert torch.isfinite(paths.length).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dims", [1, 3])
def test_dtypes_and_dimensions(dims, dtype):
    geometry = Wasserstein1(make_network("logistic", dims=dims, dtype=dtype))
    codes = draw(40, dims).to(dtype)
    before = codes.clone()
    graph = NeighbourGraph(geometry, codes)
    paths = connecting_geodesics(geometry, codes[:2], codes[2:4], start=graph)
    assert paths.length.dtype == dtype
    assert paths(T.to(dtype)).shape == (2, 65, dims)
    assert torch.equal(codes, before)


@pytest.mark.parametrize(
    ("codes", "settings", "error", "match"),
    [
        (torch.zeros(1, 2), {}, ValueError, r"codes have shape \(1, 2\)"),
        (torch.zeros(5), {}, ValueError, r"codes have shape \(5,\)"),
        (torch.full((3, 2), torch.nan), {}, ValueError, "not finite"),
        (torch.zeros(3, 2, dtype=int), {}, TypeError, "codes are a torch.int64"),
        ([[0.0, 0.0]], {}, TypeError, "codes are a list"),
        (torch.zeros(3, 2), {"neighbours": 0}, ValueError, "neighbours is 0"),
        (torch.zeros(3, 2), {"pieces": 0}, ValueError, "pieces is 0"),
    ],
)
def test_bad_arguments_are_named(codes, settings, error, match):
    with pytest.raises(error, match=match):
        NeighbourGraph(FLAT, codes, **settings)


def test_bad_starts_are_named():
    ends = torch.zeros(1, 3), torch.ones(1, 3)
    graph = NeighbourGraph(FLAT, draw(10, 2).float())
    with pytest.raises(ValueError, match="endpoints have 3 dimensions, the graph's codes 2"):
        connecting_geodesics(FLAT, *ends, start=graph)
    with pytest.raises(ValueError, match="start is 'graph'"):
        connecting_geodesics(FLAT, *ends, start="graph")
