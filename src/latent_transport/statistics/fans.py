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
    segments : int, optional
        On which curves are measured, a power of two; by default as ``connecting_geodesics`` does,
        which decodes ten times as many points as the coarse ones have corners.
    """

    controls: Count
    points: Count
    tolerance: float
    segments: int | None = None


ROUGH = Precision(3, 12, 1e-2, 32)
"""While it is open to which centres points belong: lengths half a per cent too long."""

COARSE = Precision(5, 20, 1e-3, 64)
"""While centres are far from where they come to lie: lengths a few thousandths too long."""

FINE = Precision("auto", "auto", 1e-5)
"""What ``connecting_geodesics`` does by default."""


@dataclass(frozen=True)
class Rays:
    """Solved geodesics from centres to points.

    Attributes
    ----------
    curves : CubicSpline
        B curves, to go on from.
    lengths, energies : Tensor, shape (B,)
        Of the geodesics; nan of a curve along which the decoder's parameters are not finite.
    """

    curves: CubicSpline
    lengths: Tensor
    energies: Tensor

    def __getitem__(self, rows: Tensor) -> "Rays":
        """Return the rays with the given numbers, or where a mask holds."""
        return Rays(self.curves[rows], self.lengths[rows], self.energies[rows])

    def put(self, rows: Tensor, others: "Rays") -> "Rays":
        """Return these rays with others, to the same points, for those with the given numbers."""
        curves, new = self.curves, others.curves
        return Rays(
            CubicSpline(
                curves.start.index_copy(0, rows, new.start),
                curves.end,
                curves.controls.index_copy(0, rows, new.controls),
            ),
            self.lengths.index_copy(0, rows, others.lengths),
            self.energies.index_copy(0, rows, others.energies),
        )


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
        segments=precision.segments,
    )
    origin = torch.zeros(len(spline.start), dtype=torch.int64, device=spline.start.device)
    return Geodesics(geometry, spline.start, spline.end, solution, origin)


def straight_fan(starts: Tensor, ends: Tensor, precision: Precision) -> CubicSpline:
    """Straight lines between points (B, d), to start with."""
    return CubicSpline.straight(starts, ends, _count_controls(precision))


def rays_of(paths: Geodesics, precision: Precision) -> Rays:
    """Rays of solved geodesics."""
    return Rays(curves_of(paths, precision), paths.length, paths.energy)


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
