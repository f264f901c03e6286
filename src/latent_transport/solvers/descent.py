"""First-order solvers, for decoders without forward mode and for comparison."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from latent_transport.curves import CubicSpline
from latent_transport.geometries import Geometry
from latent_transport.solvers.report import Report

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _objective(geometry: Geometry, spline: CubicSpline, t: Tensor) -> Objective:
    """Energies (b,) and their gradients (b, P, d) of chosen curves with given control points."""
    basis = spline.basis(t)  # (N, P)
    line = spline(t) - basis @ spline.controls  # (B, N, d), the part the ends decide

    def evaluate(rows: Tensor, controls: Tensor) -> tuple[Tensor, Tensor]:
        controls = controls.detach().requires_grad_()
        with torch.enable_grad():
            energy = geometry.curve_energy(line[rows] + basis @ controls)  # (b,)
            (gradient,) = torch.autograd.grad(energy.sum(), controls)
        return energy.detach(), gradient

    return evaluate


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

    window = 10

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
        """Minimise the energy of the polygons ``spline(t)``; see :class:`GaussNewton`."""
        begin = time.perf_counter()
        evaluate = _objective(geometry, spline, t)
        everything = torch.arange(len(spline.start), device=t.device)
        controls = spline.controls.clone().requires_grad_()  # (B, P, d)
        optimizer = torch.optim.Adam([controls], lr=self.learning_rate)
        best, best_controls = None, controls.detach().clone()
        history = []
        for iteration in range(self.max_iterations + 1):
            energy, controls.grad = evaluate(everything, controls)  # (B,), (B, P, d)
            better = torch.ones_like(energy, dtype=torch.bool) if best is None else energy < best
            best = energy if best is None else torch.minimum(best, energy)
            best_controls[better] = controls.detach()[better]
            history.append(best)
            if iteration >= self.window:
                converged = history[-1 - self.window] - best <= self.tolerance * best  # (B,)
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


class LBFGS:
    """Limited-memory BFGS over the control points, each curve with a memory of its own.

    The two-loop recursion (Nocedal & Wright 2006, Algorithm 7.4) and a backtracking line search
    (Armijo) run on all curves at once; a curve that has converged leaves the batch.

    Parameters
    ----------
    max_iterations : int
        Largest number of steps.
    tolerance : float
        A curve has converged when five steps in a row lower its energy by less than this
        fraction.
    pairs : int
        Steps remembered.
    """

    patience = 5
    backtracks = 20

    def __init__(
        self, *, max_iterations: int = 300, tolerance: float = 1e-5, pairs: int = 10
    ) -> None:
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.pairs = pairs

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        """Minimise the energy of the polygons ``spline(t)``; see :class:`GaussNewton`."""
        begin = time.perf_counter()
        evaluate = _objective(geometry, spline, t)
        active = torch.arange(len(spline.start), device=t.device)  # (B,)
        shape = spline.controls.shape[1:]  # (P, d)
        x = spline.controls.flatten(1).clone()  # (B, P d)
        energy, gradient = evaluate(active, spline.controls)
        gradient = gradient.flatten(1)  # (B, P d)
        steps: list[Tensor] = []  # up to `pairs` differences of x, (B, P d) each
        yields: list[Tensor] = []  # the differences of the gradient that go with them
        idle = torch.zeros_like(active)
        iterations = torch.zeros_like(active)
        converged = torch.zeros_like(active, dtype=torch.bool)
        extent = (spline.end - spline.start).norm(dim=-1, keepdim=True)  # (B, 1)
        history = [energy.clone()]
        for _ in range(self.max_iterations):
            remembered = [(s[active], y[active]) for s, y in zip(steps, yields, strict=True)]
            direction = _two_loop(gradient[active], remembered)  # (b, P d)
            if not steps:
                norm = gradient[active].norm(dim=-1, keepdim=True).clamp(min=1e-30)
                direction = direction * (0.05 * extent[active] / norm)
            slope = (gradient[active] * direction).sum(-1)  # (b,), negative on the way down
            uphill = slope >= 0
            direction = torch.where(uphill[:, None], -gradient[active], direction)
            slope = (gradient[active] * direction).sum(-1)  # (b,)
            moved = self._search(evaluate, active, shape, x, energy, gradient, direction, slope)
            before = energy.clone()
            step, change = torch.zeros_like(x), torch.zeros_like(x)
            rows, new_x, new_energy, new_gradient = moved
            step[rows], change[rows] = new_x - x[rows], new_gradient - gradient[rows]
            x[rows], energy[rows], gradient[rows] = new_x, new_energy, new_gradient
            steps, yields = [*steps, step][-self.pairs :], [*yields, change][-self.pairs :]
            iterations[active] += 1
            history.append(energy.clone())
            small = before - energy <= self.tolerance * energy
            idle[active] = torch.where(small[active], idle[active] + 1, 0)
            still = (step[active] == 0).all(-1)
            converged[active] = (idle[active] >= self.patience) | (still & small[active])
            active = active[~converged[active]]
            if len(active) == 0:
                break
        report = Report(
            converged,
            iterations,
            energy,
            gradient.norm(dim=-1),
            torch.stack(history),
            time.perf_counter() - begin,
        )
        return replace(spline, controls=x.unflatten(1, shape)), report

    def _search(
        self,
        evaluate: Objective,
        active: Tensor,
        shape: torch.Size,
        x: Tensor,
        energy: Tensor,
        gradient: Tensor,
        direction: Tensor,
        slope: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Halve the steps until each lowers its energy enough; rows that moved, and to where."""
        rate = torch.ones_like(slope)  # (b,)
        waiting = torch.arange(len(active), device=active.device)
        new_x, new_energy, new_gradient = x[active], energy[active], gradient[active]
        found = torch.zeros_like(slope, dtype=torch.bool)
        for _ in range(self.backtracks):
            rows = active[waiting]
            trial = x[rows] + rate[waiting, None] * direction[waiting]  # (w, P d)
            value, grad = evaluate(rows, trial.unflatten(1, shape))
            enough = value <= energy[rows] + 1e-4 * rate[waiting] * slope[waiting]  # (w,)
            won = waiting[enough]
            new_x[won], new_energy[won] = trial[enough], value[enough]
            new_gradient[won] = grad.flatten(1)[enough]
            found[won] = True
            waiting = waiting[~enough]
            rate[waiting] *= 0.5
            if len(waiting) == 0:
                break
        return active[found], new_x[found], new_energy[found], new_gradient[found]


def _two_loop(gradient: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Direction of descent (b, P d); pairs without curvature are passed over."""
    q = gradient.clone()
    tiny = torch.finfo(q.dtype).tiny
    rhos, alphas = [], []
    for step, change in reversed(pairs):
        curvature = (step * change).sum(-1)  # (b,)
        rho = torch.where(curvature > 0, 1 / curvature.clamp(min=tiny), 0)  # (b,)
        alpha = rho * (step * q).sum(-1)  # (b,)
        q = q - alpha[:, None] * change
        rhos.append(rho)
        alphas.append(alpha)
    if pairs:
        step, change = pairs[-1]
        scale = (step * change).sum(-1) / change.square().sum(-1).clamp(min=tiny)  # (b,)
        q = q * torch.where(scale > 0, scale, 1)[:, None]
    for (step, change), rho, alpha in zip(pairs, reversed(rhos), reversed(alphas), strict=True):
        beta = rho * (change * q).sum(-1)  # (b,)
        q = q + (alpha - beta)[:, None] * step
    return -q
