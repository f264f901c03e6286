"""Fans: geodesics from centres to many points, which follow the centres as these move."""

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geodesics.refinement import FIRST_CONTROLS, Count, solve_as_needed
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.base import Geometry
from latent_transport.maps.momenta import as_spline

PLACES = 4  # a control point, on a curve to which another spline is fitted


@dataclass(frozen=True)
class Precision:
    """How finely the geodesics of a fan are solved.

    Attributes
    ----------
    controls, points : int or "auto"
        Free control points and corners of each curve, as for ``connecting_geodesics``.
    tolerance : float
        Share of its energy that a curve may lie above its local minimum.
    """

    controls: Count
    points: Count
    tolerance: float


COARSE = Precision(5, 20, 1e-3)
"""While centres are far from where they come to lie: lengths a few thousandths too long."""

FINE = Precision("auto", "auto", 1e-5)
"""What ``connecting_geodesics`` does by default."""


def solve_fan(
    geometry: Geometry, spline: CubicSpline, precision: Precision, *, progress: str | None = None
) -> Geodesics:
    """Solve geodesics from curves to start with.

    Parameters
    ----------
    geometry : Geometry
        Measures the curves.
    spline : CubicSpline
        B curves with the ends that are wanted.
    precision : Precision
        How finely they are solved.
    progress : str, optional
        Label of a progress bar of the curves; there is none without.

    Returns
    -------
    Geodesics
        B curves.
    """
    solver = GaussNewton(tolerance=precision.tolerance, progress=progress)
    spline = _refit(spline, precision)
    solution = solve_as_needed(
        geometry,
        solver,
        spline,
        controls=precision.controls,
        points=precision.points,
        memory=solver.memory,
    )
    origin = torch.zeros(len(spline.start), dtype=torch.int64, device=spline.start.device)
    return Geodesics(geometry, spline.start, spline.end, solution, origin)


def straight_fan(starts: Tensor, ends: Tensor, precision: Precision) -> CubicSpline:
    """Straight lines between points (B, d), to start with."""
    return CubicSpline.straight(starts, ends, _count_controls(precision))


def curves_of(paths: Geodesics, precision: Precision) -> CubicSpline:
    """Curves of solved geodesics, with as many control points as a solution begins with."""
    return _refit(as_spline(paths.curve, paths.start), precision)


def move_starts(spline: CubicSpline, starts: Tensor) -> CubicSpline:
    """Curves moved to other starts (B, d); by less, the farther along them."""
    free = spline.controls.shape[1]
    shift = CubicSpline.straight(starts - spline.start, torch.zeros_like(starts), free)
    return CubicSpline(starts, spline.end, spline.controls + shift.controls)


def _count_controls(precision: Precision) -> int:
    return FIRST_CONTROLS if precision.controls == "auto" else precision.controls


def _refit(spline: CubicSpline, precision: Precision) -> CubicSpline:
    free = _count_controls(precision)
    if spline.controls.shape[1] == free:
        return spline
    count = PLACES * max(free, spline.controls.shape[1])
    t = torch.linspace(0, 1, count, dtype=spline.start.dtype, device=spline.start.device)
    return CubicSpline.through(spline(t), free)
