"""Descent of many curves at once along quasi-Newton directions."""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.rounding import energy_rounding, square_noise
from latent_transport.geodesics.solvers.objective import Objective, energy_objective
from latent_transport.geodesics.solvers.preconditioners import Preconditioner, SpeedMatrices
from latent_transport.geodesics.solvers.secants import Secants
from latent_transport.geodesics.solvers.steps import StepRule
from latent_transport.geodesics.solvers.stopping import Stopping
from latent_transport.geometries.base import Geometry

REFRESH = 20  # steps for which the metric along a curve serves


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
        )


@dataclass(frozen=True)
class Descent:
    """Descent along the secants of each curve's own steps.

    Step lengths, acceptance and stopping are each curve's own. Secants see no curvature but where
    they have been: whether a curve that leaves has converged is another's to say.

    Attributes
    ----------
    max_iterations : int
        Largest number of evaluations of a curve's energy and gradient.
    stopping : Stopping
        When a curve leaves.
    steps : StepRule
        How far curves go along their directions.
    """

    max_iterations: int
    stopping: Stopping
    steps: StepRule = field(default_factory=StepRule)

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Minimise one batch: control points (B, P, d), steps (B,) and energies (steps + 1, B)."""
        objective = energy_objective(geometry, spline, t)
        secants = Secants(spline.controls.flatten(1))
        metric = SpeedMatrices(geometry, spline, t, REFRESH)
        active = torch.arange(len(spline.start), device=t.device)  # (b,), curves that still move
        state = State.begin(spline.controls, *objective(active, spline.controls))
        known = torch.isfinite(state.energy) & torch.isfinite(state.gradient).all(1)  # (B,)
        rounding = energy_rounding(square_noise(geometry, spline), state.energy, len(t))  # (B,)
        active = active[known & (state.energy > rounding)]
        history = [state.energy.clone()]
        for _ in range(self.max_iterations):
            if len(active) == 0:
                break
            self._turn(state, active[state.rate[active] == 0], secants, metric)
            done = self._step(state, active, secants, metric, objective)  # (b,)
            history.append(state.energy.clone())
            active = active[~done]
        return state.controls.unflatten(1, state.shape), state.iterations, torch.stack(history)

    def _turn(self, state: State, rows: Tensor, secants: Secants, metric: Preconditioner) -> None:
        """Give curves ``rows`` (b,) new directions."""
        if len(rows) == 0:
            return
        metric.update(rows, state.controls[rows])
        gradient = state.gradient[rows]  # (b, n)
        direction = secants.direction(rows, gradient, partial(metric.solve, rows))  # (b, n)
        promised = -0.5 * (gradient * direction).sum(-1)  # (b,)
        # Beyond the memory's reach the secants may point uphill.
        uphill = promised <= 0  # (b,)
        plain = -metric.solve(rows, gradient)  # (b, n)
        state.direction[rows] = torch.where(uphill[:, None], plain, direction)
        state.promised[rows] = -0.5 * (gradient * state.direction[rows]).sum(-1)
        state.rate[rows] = self.steps.first
        secants.forget(rows[uphill])

    def _step(
        self,
        state: State,
        active: Tensor,
        secants: Secants,
        metric: Preconditioner,
        objective: Objective,
    ) -> Tensor:
        """Try a step of each curve ``active`` (b,), and tell whether it is done: (b,)."""
        before, rate, promised = state.energy[active], state.rate[active], state.promised[active]
        trial = state.controls[active] + rate[:, None] * state.direction[active]  # (b, n)
        after, gradient = objective(active, trial.unflatten(1, state.shape))  # (b,), (b, P, d)
        gradient = gradient.flatten(1)  # (b, n)
        accepted = self.steps.accepts(before, after, rate, promised)  # (b,)
        accepted &= torch.isfinite(gradient).all(1)
        won, refused = active[accepted], active[~accepted]
        moved, slope = trial[accepted], gradient[accepted]
        secants.remember(won, moved - state.controls[won], slope - state.gradient[won])
        metric.serve(won)
        state.controls[won], state.energy[won], state.gradient[won] = moved, after[accepted], slope
        state.rate[won], state.failures[won] = 0, 0
        state.rate[refused] = self.steps.contract(rate[~accepted])
        # A direction that fails at short steps comes from secants that no longer hold.
        failed = refused[self.steps.fails(state.rate[refused])]
        secants.forget(failed)
        state.rate[failed] = 0
        state.failures[failed] += 1
        state.iterations[active] += 1
        # A refused step that promised next to nothing tells of rounding, or of a kink of W1.
        little = self.stopping.promises_little(promised, before)  # (b,)
        idle = little & ~(accepted & self.stopping.gains_much(before, after))  # (b,)
        state.idle[active] = torch.where(idle, state.idle[active] + 1, 0)
        return self.stopping.is_done(state.idle[active], state.failures[active])
