"""Batched Gauss-Newton with Levenberg-Marquardt damping."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.curves import CubicSpline
from latent_transport.families import Family
from latent_transport.geometries import Geometry
from latent_transport.solvers.report import Report

GIBIBYTE = 2**30


@dataclass
class _Linearisation:
    """Residuals of a batch of curves with their partial derivatives in decoder coordinates."""

    family: Family
    residuals: Tensor  # (b, N - 1, M, D)
    first: Tensor  # (b, N - 1, M, C, D), with respect to the segment's first point
    second: Tensor  # (b, N - 1, M, C, D), with respect to its second

    @property
    def energy(self) -> Tensor:
        return self.residuals.square().sum((1, 2, 3))  # (b,)


class GaussNewton:
    r"""Gauss-Newton with Levenberg-Marquardt damping over the splines' control points.

    The energy of a polygon is a sum of squares, :math:`E(c) = \sum_{n,i} r_{ni}^2` with
    :math:`r_{ni} = \sqrt{N-1}\,W_{1,i}(\gamma(t_n), \gamma(t_{n+1}))`. The Jacobian of the
    residuals is the product of their closed-form partial derivatives in the decoder's coordinates,
    of the decoder's forward-mode derivatives along the d latent axes (computed once a point, and
    shared by the two segments that meet there), and of the spline's basis. Damping, acceptance and
    stopping are each curve's own (gain ratio after Nielsen 1999); a curve that has converged
    leaves the batch.

    Parameters
    ----------
    max_iterations : int
        Largest number of steps.
    tolerance : float
        A curve has converged when a Gauss-Newton step lowers its energy by less than this
        fraction.
    memory : int
        Bytes that the largest temporaries may take; decides how many curves are solved at once.
    """

    def __init__(
        self, *, max_iterations: int = 50, tolerance: float = 1e-4, memory: int = GIBIBYTE // 2
    ) -> None:
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.memory = memory

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        """Minimise the energy of the polygons with corners ``spline(t)``.

        Parameters
        ----------
        geometry : Geometry
            Measures the segments; its decoder must allow forward-mode differentiation.
        spline : CubicSpline
            Curves to start from; left as they are.
        t : Tensor, shape (N,)
            Parameters of the corners, rising from 0 to 1.

        Returns
        -------
        tuple of CubicSpline and Report
        """
        size = self._curves_at_once(geometry, spline, t)
        pieces, reports = [], []
        for start in range(0, len(spline.start), size):
            rows = slice(start, start + size)
            piece = CubicSpline(spline.start[rows], spline.end[rows], spline.controls[rows])
            controls, report = self._minimize_batch(geometry, piece, t)
            pieces.append(controls)
            reports.append(report)
        solved = CubicSpline(spline.start, spline.end, torch.cat(pieces))
        return solved, Report.join(reports)

    def _curves_at_once(self, geometry: Geometry, spline: CubicSpline, t: Tensor) -> int:
        dims = spline.start.shape[-1]
        _, p = geometry.decode(spline.start[:1])  # (1, C, D)
        jacobian = len(t) * (dims + 1) * p.numel()  # numbers a curve
        slopes = 2 * len(t) * dims * p.shape[-1]
        bytes_each = (3 * jacobian + slopes) * p.element_size()
        return max(1, self.memory // bytes_each)

    def _minimize_batch(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[Tensor, Report]:
        begin = time.perf_counter()
        basis = spline.basis(t)  # (N, P)
        line = spline(t) - basis @ spline.controls  # (B, N, d), the part the ends decide
        controls = spline.controls.clone()  # (B, P, d)
        batch, free, dims = controls.shape
        new = controls.new_zeros
        state = self._linearise(geometry, line + basis @ controls)
        energy = state.energy  # (B,)
        normal, slope = new(batch, free * dims, free * dims), new(batch, free * dims)
        damping, growth = new(batch) + 1e-3, new(batch) + 2.0
        fresh = torch.ones_like(energy, dtype=torch.bool)  # whose normal equations are out of date
        converged = torch.zeros_like(fresh)
        iterations = torch.zeros_like(energy, dtype=torch.int64)
        history = [energy]
        active = torch.arange(batch, device=energy.device)
        for _ in range(self.max_iterations):
            stale = active[fresh[active]]
            if len(stale):
                z = line[stale] + basis @ controls[stale]  # (b, N, d)
                normal[stale], slope[stale] = self._normal_equations(
                    geometry, state, fresh[active], z, basis
                )
                fresh[stale] = False
            step, predicted = self._step(normal[active], slope[active], damping[active])
            trial = controls[active] + step.unflatten(-1, (free, dims))  # (b, P, d)
            candidate = self._linearise(geometry, line[active] + basis @ trial)
            before, after = energy[active], candidate.energy  # (b,)
            gain = (before - after) / predicted.clamp(min=torch.finfo(before.dtype).tiny)  # (b,)
            accepted = after < before  # (b,), False for nan
            won = active[accepted]
            controls[won], energy[won], fresh[won] = trial[accepted], after[accepted], True
            iterations[active] += 1
            history.append(energy.clone())
            settled = predicted <= self.tolerance * before  # (b,)
            settled &= damping[active] <= 1
            settled |= accepted & ((before - after) <= self.tolerance * before) & (gain > 0.25)
            self._adapt(damping, growth, active, accepted, gain)
            stuck = damping[active] > 1e12
            converged[active[settled]] = True
            keep = ~(settled | stuck)
            state = self._merge(state, candidate, accepted, keep)
            active = active[keep]
            if len(active) == 0:
                break
        report = Report(
            converged,
            iterations,
            energy,
            2 * slope.norm(dim=-1),
            torch.stack(history),
            time.perf_counter() - begin,
        )
        return controls, report

    @staticmethod
    def _linearise(geometry: Geometry, z: Tensor) -> _Linearisation:
        with torch.no_grad():
            family, p = geometry.decode(z)  # (b, N, C, D)
        first = p[:, :-1].detach().requires_grad_()  # (b, N - 1, C, D)
        second = p[:, 1:].detach().requires_grad_()  # (b, N - 1, C, D)
        with torch.enable_grad():
            residuals = geometry.residuals(family, first, second)  # (b, N - 1, M, D)
            residuals = residuals * math.sqrt(z.shape[1] - 1)
            # Residuals of different variables share no coordinate: one sum gives all partials.
            partials = [
                torch.autograd.grad(residuals[:, :, m].sum(), (first, second), retain_graph=True)
                for m in range(residuals.shape[2])
            ]
        return _Linearisation(
            family,
            residuals.detach(),
            torch.stack([a for a, _ in partials], 2),
            torch.stack([b for _, b in partials], 2),
        )

    @staticmethod
    def _normal_equations(
        geometry: Geometry, state: _Linearisation, rows: Tensor, z: Tensor, basis: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Half the Gauss-Newton Hessian (b, P d, P d) and half the gradient (b, P d)."""
        with torch.no_grad():
            _, _, jacobian = geometry.decode_with_jacobian(z)  # (d, b, N, C, D)
            left, right = basis[:-1], basis[1:]  # (N - 1, P) each
            slope, normal = 0.0, 0.0
            for m in range(state.residuals.shape[2]):
                first = _contract(state.first[rows, :, m], jacobian[:, :, :-1])  # (b, N-1, d, D)
                second = _contract(state.second[rows, :, m], jacobian[:, :, 1:])  # (b, N-1, d, D)
                r = state.residuals[rows, :, m, :, None]  # (b, N - 1, D, 1)
                slope = slope + left.T @ (first @ r).squeeze(-1)  # (b, P, d)
                slope = slope + right.T @ (second @ r).squeeze(-1)
                mixed = _assemble(left, right, first @ second.mT)  # (b, P d, P d)
                normal = normal + mixed + mixed.mT
                normal = normal + _assemble(left, left, first @ first.mT)
                normal = normal + _assemble(right, right, second @ second.mT)
            return normal, slope.flatten(1)

    @staticmethod
    def _step(normal: Tensor, slope: Tensor, damping: Tensor) -> tuple[Tensor, Tensor]:
        """Damped step (b, P d) and the decrease of energy (b,) that the model predicts."""
        diagonal = normal.diagonal(dim1=-2, dim2=-1)  # (b, P d)
        # A floor for directions that the decoder does not feel.
        floor = 1e-6 * diagonal.amax(-1, keepdim=True) + torch.finfo(normal.dtype).tiny
        weight = damping[:, None] * diagonal + floor  # (b, P d)
        factor, _ = torch.linalg.cholesky_ex(normal + torch.diag_embed(weight))
        step = -torch.cholesky_solve(slope[..., None], factor).squeeze(-1)  # (b, P d)
        curvature = (step * (normal @ step[..., None]).squeeze(-1)).sum(-1)  # (b,)
        return step, -2 * (slope * step).sum(-1) - curvature

    @staticmethod
    def _adapt(
        damping: Tensor, growth: Tensor, active: Tensor, accepted: Tensor, gain: Tensor
    ) -> None:
        shrink = (1 - (2 * gain.clamp(0, 1) - 1) ** 3).clamp(min=1 / 3)  # (b,)
        factor = torch.where(accepted, shrink, growth[active])  # (b,)
        damping[active] = (damping[active] * factor).clamp(min=1e-9)
        growth[active] = torch.where(accepted, 2.0, growth[active] * 2)

    @staticmethod
    def _merge(
        old: _Linearisation, new: _Linearisation, accepted: Tensor, keep: Tensor
    ) -> _Linearisation:
        """Take the accepted curves' new residuals, and drop the curves that have stopped."""
        choose = accepted[keep].view(-1, 1, 1, 1)  # (b, 1, 1, 1)
        return _Linearisation(
            new.family,
            torch.where(choose, new.residuals[keep], old.residuals[keep]),
            torch.where(choose[..., None], new.first[keep], old.first[keep]),
            torch.where(choose[..., None], new.second[keep], old.second[keep]),
        )


def _contract(partials: Tensor, jacobian: Tensor) -> Tensor:
    """Chain rule: partials (b, n, C, D) and a Jacobian (d, b, n, C, D) give (b, n, d, D).

    A sum of products over the few coordinates, without the permuted copies of a general einsum;
    the result is a view that batched matrix products read in place.
    """
    total = jacobian[..., 0, :] * partials[..., 0, :]  # (d, b, n, D)
    for c in range(1, partials.shape[-2]):
        total.addcmul_(jacobian[..., c, :], partials[..., c, :])
    return total.movedim(0, 2)


def _assemble(left: Tensor, right: Tensor, blocks: Tensor) -> Tensor:
    """Blocks (b, n, d, d) between points of segments, in control points: (b, P d, P d)."""
    weights = (left[:, :, None] * right[:, None, :]).flatten(1)  # (n, P P)
    product = weights.T @ blocks.flatten(2)  # (b, P P, d d)
    free, dims = left.shape[1], blocks.shape[-1]
    product = product.unflatten(2, (dims, dims)).unflatten(1, (free, free))  # (b, P, P, d, d)
    return product.transpose(2, 3).flatten(3).flatten(1, 2)  # (b, P d, P d)
