"""What a solver is, and what it reports about each curve.

A solver is an object, configured when it is made, with one method,
``minimize(geometry, spline, t) -> (curve, Report)``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline, Curve
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.base import Geometry


@dataclass(frozen=True)
class Report:
    """What a solver did, curve by curve.

    Attributes
    ----------
    outcome : Tensor of int64, shape (B,)
        Values of :class:`Outcome`: how each curve ended; :attr:`outcomes` has the names.
    iterations : Tensor of int64, shape (B,)
        Steps tried, in all refinements of the curve.
    energy : Tensor, shape (B,)
        Energy reached, on the solver's own polygon, in squared units of the data.
    gradient_norm : Tensor, shape (B,)
        Euclidean norm of the energy's gradient in the control points, in squared units of the data
        a latent unit.
    energy_history : Tensor, shape (iterations + 1, B)
        Energy after each step, from the start on; constant once a curve has stopped. Of a curve
        that was refined, on its last polygon.
    seconds : float
        Wall time of the whole batch, in seconds.
    """

    outcome: Tensor
    iterations: Tensor
    energy: Tensor
    gradient_norm: Tensor
    energy_history: Tensor
    seconds: float

    @property
    def converged(self) -> Tensor:
        """Whether each curve ended as :attr:`Outcome.CONVERGED`: bool, shape (B,)."""
        return self.outcome == Outcome.CONVERGED

    @property
    def outcomes(self) -> list[Outcome]:
        """How each curve ended, as members of :class:`Outcome`."""
        return [Outcome(value) for value in self.outcome.tolist()]

    def __getitem__(self, rows: Tensor) -> "Report":
        """Return the report of the curves with the given numbers."""
        return self.apply(lambda x: x[..., rows])

    def apply(self, function: Callable[[Tensor], Tensor]) -> "Report":
        """Apply a function to each of the tensors, of which the curves are the last dimension."""
        values = vars(self).items()
        each: dict[str, Any] = {k: function(v) for k, v in values if isinstance(v, Tensor)}
        return replace(self, **each)

    def with_outcome(self, outcome: Tensor) -> "Report":
        """Return the same report with other outcomes (B,)."""
        return replace(self, outcome=outcome)

    @classmethod
    def join(cls, reports: list["Report"]) -> "Report":
        """Concatenate the reports of several batches."""
        longest = max(len(report.energy_history) for report in reports)
        histories = [
            torch.cat((h, h[-1:].expand(longest - len(h), -1)))
            for h in (report.energy_history for report in reports)
        ]
        return cls(
            torch.cat([report.outcome for report in reports]),
            torch.cat([report.iterations for report in reports]),
            torch.cat([report.energy for report in reports]),
            torch.cat([report.gradient_norm for report in reports]),
            torch.cat(histories, 1),
            sum(report.seconds for report in reports),
        )


class Solver(Protocol):
    """Anything that shortens curves: see :mod:`latent_transport.solvers`."""

    def minimize(self, geometry: Geometry, spline: CubicSpline, t: Tensor) -> tuple[Curve, Report]:
        """Minimise the energy of the polygons with corners ``spline(t)``.

        Parameters
        ----------
        geometry : Geometry
            Measures the segments.
        spline : CubicSpline
            B curves to start from, whose ends are kept; left as they are.
        t : Tensor, shape (N,)
            Parameters of the corners, rising from 0 to 1.

        Returns
        -------
        tuple of callable and Report
            The curves, (T,) to (B, T, d), and what was done for each.
        """
        ...
