"""Clusters by distances, and how pure they are in labels."""

import numpy as np
from scipy.sparse.csgraph import shortest_path

RESTARTS = 20  # of the clustering, from random medoids


def close_distances(distances: np.ndarray) -> np.ndarray:
    """Lengths (N, N) of the shortest paths from point to point, edges being all the distances.

    An upper bound of the geodesic distance where the edges are, and a metric.
    """
    return shortest_path(distances, method="FW", directed=False)


def find_pure(distances: np.ndarray, labels: np.ndarray, *, clusters: int, seed: int) -> np.ndarray:
    """Points whose label is the commonest in their cluster of k-medoids.

    Their share is the clustering's purity. The best of 20 runs of FasterPAM (Schubert & Rousseeuw
    2021) from random medoids is taken, by the sum of the distances to the medoids.

    Parameters
    ----------
    distances : ndarray, shape (N, N)
    labels : ndarray of non-negative int, shape (N,)
    clusters : int
        Number of medoids, at most N.
    seed : int
        Non-negative seed of the restarts.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    import kmedoids

    runs = [
        kmedoids.fasterpam(distances, clusters, random_state=int(state), n_cpu=1)
        for state in np.random.default_rng(seed).integers(2**31, size=RESTARTS)
    ]
    cluster_of = min(runs, key=lambda run: run.loss).labels  # (N,)
    table = np.zeros((clusters, labels.max() + 1), dtype=int)
    np.add.at(table, (cluster_of, labels), 1)
    return table.argmax(1)[cluster_of] == labels
