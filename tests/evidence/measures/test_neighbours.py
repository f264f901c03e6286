"""Neighbours by dear distances: the pruned search against the full matrix."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch.distributions import Normal

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import Subset, save_subset
from latent_transport.evidence.measures import neighbours
from latent_transport.evidence.measures.neighbours import (
    GeodesicLengths,
    measure_bounds,
    measure_distances,
    search_neighbours,
)
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import VAE, Architecture, save_vae
from latent_transport.storage import DataError, load_table
from workflow.scripts.measure_neighbours import main

torch.set_num_threads(1)


class Problem:
    """A matrix of distances with bounds around it, and a count of the pairs solved."""

    def __init__(self, seed, count=30, slack=0.5):
        rng = np.random.default_rng(seed)
        points = rng.standard_normal((count, 3))
        self.exact = cdist(points, points)
        wide = np.triu(rng.uniform(0, slack, (2, count, count)), 1)
        below, above = wide + wide.transpose(0, 2, 1)
        self.lower, self.upper = self.exact * (1 - below), self.exact * (1 + above)
        self.pairs = []

    def solve(self, first, second):
        assert (first < second).all()
        self.pairs += zip(first.tolist(), second.tolist(), strict=True)
        return self.exact[first, second]


def nearest_of(distances, count):
    others = distances + np.diag(np.full(len(distances), np.inf))
    return np.sort(np.argsort(others, 1)[:, :count], 1)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 8), st.floats(0.01, 0.9))
def test_pruned_neighbours_are_those_of_the_full_matrix(seed, neighbours, slack):
    problem = Problem(seed, slack=slack)
    search = search_neighbours(problem.lower, problem.upper, problem.solve, neighbours=neighbours)
    assert search.certified.all()
    np.testing.assert_array_equal(
        nearest_of(search.distances, neighbours), nearest_of(problem.exact, neighbours)
    )
    assert len(problem.pairs) == len(set(problem.pairs)) == np.triu(search.solved, 1).sum()
    np.testing.assert_allclose(search.distances[search.solved], problem.exact[search.solved])
    np.testing.assert_allclose(search.distances[~search.solved], problem.upper[~search.solved])


def test_tight_bounds_spare_most_geodesics():
    problem = Problem(0, count=60, slack=0.02)
    search_neighbours(problem.lower, problem.upper, problem.solve, neighbours=3)
    assert 60 * 3 / 2 <= len(problem.pairs) < 0.15 * 60 * 59 / 2


def test_a_longer_solution_than_the_line_is_not_taken():
    problem = Problem(1)
    search = search_neighbours(
        problem.lower, problem.upper, lambda i, j: np.full(len(i), 99.0), neighbours=2
    )
    np.testing.assert_array_equal(search.distances, problem.upper)


@pytest.mark.parametrize("candidates", [3, 6, 12])
def test_candidates_bound_the_work_and_certificates_are_true(candidates):
    problem = Problem(2, slack=0.4)
    search = search_neighbours(
        problem.lower, problem.upper, problem.solve, neighbours=3, candidates=candidates
    )
    assert len(problem.pairs) <= 30 * candidates
    near = nearest_of(problem.upper, candidates)
    allowed = {tuple(sorted((i, j))) for i, row in enumerate(near.tolist()) for j in row}
    assert set(problem.pairs) <= allowed
    assert 0 < search.certified.sum() < 30 or candidates == 12
    np.testing.assert_array_equal(
        nearest_of(search.distances, 3)[search.certified],
        nearest_of(problem.exact, 3)[search.certified],
    )


def test_bounds_and_numbers_that_do_not_fit_are_refused():
    problem = Problem(3)
    with pytest.raises(ValueError, match="lower bounds are not below"):
        search_neighbours(problem.upper, problem.lower, problem.solve, neighbours=2)
    with pytest.raises(ValueError, match="30 neighbours of 30 points"):
        search_neighbours(problem.lower, problem.upper, problem.solve, neighbours=30)
    with pytest.raises(ValueError, match="2 candidates for 3"):
        search_neighbours(problem.lower, problem.upper, problem.solve, neighbours=3, candidates=2)
    with pytest.raises(ValueError, match="expected"):
        search_neighbours(problem.lower[:5], problem.upper, problem.solve, neighbours=3)


def test_bounds_of_a_flat_plane_are_both_the_distance():
    codes = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    done = []
    geometry = Wasserstein1(lambda z: Normal(z, 1.0))
    lower, upper = measure_bounds(geometry, codes, segments=4, progress=done.append)
    np.testing.assert_allclose(lower, cdist(codes, codes), atol=1e-12)
    np.testing.assert_allclose(upper, cdist(codes, codes), atol=1e-12)
    assert sum(done) == 66


def test_bounds_of_a_parabola():
    """A line over z -> (z, z^2): its chord, and the length of the arc."""
    codes = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
    geometry = Wasserstein1(lambda z: Normal(torch.cat((z, z**2), -1), 1.0))
    lower, upper = measure_bounds(geometry, codes, segments=256)
    half = np.sqrt(5) / 2 + np.arcsinh(2) / 4
    np.testing.assert_allclose(lower[0], [0, np.sqrt(2), 2])
    np.testing.assert_allclose(upper[0], [0, half, 2 * half], rtol=1e-4)


def test_solved_lengths_are_those_of_the_library_in_whatever_batches(monkeypatch):
    monkeypatch.setattr(neighbours, "GEODESICS_AT_ONCE", 2)
    codes = torch.tensor([[-1.0], [0.0], [1.0], [2.0]], dtype=torch.float64)
    geometry = Wasserstein1(lambda z: Normal(torch.cat((z, z**2), -1), 1.0))
    done = []
    solve = GeodesicLengths(geometry, codes, SolverSettings(points=257), done.append)
    first, second = np.triu_indices(4, 1)
    arc = [z * np.sqrt(1 + 4 * z**2) / 2 + np.arcsinh(2 * z) / 4 for z in codes[:, 0].numpy()]
    np.testing.assert_allclose(
        solve(first, second), np.subtract(*np.take(arc, (second, first))), rtol=1e-4
    )
    assert done == [2, 2, 2]


def test_distances_of_a_bent_line_lie_between_their_bounds():
    codes = torch.randn(12, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    geometry = Wasserstein1(lambda z: Normal(torch.cat((z, z[..., :1] ** 2), -1), 1.0))
    settings = SolverSettings(controls=4, points=9)
    found = measure_distances(geometry, codes, settings, neighbours=2)
    np.testing.assert_allclose(found.latent, cdist(codes, codes), atol=1e-12)
    assert (found.latent <= found.direct + 1e-9).all()
    assert (found.direct <= found.search.distances * (1 + 1e-9)).all()
    assert (found.search.distances <= found.line).all()
    assert found.search.certified.all()
    solved = np.triu(found.search.solved, 1)
    assert 12 <= found.search.count == solved.sum() <= 66
    assert (found.search.distances < found.line * (1 - 1e-3))[solved].any()


@pytest.fixture
def run(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = VAE(Architecture(latent_dim=3, data_dim=9, hidden=(16,)))
    save_vae(vae, tmp_path / "vae.safetensors", {})
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 4, 7], 14).astype(np.uint8)
    mean = rng.standard_normal((42, 3)) + 4 * np.eye(3)[labels // 3]
    split = np.tile([0, 2], 21).astype(np.uint8)
    mean = mean.astype(np.float32)
    codes = Codes(mean, np.ones_like(mean), labels, np.arange(42), split)
    codes.save(tmp_path / "codes.safetensors")
    # Images that tell the labels apart as no code does.
    images = (np.repeat(labels, 9).reshape(42, 9) * 20 + rng.integers(0, 9, (42, 9))).astype(
        np.uint8
    )
    save_subset(
        Subset(images, labels, np.arange(42), split, (1, 4, 7), 0.0, 0),
        tmp_path / "subset.safetensors",
    )
    return [
        *("--name", "all", "--subset", str(tmp_path / "subset.safetensors")),
        *("--model", str(tmp_path / "vae.safetensors")),
        *("--codes", str(tmp_path / "codes.safetensors"), "--neighbours", "3", "--seed", "0"),
        *("--settings", '{"controls": 4, "points": 9, "max_iterations": 20, "tolerance": 1e-3}'),
        *("--output", str(tmp_path / "a.csv"), "--output-points", str(tmp_path / "points.csv")),
        *("--summary", str(tmp_path / "summary.csv")),
    ]


def test_script_compares_the_distances_on_held_out_points(run, tmp_path):
    main([*run, "--points", "18", "--candidates", "0"])
    table = load_table(tmp_path / "a.csv").set_index("distance")
    points = load_table(tmp_path / "points.csv")
    summary = load_table(tmp_path / "summary.csv")
    assert set(summary["reference"]) == {"latent", "pixels"}
    summary = summary[summary["reference"] == "latent"].set_index(["path", "measure"])
    assert set(table.index) == {"wasserstein1", "latent", "line", "direct", "pixels"}
    assert table.loc["pixels", "accuracy"] == 1
    assert (points["row"] % 2 == 1).all()  # test images
    assert points["row"].nunique() == 18
    assert table.loc["wasserstein1", "certified"] == 1
    assert 0 < table.loc["wasserstein1", "geodesics"] <= 18 * 17 / 2
    for name in ("accuracy", "purity"):
        means = points.groupby("distance")[name].mean()
        np.testing.assert_allclose(table[name], means[table.index])
        np.testing.assert_allclose(
            [summary.loc[(path, name), "mean"] for path in table.index], table[name]
        )
    assert table.loc["latent", "accuracy"] > 0.8


@pytest.mark.parametrize("points", ["3", "22"])
def test_script_refuses_too_few_or_too_many_points(run, points):
    with pytest.raises(DataError, match="21 test images"):
        main([*run, "--points", points, "--candidates", "0"])
