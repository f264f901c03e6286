"""Projections: which points of geodesics are nearest to others."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.maps.exponential import shoot_geodesics
from latent_transport.maps.logarithm import TOLERANCE
from latent_transport.maps.momenta import end_momenta
from latent_transport.statistics.fans import (
    Precision,
    curves_of,
    move_starts,
    solve_fan,
    straight_fan,
)

SHARP = Precision("auto", "auto", TOLERANCE)
"""A slope is off by the root of what the energy is off by."""

REACH = 1.25  # times the largest distance from the origin, to which geodesics are followed
STEPS = 32  # of a geodesic, to each side of the origin
SETTLED = 3e-4  # of a point's distance from the origin, that the last step is at most
CURVATURES = 0.1, 4.0  # of half a squared distance, between which steps take it to be
MAX_ITERATIONS = 20


@dataclass(frozen=True)
class Projections:
    """The nearest points of K geodesics to each of n points.

    Attributes
    ----------
    at : Tensor, shape (n, K)
        Their parameters; nan where a geodesic to them has no finite length.
    distances : Tensor, shape (n, K)
        How far they are, in units of the data.
    converged : Tensor of bool, shape (n, K)
        Whether they are local minima of the distance, by geodesics that converged.
    """

    at: Tensor
    distances: Tensor
    converged: Tensor


def project(
    geometry: Geometry,
    origin: Tensor,
    directions: Tensor,
    z: Tensor,
    guesses: Tensor,
    distances: Tensor,
) -> Projections:
    r"""Find the nearest points of geodesics through an origin.

    .. math:: \min_t f(t), \qquad f(t) = \tfrac12 d^2(\gamma(t), z), \quad
              \gamma(t) = \exp_o(t e), \qquad f'(t) = -\langle p(t), \dot\gamma(t) \rangle

    with the momentum p of the geodesic to z where it leaves :math:`\gamma(t)`, by the first
    variation. A safeguarded secant method: the curvature of f is taken to be that of flat space, 1,
    and then what the slopes of the last two places say; where a step would leave the interval
    between a falling and a rising slope, or the end of the geodesic, it goes to its middle. All
    places of all points are solved at once, from the geodesics of the step before. In flat spaces
    and for points on the geodesic that is a step or none. A leg of a right-angled triangle is no
    longer than its hypotenuse in most spaces, so that the geodesics are followed little farther
    than the points are from the origin. A minimum is local: the one that the guess leads to.

    Parameters
    ----------
    geometry : Geometry
        Measures the distances.
    origin : Tensor, shape (d,)
        Where the geodesics are at t = 0.
    directions : Tensor, shape (K, d)
        Their velocities e there, of unit length.
    z : Tensor, shape (n, d)
        Points.
    guesses : Tensor, shape (n, K)
        Parameters to begin at.
    distances : Tensor, shape (n,)
        Of the points from the origin.

    Returns
    -------
    Projections

    Warns
    -----
    RuntimeWarning
        If there are points whose projection did not converge, or geodesics through the origin that
        are not within their tolerance.

    Raises
    ------
    ValueError
        If the geodesics leave what the decoder gives finite parameters for.
    """
    reach = REACH * float(distances.nan_to_num(nan=0).max()) or 1.0  # of equal points, any
    t = guesses.nan_to_num(nan=0).clamp(-reach, reach)  # (n, K)
    with outside_inference_mode(), torch.no_grad():
        curves = _follow(geometry, as_ordinary(origin), as_ordinary(directions), reach)
        fan = _Fan(geometry, curves, reach, as_ordinary(z), t)
        found = _search(fan, t, reach, distances)
    failed = int((~found.converged).sum())
    if failed:
        warnings.warn(
            f"{failed} of {found.converged.numel()} projections to principal geodesics did not "
            "converge: a geodesic did not, or no point of those that were looked at is the nearest",
            RuntimeWarning,
            stacklevel=4,
        )
    return found


class _Fan:
    """Geodesics from places (n, K) on K curves to n points.

    Attributes
    ----------
    slope, length : Tensor, shape (n, K)
        Derivatives of half their squared lengths by the places, and the lengths.
    sound : Tensor of bool, shape (n, K)
        Whether they converged.
    """

    def __init__(
        self, geometry: Geometry, curves: CubicSpline, reach: float, z: Tensor, places: Tensor
    ) -> None:
        self.geometry, self.curves, self.reach = geometry, curves, reach
        starts = self._points(places)  # (n, K, d)
        ends = z[:, None].expand_as(starts)  # (n, K, d)
        self.lines = straight_fan(starts.flatten(0, 1), ends.flatten(0, 1), SHARP)
        self.slope, self.length = torch.zeros_like(places), torch.zeros_like(places)
        self.sound = torch.zeros_like(places, dtype=torch.bool)
        self.move(places, ~self.sound)

    def move(self, places: Tensor, chosen: Tensor) -> None:
        """Solve anew, from other places, those that a mask (n, K) chooses."""
        rows = chosen.flatten().nonzero().squeeze(-1)  # (b,)
        lines = move_starts(self.lines, self._points(places).flatten(0, 1))
        paths = solve_fan(self.geometry, lines[rows], SHARP)
        controls = lines.controls.index_copy(0, rows, curves_of(paths, SHARP).controls)
        self.lines = CubicSpline(lines.start, lines.end, controls)
        momenta, _ = end_momenta(self.geometry, paths.curve, paths.start)  # (b, d)
        ahead = self._velocities(places).flatten(0, 1)[rows]  # (b, d)
        self.slope = self.slope.masked_scatter(chosen, -(momenta * ahead).sum(-1))
        self.length = self.length.masked_scatter(chosen, paths.length)
        ended = paths.report.outcome == Outcome.CONVERGED  # (b,)
        self.sound = self.sound.masked_scatter(chosen, ended)

    def _points(self, places: Tensor) -> Tensor:
        """Points (n, K, d) of the curves at places (n, K)."""
        return self.curves(self._shares(places)).transpose(0, 1)

    def _velocities(self, places: Tensor) -> Tensor:
        """Velocities (n, K, d) there, a unit of length."""
        velocity = self.curves.derivative(self._shares(places)) / (2 * self.reach)  # (K, n, d)
        return velocity.transpose(0, 1)

    def _shares(self, places: Tensor) -> Tensor:
        """Parameters (K, n) of the splines, in [0, 1]."""
        return (places.mT + self.reach) / (2 * self.reach)


def _search(fan: _Fan, t: Tensor, reach: float, distances: Tensor) -> Projections:
    """Move places t (n, K) to where no slope is left."""
    scale = SETTLED * distances[:, None]  # (n, 1)
    low, high = torch.full_like(t, -reach), torch.full_like(t, reach)  # (n, K) each
    curvature = torch.ones_like(t)  # (n, K)
    for iteration in range(MAX_ITERATIONS + 1):
        slope = fan.slope  # (n, K)
        low, high = torch.where(slope < 0, t, low), torch.where(slope > 0, t, high)
        step = -slope / curvature  # (n, K)
        # Between a falling and a rising slope lies a minimum, where the distance has a kink too.
        narrow = high - low <= scale  # (n, K)
        settled = (step.abs() <= scale) | (narrow & (low > -reach) & (high < reach))  # (n, K)
        active = ~settled & ~narrow & torch.isfinite(slope)  # (n, K)
        if iteration == MAX_ITERATIONS or not bool(active.any()):
            break
        trial = t + step  # (n, K)
        trial = torch.where((trial <= low) | (trial >= high), (low + high) / 2, trial)
        trial = torch.where(active, trial, t)
        fan.move(trial, active)
        moved = active & ((trial - t).abs() > scale)  # (n, K), by more than the slopes' errors
        secant = ((fan.slope - slope) / (trial - t)).clamp(*CURVATURES)  # (n, K)
        curvature, t = torch.where(moved, secant, curvature), trial
    at = torch.where(torch.isfinite(fan.slope), t, torch.nan)  # (n, K)
    return Projections(at, fan.length, settled & fan.sound)


def _follow(geometry: Geometry, origin: Tensor, directions: Tensor, reach: float) -> CubicSpline:
    """Geodesics through the origin, from -reach to reach: K splines."""
    ahead = reach * directions  # (K, d)
    shots = shoot_geodesics(geometry, origin, torch.cat((-ahead, ahead)), steps=STEPS)
    if not bool(torch.isfinite(shots.points).all()):
        raise ValueError(
            f"a principal geodesic, followed to {reach:.3g} from the mean, leaves where the "
            'decoder\'s parameters are finite; take projection="tangent", or leave out the points '
            "that are farthest from the mean"
        )
    failures = int((~shots.converged).sum())
    if failures:
        warnings.warn(
            f"{failures} of {len(shots.converged)} halves of principal geodesics are not within "
            f"the tolerance; the largest error is {float(shots.error.max()):.2g} of the length",
            RuntimeWarning,
            stacklevel=5,
        )
    behind, before = shots.points.chunk(2)  # (K, STEPS + 1, d) each
    points = torch.cat((behind.flip(1), before[:, 1:]), 1)  # (K, 2 STEPS + 1, d)
    return CubicSpline.through(points, STEPS)
