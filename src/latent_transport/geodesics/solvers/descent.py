"""Descent of many curves at once: what all quasi-Newton solvers have in common."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.directions import Directions
from latent_transport.geodesics.solvers.objective import Objective, energy_objective
from latent_transport.geodesics.solvers.steps import StepRule
from latent_transport.geodesics.solvers.stopping import Stopping
from latent_transport.geometries.base import Geometry

MakeDirections = Callable[[Geometry, CubicSpline, Tensor], Directions]
"""From a geometry, a batch of curves and their polygons' parameters (N,) to its directions."""


@dataclass
class State:
    """Where each of the B curves of a batch stands; n = P d counts its free coordinates."""

    shape: tuple[int, ...]  # (P, d)
    controls: Tensor  # (B, n)
    energy: Tensor  # (B,)
    gradient: Tensor  # (B, n)
    direction: Tensor  # (B, n)
    rate: Tensor  # (B,), share of the direction to try next; 0 where a new direction is due
    promised: Tensor  # (B,), decrease of energy at the whole direction, by the quadratic model
    idle: Tensor  # (B,) int64, steps in a row that promised next to nothing, and brought no more
    failures: Tensor  # (B,) int64, directions in a row that failed
    iterations: Tensor  # (B,) int64, steps tried
    converged: Tensor  # (B,) bool

    @classmethod
    def begin(cls, controls: Tensor, energy: Tensor, gradient: Tensor) -> "State":
        """State before the first step, of control points (B, P, d) with gradients alike."""
        start = controls.flatten(1).clone()  # (B, n)
        none = torch.zeros_like(energy, dtype=torch.int64)  # (B,)
        return cls(
            shape=tuple(controls.shape[1:]),
            controls=start,
            energy=energy,
            gradient=gradient.flatten(1),
            direction=torch.zeros_like(start),
            rate=torch.zeros_like(energy),
            promised=torch.zeros_like(energy),
            idle=none.clone(),
            failures=none.clone(),
            iterations=none.clone(),
            converged=none.bool(),
        )


@dataclass(frozen=True)
class Descent:
    """Descent along given directions: the driver of the quasi-Newton solvers.

    Step lengths, acceptance and stopping are each curve's own; a curve that has stopped leaves the
    batch.

    Attributes
    ----------
    max_iterations : int
        Largest number of evaluations of a curve's energy and gradient.
    stopping : Stopping
        When a curve leaves.
    budget : MemoryBudget
        How many curves are solved at once.
    make_directions : callable
        From a geometry, a batch of curves and their polygons' parameters to its directions.
    steps : StepRule
        How far curves go along their directions.
    progress : str, optional
        Label of a progress bar.
    """

    max_iterations: int
    stopping: Stopping
    budget: MemoryBudget
    make_directions: MakeDirections
    steps: StepRule = field(default_factory=StepRule)
    progress: str | None = None

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        """Minimise the energy of the polygons ``spline(t)``, as many at a time as fit."""
        size = self.budget.count_curves(geometry, spline, len(t))
        pieces, reports = [], []
        with tqdm(
            total=len(spline.start),
            desc=self.progress,
            disable=self.progress is None,
            unit="curve",
        ) as bar:
            for start in range(0, len(spline.start), size):
                rows = slice(start, start + size)
                piece = CubicSpline(spline.start[rows], spline.end[rows], spline.controls[rows])
                controls, report = self._descend(geometry, piece, t, bar)
                pieces.append(controls)
                reports.append(report)
        return replace(spline, controls=torch.cat(pieces)), Report.join(reports)

    def _descend(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor, bar: tqdm
    ) -> tuple[Tensor, Report]:
        """Minimise one batch: control points (B, P, d), and what was done."""
        begin = time.perf_counter()
        objective = energy_objective(geometry, spline, t)
        directions = self.make_directions(geometry, spline, t)
        active = torch.arange(len(spline.start), device=t.device)  # (b,), curves that still move
        state = State.begin(spline.controls, *objective(active, spline.controls))
        history = [state.energy.clone()]
        for _ in range(self.max_iterations):
            self._turn(state, active[state.rate[active] == 0], directions)
            done = self._step(state, active, directions, objective)  # (b,)
            history.append(state.energy.clone())
            active = active[~done]
            bar.update(len(done) - len(active))
            if len(active) == 0:
                break
        bar.update(len(active))
        report = Report(
            converged=state.converged,
            iterations=state.iterations,
            energy=state.energy,
            gradient_norm=state.gradient.norm(dim=-1),
            energy_history=torch.stack(history),
            seconds=time.perf_counter() - begin,
        )
        return state.controls.unflatten(1, state.shape), report

    def _turn(self, state: State, rows: Tensor, directions: Directions) -> None:
        """Give curves ``rows`` (b,) new directions."""
        if len(rows) == 0:
            return
        gradient = state.gradient[rows]  # (b, n)
        direction = directions.propose(rows, state.controls[rows], gradient)  # (b, n)
        promised = -0.5 * (gradient * direction).sum(-1)  # (b,)
        # Beyond the memory's reach the secants may point uphill.
        uphill = promised <= 0  # (b,)
        state.direction[rows] = torch.where(uphill[:, None], -gradient, direction)
        state.promised[rows] = promised
        state.rate[rows] = self.steps.first
        directions.forget(rows[uphill])

    def _step(
        self, state: State, active: Tensor, directions: Directions, objective: Objective
    ) -> Tensor:
        """Try a step of each curve ``active`` (b,), and tell whether it is done: (b,)."""
        before, rate, promised = state.energy[active], state.rate[active], state.promised[active]
        trial = state.controls[active] + rate[:, None] * state.direction[active]  # (b, n)
        after, gradient = objective(active, trial.unflatten(1, state.shape))  # (b,), (b, P, d)
        gradient = gradient.flatten(1)  # (b, n)
        accepted = self.steps.accepts(before, after, rate, promised)  # (b,)
        won, refused = active[accepted], active[~accepted]
        moved, slope = trial[accepted], gradient[accepted]
        directions.learn(won, moved - state.controls[won], slope - state.gradient[won])
        state.controls[won], state.energy[won], state.gradient[won] = moved, after[accepted], slope
        state.rate[won], state.failures[won] = 0, 0
        state.rate[refused] = self.steps.contract(rate[~accepted])
        # A direction that fails at short steps comes from curvature that no longer holds.
        failed = refused[self.steps.fails(state.rate[refused])]
        directions.fail(failed)
        state.rate[failed] = 0
        state.failures[failed] += 1
        state.iterations[active] += 1
        # A refused step that promised next to nothing tells of rounding, or of a kink of W1.
        little = self.stopping.promises_little(promised, before)  # (b,)
        idle = little & ~(accepted & self.stopping.gains_much(before, after))  # (b,)
        state.idle[active] = torch.where(idle, state.idle[active] + 1, 0)
        stuck = self.stopping.is_stuck(state.failures[active])  # (b,)
        converged = self.stopping.has_converged(state.idle[active], stuck, little)  # (b,)
        state.converged[active] = converged
        return converged | stuck
