"""Tables and curves of geodesics between pairs, where the geodesics are known."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import Normal

from latent_transport.evidence.measures.connections import connect_pairs, measure_starts
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.subspaces import Subspace
from latent_transport.geometries.wasserstein1 import Wasserstein1

torch.set_num_threads(1)

SETTINGS = SolverSettings(controls=6, points=33)
FLAT = Wasserstein1(lambda z: Normal(z, 1.0))
BENT = Wasserstein1(lambda z: Normal(torch.cat((z, z[..., :1] ** 2), -1), 1.0))


def make_ends(count=5):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, count, 2, generator=generator, dtype=torch.float32).unbind()


def test_geodesics_of_a_plane_are_straight():
    z0, z1 = make_ends()
    pairs = pd.DataFrame({"pair": [7, 3, 4, 0, 9], "kind": "random"})
    table, curves = connect_pairs(FLAT, pairs, z0, z1, SETTINGS)
    apart = (z1 - z0).norm(dim=-1).numpy()
    for name in ("length", "line_length"):
        np.testing.assert_allclose(table[name], apart, rtol=1e-5)
    for name in ("energy", "line_energy"):
        np.testing.assert_allclose(table[name], apart**2, rtol=1e-5)
    np.testing.assert_allclose(table["shortening"], 0, atol=1e-5)
    assert table["converged"].all()
    assert (table["seconds"] > 0).all()
    pd.testing.assert_frame_equal(table[["pair", "kind"]], pairs)
    assert curves.pair.tolist() == [7, 3, 4, 0, 9]
    assert curves.points.shape == (5, 257, 2)
    expected = np.linspace(z0.numpy(), z1.numpy(), 257, axis=1)
    np.testing.assert_allclose(curves.points, expected, atol=1e-4)


def test_geodesics_of_a_bent_plane_are_shorter_than_lines():
    pairs = pd.DataFrame({"pair": range(5)})
    table, _ = connect_pairs(BENT, pairs, *make_ends(), SETTINGS)
    assert (table["length"] <= table["line_length"] * (1 + 1e-5)).all()
    assert table["shortening"].max() > 0.001
    np.testing.assert_allclose(table["shortening"], 1 - table["length"] / table["line_length"])


def test_geodesics_of_a_subspace_join_the_ends_and_run_straight_in_the_other_coordinates():
    z0, z1 = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)).unbind()
    subspace = Subspace([0, 2], at=torch.zeros(3))
    pairs = pd.DataFrame({"pair": range(5)})
    table, curves = connect_pairs(BENT, pairs, z0, z1, SETTINGS, subspace=subspace)
    inner, expected = connect_pairs(BENT, pairs, z0[:, [0, 2]], z1[:, [0, 2]], SETTINGS)
    np.testing.assert_array_equal(curves.points[..., [0, 2]], expected.points)
    straight = np.linspace(z0[:, 1].numpy(), z1[:, 1].numpy(), 257, axis=1)
    np.testing.assert_allclose(curves.points[..., 1], straight, atol=1e-6)
    np.testing.assert_allclose(curves.points[:, [0, -1]], torch.stack((z0, z1), 1), atol=1e-6)
    for name in ("length", "line_length"):
        np.testing.assert_array_equal(table[name], inner[name])


def test_no_pairs_give_an_empty_table_and_no_curves():
    pairs = pd.DataFrame({"pair": np.array([], int), "kind": np.array([], str)})
    table, curves = connect_pairs(FLAT, pairs, torch.zeros(0, 2), torch.zeros(0, 2), SETTINGS)
    pd.testing.assert_frame_equal(table, pairs)
    assert curves.points.shape == (0, 257, 2)
    assert curves.pair.dtype == np.int64


def test_further_starts_help_where_a_hill_lies_on_the_line():
    """The line slides off the top into the pass to the next hill; other starts go around both."""
    hill = Wasserstein1(lambda z: Normal(torch.cat((z, hills(z)), -1), 1.0))
    ends = torch.tensor([[-2.0, 0.0]]), torch.tensor([[2.0, 0.0]])
    places = torch.linspace(-2.5, 2.5, 15)
    graph = NeighbourGraph(hill, torch.cartesian_prod(places, places))
    settings = SolverSettings(controls=8, points=33)
    lengths = measure_starts(hill, *ends, settings, graph=graph, restarts=4)
    assert list(lengths) == ["line", "graph", "random"]
    lengths = {name: length.item() for name, length in lengths.items()}
    assert lengths["graph"] < 0.95 * lengths["line"]
    assert lengths["random"] < 0.95 * lengths["line"]
    assert lengths["graph"] == pytest.approx(lengths["random"], rel=0.02)


def hills(z):
    tops = torch.tensor([[0.0, 0.1], [0.0, -1.3]])
    return (4 * (-4 * (z[..., None, :] - tops).square().sum(-1)).exp()).sum(-1, keepdim=True)
