"""Lengths of curves, measured in float64, whoever found them."""

import numpy as np

from latent_transport.evidence.peers.problems import Problem

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_BATCH = 2**22  # coordinates at once


def measure_length(problem: Problem, points: np.ndarray) -> float:
    """Length of a curve of straight pieces in the chart.

    Each piece is integrated by Gauss and Legendre's rule with eight nodes. A curve from end to end
    is never shorter than the distance, whatever its points.

    Parameters
    ----------
    problem : Problem
        The geometry.
    points : ndarray, shape (n, d)
        Successive points.

    Returns
    -------
    float
        In units of the problem; nan if a point is not finite.
    """
    points = np.asarray(points, np.float64)
    starts, pieces = points[:-1], np.diff(points, axis=0)  # (n - 1, d) each
    fractions = (_NODES[:, None] + 1) / 2  # (8, 1)
    size = max(1, _BATCH // (len(_NODES) * points.shape[1]))
    total = 0.0
    for first in range(0, len(pieces), size):
        v = pieces[first : first + size, None]  # (b, 1, d)
        z = starts[first : first + size, None] + fractions * v  # (b, 8, d)
        squares = problem.squared_norm(np, z, np.broadcast_to(v, z.shape))  # (b, 8)
        total += float((np.sqrt(squares) @ _WEIGHTS).sum()) / 2
    return total
