"""Geodesics between pairs of latent points, as a solver found them."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from latent_transport.geodesics.curves import Curve
from latent_transport.geodesics.refinement import Solution
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import FINE_SEGMENTS, measure_curves

__all__ = ["FINE_SEGMENTS", "Geodesics", "measure_curves", "select"]


@dataclass(frozen=True)
class Geodesics:
    """Geodesics between B pairs of latent points.

    Calling the object with parameters ``t`` (T,) in [0, 1] gives points (B, T, d) on the curves.

    Attributes
    ----------
    geometry : Geometry
        The geometry in which the curves are shortest.
    start, end : Tensor, shape (B, d)
        Endpoints.
    solution : Solution
        The curves, what the solver did, and what they measure.
    origin : Tensor of int64, shape (B,)
        Number of the start that the curve comes from: 0 for the straight line, 1 for the graph's
        shortest path if there is a graph, the random ones behind.
    """

    geometry: Geometry
    start: Tensor
    end: Tensor
    solution: Solution
    origin: Tensor

    def __call__(self, t: Tensor) -> Tensor:
        """Points on the curves at parameters ``t`` (T,): shape (B, T, d)."""
        return self.curve(t)

    @property
    def curve(self) -> Curve:
        """The curves: (T,) to (B, T, d)."""
        return self.solution.curve

    @property
    def report(self) -> Report:
        """What the solver did."""
        return self.solution.report

    @property
    def converged(self) -> Tensor:
        """Whether each curve is what it is said to be: bool, shape (B,).

        The energy is within ``tolerance`` (by default 1e-4) of its local minimum, by a second-order
        model around the curve, and a polygon at least 8 times finer has the same energy to 1 % and
        the same length to 0.5 %; both but for what rounding hides. ``report.outcomes`` tells of the
        others what is wrong with them.
        """
        return self.report.converged

    @property
    def length(self) -> Tensor:
        """Lengths (Roy & Hauberg 2022, Eq. 7), (B,), in units of the data.

        On 256 segments, or 8 times as many as the curve was solved with if that is more; on fewer
        where rounding would make more than a thousandth of the length. They are nan for curves that
        pass where the decoder's parameters are not finite.
        """
        return self.solution.measures.length

    @property
    def energy(self) -> Tensor:
        """Energies on the same segments, (B,), in squared units of the data."""
        return self.solution.measures.energy

    @property
    def controls(self) -> Tensor:
        """Control points with which each curve was solved: int64, shape (B,)."""
        return self.solution.controls

    @property
    def points(self) -> Tensor:
        """Points at which the energy of each curve was minimised: int64, shape (B,)."""
        return self.solution.points

    @cached_property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds of the distances of the ends, (B,) each, in units of the data.

        No curve is shorter than the lower one: by the triangle inequality the distance of the two
        distributions, where the geometry has one (see :meth:`Geometry.lower_bound`). The upper one
        is the length of this curve: that of its polygon, and twice what a still finer one would
        add, judged by what the finest added to the solver's. Both allow for the decoder's rounding.
        """
        measures = self.solution.measures
        with torch.no_grad():
            chord = self.geometry.lower_bound(self.start, self.end)  # (B,)
        lower = torch.minimum(chord, measures.length)  # (B,), nan where the length is
        return (lower - measures.noise).clamp(min=0), measures.length + measures.margin


def select(paths: Geodesics, rows: Tensor) -> Geodesics:
    """Return the geodesics with the given numbers."""
    return Geodesics(
        paths.geometry, paths.start[rows], paths.end[rows], paths.solution[rows], paths.origin[rows]
    )
