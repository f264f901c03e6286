"""Refinement by need: more points, or control points, for curves that a finer look disproves."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from latent_transport.checks import holds
from latent_transport.geodesics.curves import (
    CubicSpline,
    Curve,
    apply_to_curve,
    join_curves,
    select_curves,
)
from latent_transport.geodesics.solvers.base import Report, Solver
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geodesics.verification import Measures, measure_finely
from latent_transport.geometries.base import Geometry

Count = int | Literal["auto"]
"""A number of points or of control points, or as many as each curve needs."""

FIRST_CONTROLS = 8
FIRST_POINTS = 32
MOST_CONTROLS = 57  # 8, 15, 29, 57
WORTHWHILE = 0.7  # share of an uneven speed that a finer spline leaves at most, to be made finer
MOST_POINTS = 497  # 32, 63, 125, 249, 497


@dataclass(frozen=True)
class Solution:
    """Curves as they were solved and verified.

    Attributes
    ----------
    curve : callable
        B curves: (T,) to (B, T, d).
    report : Report
        What the solver did; its outcomes are what verification leaves of them.
    measures : Measures
        What the curves measure.
    controls, points : Tensor of int64, shape (B,)
        Control points and corners with which each was solved in the end.
    """

    curve: Curve
    report: Report
    measures: Measures
    controls: Tensor
    points: Tensor

    def __getitem__(self, rows: Tensor) -> "Solution":
        """Return the curves with the given numbers."""
        return Solution(
            select_curves(self.curve, rows),
            self.report[rows],
            self.measures[rows],
            self.controls[rows],
            self.points[rows],
        )

    def apply(self, function: Callable[[Tensor], Tensor]) -> "Solution":
        """Apply a function that keeps shapes, such as a move to a device, to all tensors."""
        return Solution(
            apply_to_curve(self.curve, function),
            self.report.apply(function),
            self.measures.apply(function),
            function(self.controls),
            function(self.points),
        )

    @classmethod
    def join(cls, parts: list["Solution"]) -> "Solution":
        """Concatenate solutions; splines are written with the control points of the finest."""
        return cls(
            join_curves([part.curve for part in parts]),
            Report.join([part.report for part in parts]),
            Measures.join([part.measures for part in parts]),
            torch.cat([part.controls for part in parts]),
            torch.cat([part.points for part in parts]),
        )


def solve_as_needed(
    geometry: Geometry,
    solver: Solver,
    spline: CubicSpline,
    *,
    controls: Count,
    points: Count,
    memory: int,
    segments: int | None = None,
) -> Solution:
    """Solve curves, and again on finer polygons, and by finer splines, those that need it.

    A curve whose energy or length a finer polygon disproves gets twice the segments; one whose
    speed is uneven, twice the intervals of its spline. Both go on from where they are, up to 497
    points and 57 control points. Only what is ``"auto"`` is refined, and only splines are. What has
    converged is not given up for a finer spline that does not, and one that is hardly more even
    than the one before it is the last.

    Parameters
    ----------
    geometry : Geometry
        Measures the curves.
    solver : Solver
        Minimises their energies.
    spline : CubicSpline
        B curves to start from.
    controls, points : int or "auto"
        What is fixed.
    memory : int
        Bytes that the temporaries of measuring may take.
    segments : int, optional
        On which curves are measured; see :func:`measure_finely`.
    """
    begin = time.perf_counter()
    everyone = torch.arange(len(spline.start), device=spline.start.device)  # (B,)
    first = FIRST_POINTS if points == "auto" else points
    spent = torch.zeros_like(everyone)  # (B,), steps of all rounds
    work = [(everyone, spline, first)]
    rounds: list[Solution] = []
    # The round whose curve each keeps, and its place there.
    kept, place = torch.zeros_like(everyone), torch.zeros_like(everyone)  # (B,) each
    excess = torch.full_like(spline.start[:, 0], torch.inf)  # (B,), of converged curves
    while work:
        rows, start, count = work.pop()
        found = _solve(geometry, solver, start, count, memory, segments)
        spent[rows] += found.report.iterations
        converged = found.report.converged  # (b,)
        better = converged | (excess[rows] == torch.inf)  # (b,)
        kept[rows[better]], place[rows[better]] = len(rounds), better.nonzero().squeeze(-1)
        rounds.append(found)
        enough = converged & (found.measures.excess > WORTHWHILE * excess[rows])  # (b,)
        excess[rows] = torch.where(converged, found.measures.excess, excess[rows])
        if isinstance(found.curve, CubicSpline):
            for wanted, finer, more in _refine(found, found.curve, count, controls, points):
                chosen = (wanted & ~enough).nonzero().squeeze(-1)  # (c,)
                if len(chosen):
                    work.append((rows[chosen], finer[chosen], more))
    parts = [(kept == number).nonzero().squeeze(-1) for number in range(len(rounds))]
    solution = Solution.join(
        [x[place[rows]] for x, rows in zip(rounds, parts, strict=True) if len(rows)]
    )
    solution = solution[torch.cat(parts).argsort()]
    seconds = time.perf_counter() - begin
    return replace(solution, report=replace(solution.report, iterations=spent, seconds=seconds))


def _solve(
    geometry: Geometry,
    solver: Solver,
    spline: CubicSpline,
    points: int,
    memory: int,
    segments: int | None,
) -> Solution:
    """Solve curves on polygons of so many corners, and verify them.

    A curve that came too close to where the decoder's parameters are not finite is given up for the
    one from which it started.
    """
    curve, report = solver.minimize(geometry, spline, _parameters(spline, points))
    measures = measure_finely(geometry, curve, points, memory, segments)
    lost = ~torch.isfinite(measures.length)  # (b,)
    if isinstance(curve, CubicSpline) and holds(lost.any()):
        rows = lost.nonzero().squeeze(-1)  # (r,)
        controls = torch.where(lost[:, None, None], spline.controls, curve.controls)  # (b, P, d)
        curve = replace(curve, controls=controls)
        again = measure_finely(geometry, curve[rows], points, memory, segments)
        measures = measures.put(rows, again)
    outcome = report.outcome.clone()  # (b,)
    for disproved, reason in (
        (measures.aliased, Outcome.ALIASING),
        (measures.rounded, Outcome.ROUNDING),
    ):
        outcome[disproved & (outcome == Outcome.CONVERGED)] = reason
    outcome[lost] = Outcome.NOT_FINITE
    number = torch.full_like(outcome, points)  # (b,)
    free = torch.full_like(outcome, spline.controls.shape[1])  # (b,)
    return Solution(curve, report.with_outcome(outcome), measures, free, number)


def _parameters(spline: CubicSpline, points: int) -> Tensor:
    """Parameters of so many corners, equally spaced: (N,)."""
    return torch.linspace(0, 1, points, dtype=spline.start.dtype, device=spline.start.device)


def _refine(
    found: Solution, spline: CubicSpline, count: int, controls: Count, points: Count
) -> Iterator[tuple[Tensor, CubicSpline, int]]:
    """Which curves (b,) are to be solved again, as which splines, at how many points."""
    free = spline.controls.shape[1]
    outcome, measures = found.report.outcome, found.measures
    usable = (outcome != Outcome.NOT_FINITE) & (outcome != Outcome.ROUNDING)  # (b,)
    aliased = usable & (measures.aliased | (outcome == Outcome.ALIASING))  # (b,)
    finer, richer = 2 * count - 1, 2 * free - 1
    may_be_finer = points == "auto" and finer <= MOST_POINTS
    may_be_richer = controls == "auto" and richer <= MOST_CONTROLS
    uneven = usable & measures.uneven & (aliased | found.report.converged)  # (b,)
    if may_be_richer:
        # A spline has no more to say than its polygon hears.
        crowded = may_be_finer and 2 * richer > count
        yield uneven & ~aliased, spline.refine(), finer if crowded else count
    if may_be_finer and may_be_richer and 2 * richer <= finer:
        yield aliased & uneven, spline.refine(), finer
        yield aliased & ~uneven, spline, finer
    elif may_be_finer:
        yield aliased, spline, finer
    elif may_be_richer:
        yield aliased & uneven, spline.refine(), count
