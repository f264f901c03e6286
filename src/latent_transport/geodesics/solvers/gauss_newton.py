"""Gauss-Newton on the control points of many curves, corrected by products with the Hessian."""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.batches import minimize_in_batches
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.krylov import KrylovRule
from latent_transport.geodesics.solvers.newton import MakePreconditioner, Newton
from latent_transport.geodesics.solvers.preconditioners import (
    choose_preconditioner,
    is_dense,
)
from latent_transport.geometries.base import Geometry
from latent_transport.memory import MEMORY

AGREEING = 0.05  # share of its energy by which a coarse polygon may be mistaken
ROUGH = 1e-3  # share of its energy that a curve may lie above a coarse polygon's minimum


@dataclass(frozen=True, kw_only=True)
class GaussNewton:
    r"""Newton's method in a trust region, on Gauss-Newton's matrices.

    The energy of a polygon is a sum of squares, :math:`E(c) = \sum_{n,i} r_{ni}^2` with
    :math:`r_{ni} = \sqrt{N-1}\,W_{1,i}(\gamma(t_n), \gamma(t_{n+1}))`. The Jacobian of the
    residuals is the product of their partial derivatives in the decoder's coordinates, of the
    decoder's forward-mode derivatives along the d latent axes (computed once a point, and shared by
    the two segments that meet there), and of the spline's basis. Its normal matrix, with the
    curvature that the local norm has of its own, stands for half the Hessian as long as it predicts
    what steps bring. Where it does not, products with the Hessian itself, by differences of
    gradients, supply the curvature that it neglects, which also tells saddles from minima: a
    truncated Newton method, preconditioned by the normal matrix (Nocedal & Wright 2006, *Numerical
    optimization*, Section 7.1).

    A curve has converged when its second-order model, built from such products where the curve
    ends, puts it no further above its local minimum than ``tolerance`` (or than rounding).

    Where the latent space has many dimensions (more than 1,024 free coordinates a curve), or the
    decoder refuses forward-mode differentiation, the metric along the curve stands in for the
    normal matrix; it needs more products, but no matrix.

    Parameters
    ----------
    max_iterations : int
        Largest number of steps of a curve. A step costs one evaluation of its energy and gradient,
        and up to ten further ones where products are needed.
    tolerance : float
        Share of its energy that a converged curve may lie above its local minimum.
    memory : int
        Bytes that the largest temporaries may take; decides how many curves are solved at once.
    progress : str, optional
        Label of a progress bar, which counts the curves that are done; without, there is none.
    refresh : int
        Steps for which a normal matrix serves.
    """

    max_iterations: int = 200
    tolerance: float = 1e-5
    memory: int = MEMORY
    progress: str | None = None
    refresh: int = 2

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
            B curves of less energy, and what was done for each.

        Raises
        ------
        ValueError
            If the decoder's output does not depend differentiably on the points.
        """
        method = Newton(
            max_iterations=self.max_iterations,
            tolerance=self.tolerance,
            make_preconditioner=self._make_preconditioner(),
        )
        return self._run(method, geometry, spline, t, self.progress)

    def approach(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Tensor]:
        """Bring curves close to the minimum, on polygons of about half as many corners.

        Steps cost half as much there, and nothing is proved. Polygons of fewer than four corners a
        control point are left alone, and so are curves that the whole polygon finds no better, or
        much longer: what lies between corners is not seen.

        Parameters
        ----------
        geometry, spline, t
            As for :meth:`minimize`.

        Returns
        -------
        tuple of CubicSpline and Tensor of int64, shape (B,)
            The curves, and the steps that they took, half of ``max_iterations`` at most.
        """
        corners = 2 * spline.controls.shape[1]
        if len(t) < 2 * corners:
            return spline, torch.zeros(len(spline.start), dtype=torch.int64, device=t.device)
        method = Newton(
            max_iterations=self.max_iterations // 2,
            tolerance=max(self.tolerance, ROUGH),
            make_preconditioner=self._make_preconditioner(),
            rule=KrylovRule(least_products=1),
            others=(),
        )
        coarse = torch.linspace(0, 1, corners, dtype=t.dtype, device=t.device)  # (2 P,)
        label = self.progress and f"{self.progress}, roughly"
        near, report = self._run(method, geometry, spline, coarse, label)
        with torch.no_grad():
            before, after = (geometry.curve_energy(curve(t)) for curve in (spline, near))  # (B,)
        honest = (after - report.energy).abs() <= AGREEING * after  # (B,), false where any is nan
        better = (honest & (after < before))[:, None, None]  # (B, 1, 1)
        controls = torch.where(better, near.controls, spline.controls)  # (B, P, d)
        return replace(near, controls=controls), report.iterations

    def _make_preconditioner(self) -> MakePreconditioner:
        return partial(choose_preconditioner, refresh=self.refresh)

    def _run(
        self,
        method: Newton,
        geometry: Geometry,
        spline: CubicSpline,
        t: Tensor,
        label: str | None,
    ) -> tuple[CubicSpline, Report]:
        budget = MemoryBudget(self.memory, matrices=is_dense(geometry, spline))
        size = budget.count_curves(geometry, spline, len(t))
        return minimize_in_batches(
            lambda curves, finish: method.minimize(geometry, curves, t, finish),
            spline,
            size,
            label,
        )
