"""Gauss-Newton on the control points of many curves, with secant corrections."""

import warnings
from dataclasses import dataclass

from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.curvature import NormalMatrices
from latent_transport.geodesics.solvers.descent import Descent
from latent_transport.geodesics.solvers.directions import Directions
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geodesics.solvers.secants import Secants
from latent_transport.geodesics.solvers.stopping import Stopping
from latent_transport.geometries.base import Geometry
from latent_transport.memory import MEMORY

PATIENCE = 6  # directions in a row that may fail: the damping has to find its size


@dataclass(frozen=True, kw_only=True)
class GaussNewton:
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
        If the decoder does not allow forward-mode differentiation; :class:`LBFGS` solves instead,
        from the same start and with the same settings. ``max_iterations`` is then its budget of
        evaluations too: steps of L-BFGS cost less and bring less, so that curves may need more.
    """

    max_iterations: int = 100
    tolerance: float = 1e-4
    memory: int = MEMORY
    progress: str | None = None
    refresh: int = 10

    def minimize(
        self, geometry: Geometry, spline: CubicSpline, t: Tensor
    ) -> tuple[CubicSpline, Report]:
        """Minimise the energy of the polygons ``spline(t)``; see :meth:`LBFGS.minimize`."""
        try:
            geometry.decode_with_jacobian(spline.start[:1])
        except (RuntimeError, NotImplementedError) as error:
            reason = str(error).strip().splitlines()[0]
            warnings.warn(
                f"the decoder cannot be differentiated in forward mode ({reason}); solving by "
                f"L-BFGS instead of Gauss-Newton, with the same max_iterations = "
                f"{self.max_iterations}",
                RuntimeWarning,
                stacklevel=3,  # who called connecting_geodesics
            )
            fallback = LBFGS(
                max_iterations=self.max_iterations,
                tolerance=self.tolerance,
                memory=self.memory,
                progress=self.progress,
            )
            return fallback.minimize(geometry, spline, t)
        descent = Descent(
            max_iterations=self.max_iterations,
            stopping=Stopping(tolerance=self.tolerance, patience=PATIENCE),
            budget=MemoryBudget(self.memory, matrices=True),
            make_directions=self._make_directions,
            progress=self.progress,
        )
        return descent.minimize(geometry, spline, t)

    def _make_directions(self, geometry: Geometry, spline: CubicSpline, t: Tensor) -> Directions:
        curvature = NormalMatrices(geometry, spline, t, refresh=self.refresh)
        return Directions(Secants(spline.controls.flatten(1)), curvature)
