"""Quasi-Newton solvers: Gauss-Newton with secant corrections, and plain L-BFGS."""

import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.normal_matrix import normal_matrix
from latent_transport.geodesics.solvers.objective import energy_objective
from latent_transport.geometries.base import Geometry

GIBIBYTE = 2**30
LEAST_DAMPING = 1e-5

Curvature = Callable[[Tensor, Tensor], Tensor]


class LBFGS:
    """Limited-memory BFGS over the control points, each curve with a memory of its own.

    The two-loop recursion (Nocedal & Wright 2006, Algorithm 7.4) runs on all curves at once. Step
    lengths, acceptance (Armijo) and stopping are each curve's own; a curve that has converged
    leaves the batch.

    Parameters
    ----------
    max_iterations : int
        Largest number of evaluations of a curve's energy and gradient.
    tolerance : float
        A curve has converged when two steps in a row promise to lower its energy by less than this
        fraction, and do not lower it by more.
    memory : int
        Bytes that the largest temporaries may take; decides how many curves are solved at once.
    progress : str, optional
        Label of a progress bar, which counts the curves that are done; without, there is none.
    """

    remembered = 8  # steps that the secant pairs remember
    refresh = 0
    patience = 2  # directions in a row that may fail

    def __init__(
        self,
        *,
        max_iterations: int = 200,
        tolerance: float = 1e-4,
        memory: int = GIBIBYTE // 2,
        progress: str | None = None,
    ) -> None:
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.memory = memory
        self.progress = progress

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        """Minimise the energy of the polygons with corners ``spline(t)``.

        Parameters
        ----------
        geometry : Geometry
            Measures the segments.
        spline : CubicSpline
            Curves to start from; left as they are.
        t : Tensor, shape (N,)
            Parameters of the corners, rising from 0 to 1.

        Returns
        -------
        tuple of CubicSpline and Report
        """
        with torch.no_grad():
            p = geometry.decode(spline.start[:1])  # of (1,)
        numbers = self._numbers_a_point(p, spline.start.shape[-1])
        size = max(1, self.memory // (len(t) * numbers * p.element_size()))
        pieces, reports = [], []
        options = {"desc": self.progress, "disable": self.progress is None, "unit": "curve"}
        with tqdm(total=len(spline.start), **options) as bar:
            for start in range(0, len(spline.start), size):
                rows = slice(start, start + size)
                piece = CubicSpline(spline.start[rows], spline.end[rows], spline.controls[rows])
                controls, report = self._minimize_batch(geometry, piece, t, bar)
                pieces.append(controls)
                reports.append(report)
        return replace(spline, controls=torch.cat(pieces)), Report.join(reports)

    def _numbers_a_point(self, p: Tensor, dims: int) -> int:
        return 12 * p.numel()

    def _curvature(self, geometry: Geometry, spline: CubicSpline, t: Tensor) -> Curvature | None:
        """Return a function from rows and control points to half a Hessian, or None."""

    def _minimize_batch(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor, bar: tqdm
    ) -> tuple[Tensor, Report]:
        begin = time.perf_counter()
        evaluate = energy_objective(geometry, spline, t)
        curvature = self._curvature(geometry, spline, t)
        batch, free, dims = spline.controls.shape
        active = torch.arange(batch, device=t.device)  # (b,), curves that still move
        x = spline.controls.flatten(1).clone()  # (B, P d)
        energy, gradient = evaluate(active, spline.controls)
        gradient = gradient.flatten(1)  # (B, P d)
        memory = _SecantMemory(x, self.remembered)
        factor = x.new_zeros(batch, *(2 * [free * dims] if curvature else [1, 1]))
        age = torch.full_like(active, _STALE)  # steps since the curvature was computed
        damping = torch.full_like(energy, LEAST_DAMPING)  # (B,)
        direction, rate = torch.zeros_like(x), torch.zeros_like(energy)
        predicted = torch.zeros_like(energy)
        idle, failures = torch.zeros_like(active), torch.zeros_like(active)
        iterations, converged = torch.zeros_like(active), torch.zeros_like(active, dtype=torch.bool)
        history = [energy.clone()]
        for _ in range(self.max_iterations):
            turn = active[rate[active] == 0]  # curves that need a new direction
            stale = turn[age[turn] >= self.refresh] if curvature else turn[:0]
            if len(stale):
                normal = curvature(stale, x[stale].unflatten(1, (free, dims)))  # (s, P d, P d)
                eased = torch.where(failures[stale] == 0, damping[stale] / 10, damping[stale])
                damping[stale] = eased.clamp(min=LEAST_DAMPING)
                factor[stale] = _factorise(normal, damping[stale])
                age[stale] = 0
            if len(turn):
                inverse = factor[turn] if curvature else None
                direction[turn] = memory.direction(turn, gradient[turn], inverse)
                rate[turn] = 1.0
                predicted[turn] = -0.5 * (gradient[turn] * direction[turn]).sum(-1)
                # Beyond the memory's reach the secant pairs may point uphill.
                lost = turn[predicted[turn] <= 0]
                direction[lost] = -gradient[lost]
                memory.forget(lost)
            trial = x[active] + rate[active, None] * direction[active]  # (b, P d)
            after, slope = evaluate(active, trial.unflatten(1, (free, dims)))
            slope = slope.flatten(1)  # (b, P d)
            before = energy[active]  # (b,)
            enough = before - 2e-4 * rate[active] * predicted[active]
            accepted = after <= enough  # (b,), False for nan
            won, refused = active[accepted], active[~accepted]
            memory.remember(won, trial[accepted] - x[won], slope[accepted] - gradient[won])
            x[won], energy[won], gradient[won] = trial[accepted], after[accepted], slope[accepted]
            # A refused step that promised next to nothing tells of rounding, or of a kink of W1.
            small = predicted[active] <= self.tolerance * before  # (b,)
            great = accepted & (before - after > self.tolerance * before)  # (b,)
            idle[active] = torch.where(small & ~great, idle[active] + 1, 0)
            failures[won] = 0
            rate[won] = 0
            age[won] += 1
            rate[refused] /= 4
            iterations[active] += 1
            # A direction that fails at short steps comes from curvature that no longer holds.
            failed = refused[rate[refused] < 1e-2]
            memory.forget(failed)
            # Fresh curvature that fails is trusted over too long a step.
            damping[failed] *= torch.where(age[failed] == 0, 100.0, 1.0)
            age[failed], rate[failed] = _STALE, 0
            failures[failed] += 1
            history.append(energy.clone())
            stuck = failures[active] == self.patience  # (b,)
            converged[active] = (idle[active] == 2) | (stuck & small)
            done = converged[active] | stuck  # (b,)
            active = active[~done]
            bar.update(len(done) - len(active))
            if len(active) == 0:
                break
        bar.update(len(active))
        report = Report(
            converged,
            iterations,
            energy,
            gradient.norm(dim=-1),
            torch.stack(history),
            time.perf_counter() - begin,
        )
        return x.unflatten(1, (free, dims)), report


class GaussNewton(LBFGS):
    r"""Gauss-Newton over the splines' control points, corrected by the secants of its own steps.

    The energy of a polygon is a sum of squares, :math:`E(c) = \sum_{n,i} r_{ni}^2` with
    :math:`r_{ni} = \sqrt{N-1}\,W_{1,i}(\gamma(t_n), \gamma(t_{n+1}))`. The Jacobian of the
    residuals is the product of their partial derivatives in the decoder's coordinates, of the
    decoder's forward-mode derivatives along the d latent axes (computed once a point, and shared by
    the two segments that meet there), and of the spline's basis. Its normal matrix stands for half
    the Hessian in the two-loop recursion of L-BFGS, whose secant pairs supply the curvature of the
    residuals that Gauss-Newton neglects, and let it serve for several steps. Where a step along a
    fresh one fails, the matrix is damped, curve by curve, a hundred times as strongly (Levenberg
    1944).

    Parameters
    ----------
    max_iterations, tolerance, memory, progress
        As for :class:`LBFGS`.
    refresh : int
        Steps for which a normal matrix serves.

    Warns
    -----
    RuntimeWarning
        If the decoder does not allow forward-mode differentiation; :class:`LBFGS` solves instead.
    """

    patience = 6

    def __init__(
        self,
        *,
        max_iterations: int = 100,
        tolerance: float = 1e-4,
        memory: int = GIBIBYTE // 2,
        progress: str | None = None,
        refresh: int = 10,
    ) -> None:
        super().__init__(
            max_iterations=max_iterations, tolerance=tolerance, memory=memory, progress=progress
        )
        self.refresh = refresh

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        try:
            geometry.decode_with_jacobian(spline.start[:1])
        except (RuntimeError, NotImplementedError) as error:
            reason = str(error).strip().splitlines()[0]
            warnings.warn(
                f"the decoder cannot be differentiated in forward mode ({reason}); solving by "
                "L-BFGS instead of Gauss-Newton",
                RuntimeWarning,
                stacklevel=3,
            )
            fallback = LBFGS(tolerance=self.tolerance, memory=self.memory, progress=self.progress)
            return fallback.minimize(geometry, spline, t)
        return super().minimize(geometry, spline, t)

    def _numbers_a_point(self, p: Tensor, dims: int) -> int:
        return (4 * dims + 12) * p.numel()

    def _curvature(self, geometry: Geometry, spline: CubicSpline, t: Tensor) -> Curvature:
        basis = spline.basis(t)  # (N, P)
        line = spline(t) - basis @ spline.controls  # (B, N, d)

        def evaluate(rows: Tensor, controls: Tensor) -> Tensor:
            return normal_matrix(geometry, line[rows] + basis @ controls, basis)

        return evaluate


_STALE = 2**30


class _SecantMemory:
    """The last steps of each curve and the changes of gradient that went with them."""

    def __init__(self, like: Tensor, pairs: int) -> None:
        self.steps = like.new_zeros(pairs, *like.shape)  # (m, B, P d), the newest last
        self.changes = like.new_zeros(pairs, *like.shape)  # (m, B, P d)

    def remember(self, rows: Tensor, step: Tensor, change: Tensor) -> None:
        for kept, new in ((self.steps, step), (self.changes, change)):
            kept[:-1, rows] = kept[1:, rows]
            kept[-1, rows] = new

    def forget(self, rows: Tensor) -> None:
        self.steps[:, rows] = 0
        self.changes[:, rows] = 0

    def direction(self, rows: Tensor, gradient: Tensor, factor: Tensor | None) -> Tensor:
        """Quasi-Newton direction (b, P d): two-loop recursion (Nocedal & Wright, Alg. 7.4).

        The first inverse Hessian is that of twice the factorised normal matrix, or a multiple of
        the identity. Pairs without curvature are passed over.
        """
        steps, changes = self.steps[:, rows], self.changes[:, rows]  # (m, b, P d)
        curvature = (steps * changes).sum(-1)  # (m, b)
        useful = curvature > 1e-10 * steps.norm(dim=-1) * changes.norm(dim=-1)  # (m, b)
        rho = torch.where(useful, 1 / torch.where(useful, curvature, 1), 0)  # (m, b)
        q, alphas = gradient, []
        for step, change, weight in zip(
            reversed(steps), reversed(changes), reversed(rho), strict=True
        ):
            alpha = weight * (step * q).sum(-1)  # (b,)
            q = q - alpha[:, None] * change
            alphas.append(alpha)
        if factor is not None:
            q = torch.cholesky_solve(q[..., None], factor).squeeze(-1) / 2  # (b, P d)
        else:
            newest = torch.where(useful[-1], curvature[-1], 0)  # (b,)
            scale = newest / changes[-1].square().sum(-1).clamp(min=1e-30)  # (b,)
            first = 0.1 / gradient.norm(dim=-1).clamp(min=1e-30)  # (b,)
            q = q * torch.where(scale > 0, scale, first)[:, None]
        for step, change, weight, alpha in zip(steps, changes, rho, reversed(alphas), strict=True):
            beta = weight * (change * q).sum(-1)  # (b,)
            q = q + (alpha - beta)[:, None] * step
        return -q


def _factorise(normal: Tensor, damping: Tensor) -> Tensor:
    """Cholesky factors of normal matrices (b, P d, P d), damped (b,) as by Levenberg.

    The damping is relative to the mean of the diagonal: it holds back the directions in which the
    decoder is flat, along which a quadratic model reaches farthest beyond where it is right.
    """
    diagonal = normal.diagonal(dim1=-2, dim2=-1)  # (b, P d)
    floor = damping[:, None] * diagonal.mean(-1, keepdim=True)  # (b, 1)
    floor = floor + torch.finfo(normal.dtype).tiny
    factor, _ = torch.linalg.cholesky_ex(normal + torch.diag_embed(1e-4 * diagonal + floor))
    return factor
