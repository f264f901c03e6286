"""Newton's method in a trust region, on the control points of many curves at once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.rounding import energy_rounding
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.batches import Finish
from latent_transport.geodesics.solvers.krylov import KrylovModels, KrylovRule, Model
from latent_transport.geodesics.solvers.objective import Objective, energy_objective
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geodesics.solvers.preconditioners import Preconditioner
from latent_transport.geodesics.solvers.region import TrustRegion
from latent_transport.geometries.base import Geometry

OTHERS = (0.8, 0.65)  # times as many segments have polygons with other corners
PROMISED = 5e-4  # share of its energy that a curve without a way down may be above its minimum
STEPPED = 1e-3  # share of its energy that a minimum of one polygon may lie above another's
MOVING = -1  # outcome of a curve that has none yet


@dataclass
class State:
    """Where each of the B curves of a batch stands; n = P d counts its free coordinates."""

    controls: Tensor  # (B, P, d)
    energy: Tensor  # (B,)
    gradient: Tensor  # (B, n)
    radius: Tensor  # (B,), of the trust region, in the preconditioned norm
    trusted: Tensor  # (B,) bool, whether the preconditioner alone is a good model
    iterations: Tensor  # (B,) int64, steps tried
    outcome: Tensor  # (B,) int64


@dataclass(frozen=True)
class Newton:
    """Truncated Newton steps in a trust region, each curve with a radius of its own.

    While the preconditioner predicts how the energy changes, its own steps are taken, at one
    evaluation each; where it does not, or where it promises next to nothing, a model is built from
    products with the Hessian. A curve has converged where that says so, and leaves the batch.

    Attributes
    ----------
    max_iterations : int
        Largest number of steps of a curve.
    tolerance : float
        Share of its energy that a converged curve may lie above its minimum, by the model.
    region : TrustRegion
        How radii follow the models' success.
    rule : KrylovRule
        How models are built.
    others : tuple of float
        Times as many segments have the polygons with other corners that a converged curve is tried
        on.
    """

    max_iterations: int
    tolerance: float
    region: TrustRegion = field(default_factory=TrustRegion)
    rule: KrylovRule = field(default_factory=KrylovRule)
    others: tuple[float, ...] = OTHERS

    def minimize(
        self,
        geometry: Geometry,
        spline: CubicSpline,
        t: Tensor,
        preconditioner: Preconditioner,
        *,
        noise: Tensor,
        finish: Finish,
        spent: Tensor | None = None,
    ) -> tuple[Tensor, Report]:
        """Minimise one batch of curves.

        Parameters
        ----------
        geometry, spline, t
            As for every solver.
        preconditioner : Preconditioner
            Of these curves.
        noise : Tensor, shape (B,)
            Of a decoded point, squared; see :func:`square_noise`.
        finish : callable
            Told how many more curves are done.
        spent : Tensor of int64, shape (B,), optional
            Steps that curves have used up before; those that have none left are tested only.

        Returns
        -------
        tuple of Tensor, shape (B, P, d), and Report
            Their control points, and what was done.
        """
        begin = time.perf_counter()
        objective = energy_objective(geometry, spline, t)
        active = torch.arange(len(spline.start), device=t.device)  # (b,), curves that still move
        state = self._begin(spline, *objective(active, spline.controls))
        models = KrylovModels(objective, preconditioner, self.rule)
        grids = _other_grids(t, self.others)
        others = [energy_objective(geometry, spline, grid) for grid in grids]
        rounding = energy_rounding(noise, state.energy, len(t))  # (B,)
        state.outcome[state.energy <= rounding] = Outcome.CONVERGED
        history = [state.energy.clone()]
        if spent is not None:
            state.iterations += spent
        while True:
            still = active[state.outcome[active] == MOVING]
            finish(len(active) - len(still))
            active = still
            if len(active) == 0:
                break
            tried = state.iterations.clone()  # (B,)
            self._step(state, active, preconditioner, models, objective, others, rounding)
            if (state.iterations > tried).any():
                history.append(state.energy.clone())
        report = Report(
            outcome=state.outcome,
            iterations=state.iterations,
            energy=state.energy,
            gradient_norm=state.gradient.norm(dim=-1),
            energy_history=torch.stack(history),
            seconds=time.perf_counter() - begin,
        )
        return state.controls, report

    def _begin(self, spline: CubicSpline, energy: Tensor, gradient: Tensor) -> State:
        broken = ~(torch.isfinite(energy) & torch.isfinite(gradient).flatten(1).all(1))  # (B,)
        outcome = torch.full_like(energy, MOVING, dtype=torch.int64)  # (B,)
        outcome[broken] = Outcome.NOT_FINITE
        return State(
            controls=spline.controls.clone(),
            energy=energy,
            gradient=gradient.flatten(1),
            radius=self.region.first * energy.sqrt(),
            trusted=torch.ones_like(broken),
            iterations=torch.zeros_like(outcome),
            outcome=outcome,
        )

    def _step(
        self,
        state: State,
        active: Tensor,
        preconditioner: Preconditioner,
        models: KrylovModels,
        objective: Objective,
        others: list[Objective],
        rounding: Tensor,
    ) -> None:
        """Try a step of each curve ``active`` (b,), or find that it has converged."""
        preconditioner.update(active, state.controls[active].flatten(1))
        enough = self.tolerance * state.energy + rounding  # (B,)
        slope = preconditioner.whiten(active, state.gradient[active])  # (b, n)
        left = state.iterations[active] < self.max_iterations  # (b,)
        simple = state.trusted[active] & (0.5 * slope.square().sum(-1) > enough[active])  # (b,)
        simple &= left
        plain, hard = active[simple], active[~simple]
        if len(plain):
            model = self._follow(state, plain, slope[simple], preconditioner)
            self._go(state, plain, model, preconditioner, objective)
        if len(hard) == 0:
            return
        model = models.build(
            hard,
            state.controls[hard],
            state.energy[hard],
            state.gradient[hard],
            state.radius[hard],
            enough[hard],
        )
        converged = model.remaining <= enough[hard]  # (h,)
        done = hard[converged]
        state.outcome[done] = self._confirm(state, done, preconditioner, others)
        reason = torch.where(model.least < 0, int(Outcome.SADDLE), int(Outcome.BUDGET))  # (h,)
        spent = ~converged & ~left[~simple]  # (h,)
        state.outcome[hard[spent]] = reason[spent]
        rest = ~converged & ~spent  # (h,)
        kept = {name: value[rest] for name, value in vars(model).items()}
        self._go(state, hard[rest], Model(**kept), preconditioner, objective)

    def _confirm(
        self, state: State, rows: Tensor, preconditioner: Preconditioner, others: list[Objective]
    ) -> Tensor:
        """Outcomes of curves (c,) at a minimum, by the gradient on polygons with other corners.

        Where the decoder has a fold, each corner that comes to lie on its other side makes a step
        in the energy, and a minimum of its own.
        """
        outcome = torch.full_like(rows, Outcome.CONVERGED)  # (c,)
        if len(rows) == 0:  # not every decoder takes no points
            return outcome
        for other in others:
            _, gradient = other(rows, state.controls[rows])  # (c, P, d)
            slope = preconditioner.whiten(rows, gradient.flatten(1))  # (c, n)
            held = 0.5 * slope.square().sum(-1) <= STEPPED * state.energy[rows]  # (c,)
            outcome[~held] = Outcome.ALIASING
        return outcome

    def _follow(
        self, state: State, rows: Tensor, slope: Tensor, preconditioner: Preconditioner
    ) -> Model:
        """Model of the preconditioner alone, for curves (b,) with whitened gradients (b, n)."""
        size = slope.norm(dim=-1)  # (b,)
        share = (state.radius[rows] / size).clamp(max=1)  # (b,)
        step = preconditioner.color(rows, -share[:, None] * slope)  # (b, n)
        decrease = share * (1 - 0.5 * share) * size.square()  # (b,)
        return Model(step, share * size, decrease, decrease, torch.ones_like(size))

    def _go(
        self,
        state: State,
        rows: Tensor,
        model: Model,
        preconditioner: Preconditioner,
        objective: Objective,
    ) -> None:
        """Try the models' steps of the curves ``rows`` (b,)."""
        if len(rows) == 0:
            return
        before = state.energy[rows]  # (b,)
        trial = state.controls[rows] + model.step.view_as(state.controls[rows])  # (b, P, d)
        after, gradient = objective(rows, trial)  # (b,), (b, P, d)
        quality = (before - after) / model.decrease  # (b,), nan where the decoder ends
        good = self.region.accepts(quality) & torch.isfinite(gradient).flatten(1).all(1)
        won = rows[good]
        old = preconditioner.whiten(rows, state.gradient[rows]).norm(dim=-1)  # (b,)
        new = preconditioner.whiten(rows, gradient.flatten(1)).norm(dim=-1)  # (b,)
        state.trusted[rows] = self.region.confirms(quality) & (new <= self.region.calming * old)
        state.controls[won], state.energy[won] = trial[good], after[good]
        state.gradient[won] = gradient[good].flatten(1)
        state.radius[rows] = self.region.follow(quality, state.radius[rows], model.length)
        state.iterations[rows] += 1
        preconditioner.serve(won)
        preconditioner.stiffen(rows[~good & self.region.is_cramped(state.radius[rows], before)])
        lost = state.radius[rows] < self.region.least * (self.tolerance * before).sqrt()  # (b,)
        # At a kink no model lowers the energy, however little it has left to promise.
        close = model.remaining <= PROMISED * before  # (b,)
        state.outcome[rows[lost & close]] = Outcome.CONVERGED
        state.outcome[rows[lost & ~close]] = Outcome.STALLED


def _other_grids(t: Tensor, shares: Sequence[float]) -> list[Tensor]:
    """Fewer parameters, between those of ``t`` (N,) but for the ends."""
    counts = [max(2, round(share * (len(t) - 1))) for share in shares]
    return [torch.linspace(0, 1, n + 1, dtype=t.dtype, device=t.device) for n in counts]
