"""Several starts of one geodesic: the shortest is kept, whoever its companions are."""

import pytest
import torch

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, make_network, make_wall, scatter_around_wall

WALL = Wasserstein1(make_wall())
Z0 = torch.tensor([[-1.0, 0.0], [-1.0, 0.5], [-1.0, -1.0]], **DOUBLE)
Z1 = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.5, 1.0]], **DOUBLE)
FINE = {"controls": 12, "points": 64}


def test_restarts_find_the_way_around_a_wall():
    line = connecting_geodesics(WALL, Z0, Z1, **FINE)
    graph = NeighbourGraph(WALL, scatter_around_wall())
    around = connecting_geodesics(WALL, Z0, Z1, start=graph, **FINE)
    best = connecting_geodesics(WALL, Z0, Z1, restarts=12, **FINE)
    assert (line.origin == 0).all()
    assert (best.length <= line.length).all()
    torch.testing.assert_close(best.length, around.length, rtol=0.05, atol=0)
    assert (best.origin[:2] > 0).all()
    assert best.report.energy.shape == best.converged.shape == (3,)


def test_origin_tells_the_start_of_each_curve():
    graph = NeighbourGraph(WALL, scatter_around_wall())
    paths = connecting_geodesics(WALL, Z0, Z1, start=graph, **FINE)
    assert paths.origin.tolist()[:2] == [1, 1]
    assert set(paths.origin.tolist()) <= {0, 1}


def test_random_starts_do_not_depend_on_the_companions():
    geometry = Wasserstein1(make_network("logistic"))
    z0, z1 = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(0), **DOUBLE)
    together = connecting_geodesics(geometry, z0, z1, restarts=2)
    apart = [
        connecting_geodesics(geometry, z0[rows], z1[rows], restarts=2)
        for rows in (slice(0, 2), slice(2, 5))
    ]
    lengths = torch.cat([part.length for part in apart])
    torch.testing.assert_close(together.length, lengths, rtol=1e-9, atol=0)
    assert torch.equal(together.origin, torch.cat([part.origin for part in apart]))


def test_a_generator_decides_the_bends():
    start = [
        connecting_geodesics(
            WALL,
            Z0,
            Z1,
            solver=LBFGS(max_iterations=0),
            restarts=40,
            generator=torch.Generator().manual_seed(seed),
        ).report.energy_history[0]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(start[0], start[1])
    assert not torch.equal(start[0], start[2])


def test_a_negative_number_of_restarts_is_refused():
    with pytest.raises(ValueError, match="restarts is -1"):
        connecting_geodesics(WALL, Z0, Z1, restarts=-1)
