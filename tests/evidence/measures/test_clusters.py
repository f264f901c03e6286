"""Clusters by distances, against brute force."""

from itertools import combinations

import numpy as np
from scipy.spatial.distance import cdist

from latent_transport.evidence.measures.clusters import close_distances, find_pure


def test_closed_distances_are_shortest_by_brute_force():
    rng = np.random.default_rng(1)
    half = np.triu(rng.uniform(1, 4, (12, 12)), 1)
    expected = half + half.T
    closed = close_distances(expected)
    for middle in range(12):  # Floyd and Warshall, written out
        expected = np.minimum(expected, expected[:, middle, None] + expected[None, middle])
    np.testing.assert_allclose(closed, expected)
    assert (closed <= half + half.T).all()


def test_pure_points_are_those_of_the_best_medoids():
    rng = np.random.default_rng(2)
    points, labels = rng.standard_normal((14, 2)), rng.integers(3, size=14)
    distances = cdist(points, points)
    best = min(combinations(range(14), 3), key=lambda m: distances[:, m].min(1).sum())
    cluster_of = distances[:, best].argmin(1)
    counts = [np.bincount(labels[cluster_of == c], minlength=3).max() for c in range(3)]
    assert find_pure(distances, labels, clusters=3, seed=0).sum() == sum(counts)


def test_clusters_far_apart_are_pure():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2, 5], 10)
    points = rng.standard_normal((40, 2)) + 100 * labels[:, None]
    assert find_pure(cdist(points, points), labels, clusters=4, seed=0).all()
