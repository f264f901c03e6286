"""Discrete geodesics between two points: with which velocity they set out."""

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.base import Geometry
from latent_transport.maps.momenta import polygon_momenta, scale_velocities, velocities

STEPS = 8
MOST_STEPS = 64  # more of them show the rounding of single precision
TOLERANCE = 1e-4  # of velocities, relative
SOLVED = 1e-10  # of an energy


def refine_velocities(geometry: Geometry, curve: CubicSpline, v: Tensor) -> Tensor:
    r"""Initial velocities of discrete geodesics, in the limit of many segments: shape (B, d).

    The polygons of N segments whose corners make :math:`\sum_k d^2(x_{k-1}, x_k)` least set out
    with the momenta :math:`-\tfrac N2 \nabla_{x_0} d^2(x_0, x_1)`, as those do that
    :func:`shoot_geodesics` follows: with as many steps, these would meet the ends exactly. Their
    number is doubled until the velocities agree, and two numbers of them extrapolated (Rumpf &
    Wirth 2015, *Variational time discretization of geodesic calculus*). Their lengths are those of
    the polygons, which kinks and rounding change less than the momenta of single segments.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    curve : CubicSpline
        B geodesics, from which the polygons are found.
    v : Tensor, shape (B, d)
        Their velocities at the start, in latent units a unit of time, about. They stay where they
        are zero or not finite, or where no polygon tells better.
    """
    start, result = curve.start, v.clone()  # (B, d) each
    rows = (torch.isfinite(v).all(-1) & (v != 0).any(-1)).nonzero().squeeze(-1)  # (b,)
    curve, coarse = curve[rows], None
    change = torch.full_like(v[rows, 0], torch.inf)  # (b,)
    steps = STEPS
    while len(rows) and steps <= MOST_STEPS:
        curve, t = _minimize(geometry, curve, steps)
        fine = polygon_momenta(geometry, curve(t))  # (b, d), (b,)
        p, energy = fine if coarse is None else map(_extrapolate, fine, coarse)
        found = velocities(geometry, start[rows], p, v[rows])  # (b, d)
        sound = torch.isfinite(found).all(-1) & torch.isfinite(energy)  # (b,)
        found = torch.where(sound.unsqueeze(-1), found, 0)  # (b, d)
        length = energy.clamp(min=0).sqrt()  # (b,)
        found = scale_velocities(geometry, start[rows], found, length)  # (b, d)
        before = change
        apart = geometry.norm(start[rows], found - result[rows])  # (b,)
        change = apart / geometry.norm(start[rows], found)  # (b,), infinite where nothing is found
        # Two numbers of segments are not compared yet; later, rounding is where changes grow.
        better = torch.isfinite(change) if steps <= 2 * STEPS else change < before  # (b,)
        result[rows] = torch.where(better.unsqueeze(-1), found, result[rows])
        onward = better & (change > TOLERANCE)  # (b,)
        rows, curve, change = rows[onward], curve[onward], change[onward]
        coarse = [x[onward] for x in fine]
        steps *= 2
    return result


def _minimize(geometry: Geometry, curve: CubicSpline, steps: int) -> tuple[CubicSpline, Tensor]:
    """Splines through the corners of polygons of least energy, and where: (steps + 1,)."""
    t = torch.linspace(0, 1, steps + 1, dtype=curve.start.dtype, device=curve.start.device)
    # As many control points as corners between the ends: the corners are free.
    spline = CubicSpline.through(curve(t), steps - 1)
    spline, _ = GaussNewton(tolerance=SOLVED).minimize(geometry, spline, t)
    return spline, t


def _extrapolate(fine: Tensor, coarse: Tensor) -> Tensor:
    """Limit of a quantity whose error is of second order, from twice as many segments."""
    return fine + (fine - coarse) / 3
