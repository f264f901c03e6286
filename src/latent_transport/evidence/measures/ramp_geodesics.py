"""Geodesics of the ramp, solved and exact, under W1 and under Fisher-Rao."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from latent_transport.evidence.measures.ramps import (
    decode_ramp,
    encode_ramp,
    fisher_rao_distance,
    fisher_rao_geodesic,
    wasserstein1_distance,
    wasserstein1_geodesic,
)
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.base import Solver
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.riemannian import FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1

# Finer than any decoder needs: what is left between solved and exact is the solver's.
CONTROLS = 32
POINTS = 256


@dataclass(frozen=True)
class Known:
    """A geometry in which the ramp's geodesics are known, and a solver that finds them.

    Attributes
    ----------
    geometry : Geometry
        Of the ramp.
    solver : Solver
        With a criterion that leaves no error to speak of.
    distance : callable
        Maps pixels (..., 2) twice to their distances (...).
    geodesic : callable
        Maps pixels (..., 2) twice and fractions (T,) to points (..., T, 2).
    """

    geometry: Geometry
    solver: Solver
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray]
    geodesic: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


# W1 of one pixel is a single residual, whose Gauss-Newton curvature has one direction of two.
WASSERSTEIN1 = Known(
    Wasserstein1(decode_ramp),
    LBFGS(max_iterations=5000, tolerance=1e-9),
    wasserstein1_distance,
    wasserstein1_geodesic,
)
FISHER_RAO = Known(
    FisherRao(decode_ramp),
    GaussNewton(max_iterations=1000, tolerance=1e-9),
    fisher_rao_distance,
    fisher_rao_geodesic,
)


@dataclass(frozen=True, eq=False)
class RampGeodesics:
    """Geodesics between m pairs of pixels, found by a solver, and exact.

    Attributes
    ----------
    computed, exact : ndarray, shape (m, T, 2)
        Pixels (mean, standard deviation) on the curves.
    length : ndarray, shape (m,)
        Lengths of the computed ones.
    converged : ndarray of bool, shape (m,)
        Whether the solver's criterion was met.
    """

    computed: np.ndarray
    exact: np.ndarray
    length: np.ndarray
    converged: np.ndarray


def solve_ramp(
    known: Known,
    start: np.ndarray,
    end: np.ndarray,
    t: np.ndarray,
    device: torch.device | str = "cpu",
) -> RampGeodesics:
    """Solve the geodesics between pixels (m, 2), and evaluate them at ``t`` (T,)."""
    paths = connecting_geodesics(
        known.geometry,
        *(encode_ramp(torch.from_numpy(pixels).to(device)) for pixels in (start, end)),
        solver=known.solver,
        controls=CONTROLS,
        points=POINTS,
    )
    pixels = decode_ramp(paths(torch.from_numpy(t).to(device)))
    return RampGeodesics(
        torch.cat((pixels.mean, pixels.stddev), -1).cpu().numpy(),
        known.geodesic(start, end, t),
        paths.length.cpu().numpy(),
        paths.converged.cpu().numpy(),
    )


def compare_ramp(
    found: RampGeodesics, known: Known, other: Known, start: np.ndarray, end: np.ndarray
) -> dict[str, np.ndarray]:
    """Compare solved geodesics with the exact ones, and with those of another geometry.

    Parameters
    ----------
    found : RampGeodesics
        Of :func:`solve_ramp`.
    known : Known
        The geometry that they were solved in.
    other : Known
        Another geometry.
    start, end : ndarray, shape (m, 2)
        Their ends.

    Returns
    -------
    dict of ndarray, shape (m,)
        ``length``, ``exact_length`` and the relative ``error`` between them; ``deviation``: the
        largest distance of a point from where the exact geodesic is at the same fraction of its
        length, over the length; ``converged``; standard deviations halfway, ``middle_scale`` and
        ``exact_middle_scale``; and ``other_excess``: how much longer than the shortest the exact
        geodesic is in the other geometry, relative.
    """
    shortest = known.distance(start, end)  # (m,)
    between = other.distance(found.exact[:, :-1], found.exact[:, 1:]).sum(-1)  # (m,)
    # A curve's speed is its solver's affair: compare at equal fractions of the length.
    run = known.distance(found.computed[:, :-1], found.computed[:, 1:]).cumsum(-1)  # (m, T - 1)
    fraction = np.pad(run / run[:, -1:], ((0, 0), (1, 0)))  # (m, T)
    deviation, middle = [], []
    for row, computed in enumerate(found.computed):
        on_exact = known.geodesic(start[row], end[row], fraction[row])  # (T, 2)
        deviation.append(known.distance(computed, on_exact).max() / shortest[row])
        middle.append(np.interp(0.5, fraction[row], computed[:, 1]))
    return {
        "length": found.length,
        "exact_length": shortest,
        "error": np.abs(found.length / shortest - 1),
        "deviation": np.array(deviation),
        "converged": found.converged,
        "middle_scale": np.array(middle),
        "exact_middle_scale": known.geodesic(start, end, np.array([0.5]))[:, 0, 1],
        "other_excess": between / other.distance(start, end) - 1,
    }
