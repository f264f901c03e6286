"""Adam, the optimiser of the published way, on our splines."""

import math
import time
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.rounding import square_noise
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.newton import Newton
from latent_transport.geodesics.solvers.objective import energy_objective
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geodesics.solvers.preconditioners import choose_preconditioner
from latent_transport.geometries.base import Geometry

WINDOW = 10  # steps over which progress is judged


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam on the control points of all curves at once (Kingma & Ba 2015).

    Each curve moves by its own gradient alone, and keeps the best control points that it has seen.

    Parameters
    ----------
    max_iterations : int
        Largest number of steps.
    learning_rate : float
        Step length, in distances of the ends.
    tolerance : float
        A curve is put to the second-order test when ten steps lower its best energy by less than
        this share; it has converged if that puts it within 1e-3 of its local minimum.
    progress : str, optional
        Label of a progress bar, which counts the steps; without, there is none.
    """

    allowed: ClassVar = 1e-3

    max_iterations: int = 500
    learning_rate: float = 0.01
    tolerance: float = 1e-4
    progress: str | None = None

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        """Minimise the energy of the polygons ``spline(t)``; see :meth:`Solver.minimize`."""
        begin = time.perf_counter()
        evaluate = energy_objective(geometry, spline, t)
        everything = torch.arange(len(spline.start), device=t.device)
        reach = (spline.end - spline.start).norm(dim=-1)[:, None, None]  # (B, 1, 1)
        shift = torch.zeros_like(spline.controls).requires_grad_()  # (B, P, d), in distances
        optimizer = torch.optim.Adam([shift], lr=self.learning_rate)
        best_controls = spline.controls.clone()  # (B, P, d)
        best = torch.full_like(reach[:, 0, 0], math.inf)  # (B,)
        outcome = torch.full_like(everything, Outcome.BUDGET)
        iterations = torch.zeros_like(everything)
        tested = torch.zeros_like(everything)  # step of each curve's last test
        history = []
        steps = range(self.max_iterations + 1)
        for iteration in tqdm(steps, self.progress, disable=self.progress is None, unit="step"):
            controls = spline.controls + reach * shift.detach()  # (B, P, d)
            energy, gradient = evaluate(everything, controls)  # (B,), (B, P, d)
            shift.grad = reach * gradient
            moving = outcome == Outcome.BUDGET  # (B,)
            better = moving & (energy < best)  # (B,)
            best = torch.where(better, energy, best)
            best_controls[better] = controls[better]
            history.append(best)
            iterations[moving] = iteration
            if iteration >= WINDOW:
                idle = history[-1 - WINDOW] - best <= self.tolerance * best  # (B,)
                rows = everything[moving & idle & (iteration - tested >= WINDOW)]
                tested[rows] = iteration
                at = replace(spline[rows], controls=best_controls[rows])
                outcome[rows] = self._test(geometry, at, t)
                if not (outcome == Outcome.BUDGET).any():
                    break
            optimizer.step()
        outcome[~torch.isfinite(best)] = Outcome.NOT_FINITE
        report = Report(
            outcome,
            iterations,
            best,
            evaluate(everything, best_controls)[1].flatten(1).norm(dim=1),
            torch.stack(history),
            time.perf_counter() - begin,
        )
        return replace(spline, controls=best_controls), report

    def _test(self, geometry: Geometry, spline: CubicSpline, t: Tensor) -> Tensor:
        """Outcomes (r,) of the second-order test of curves that bring nothing more."""
        if len(spline.start) == 0:
            return torch.zeros_like(spline.start[:, 0], dtype=torch.int64)
        _, report = Newton(0, self.allowed).minimize(
            geometry,
            spline,
            t,
            choose_preconditioner(geometry, spline, t, refresh=1),
            noise=square_noise(geometry, spline),
            finish=lambda _: None,
        )
        unsettled = (report.outcome == Outcome.SADDLE) | (report.outcome == Outcome.BUDGET)
        return torch.where(unsettled, int(Outcome.BUDGET), report.outcome)  # (r,)
