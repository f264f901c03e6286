"""Adam, the optimiser of the published way, on our splines."""

import math
import time
from dataclasses import replace

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.objective import energy_objective
from latent_transport.geometries.base import Geometry

WINDOW = 10  # steps over which progress is judged


class Adam:
    """Adam on the control points of all curves at once (Kingma & Ba 2015).

    Each curve moves by its own gradient alone, and keeps the best control points that it has seen.

    Parameters
    ----------
    max_iterations : int
        Largest number of steps.
    learning_rate : float
        Step length, in latent units.
    tolerance : float
        A curve has converged when ten steps lower its best energy by less than this fraction.
    """

    def __init__(
        self,
        *,
        max_iterations: int = 500,
        learning_rate: float = 0.02,
        tolerance: float = 1e-4,
    ) -> None:
        self.max_iterations = max_iterations
        self.learning_rate = learning_rate
        self.tolerance = tolerance

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        """Minimise the energy of the polygons ``spline(t)``; see :meth:`Solver.minimize`."""
        begin = time.perf_counter()
        evaluate = energy_objective(geometry, spline, t)
        everything = torch.arange(len(spline.start), device=t.device)
        controls = spline.controls.clone().requires_grad_()  # (B, P, d)
        optimizer = torch.optim.Adam([controls], lr=self.learning_rate)
        best_controls = controls.detach().clone()  # (B, P, d)
        best = torch.full_like(best_controls[:, 0, 0], math.inf)  # (B,)
        history = []
        for iteration in range(self.max_iterations + 1):
            energy, controls.grad = evaluate(everything, controls)  # (B,), (B, P, d)
            better = energy < best  # (B,)
            best = torch.minimum(best, energy)
            best_controls[better] = controls.detach()[better]
            history.append(best)
            if iteration >= WINDOW:
                converged = history[-1 - WINDOW] - best <= self.tolerance * best  # (B,)
                if converged.all():
                    break
            else:
                converged = torch.zeros_like(better)
            optimizer.step()
        report = Report(
            converged,
            torch.full_like(everything, len(history) - 1),
            best,
            evaluate(everything, best_controls)[1].flatten(1).norm(dim=1),
            torch.stack(history),
            time.perf_counter() - begin,
        )
        return replace(spline, controls=best_controls), report
