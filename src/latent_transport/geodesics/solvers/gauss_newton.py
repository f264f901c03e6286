"""Gauss-Newton on the control points of many curves, corrected by products with the Hessian."""

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.rounding import square_noise
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.batches import Finish, minimize_in_batches
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.newton import Newton
from latent_transport.geodesics.solvers.preconditioners import choose_preconditioner, is_dense
from latent_transport.geometries.base import Geometry
from latent_transport.memory import MEMORY


@dataclass(frozen=True, kw_only=True)
class GaussNewton:
    r"""Newton's method in a trust region, on Gauss-Newton's matrices.

    The energy of a polygon is a sum of squares, :math:`E(c) = \sum_{n,i} r_{ni}^2` with
    :math:`r_{ni} = \sqrt{N-1}\,W_{1,i}(\gamma(t_n), \gamma(t_{n+1}))`. The Jacobian of the
    residuals is the product of their partial derivatives in the decoder's coordinates, of the
    decoder's forward-mode derivatives along the d latent axes (computed once a point, and shared by
    the two segments that meet there), and of the spline's basis. It is taken on half as many points
    as the energy, which costs half and steers as well. Its normal matrix, with the
    curvature that the local norm has of its own, stands for half the Hessian as long as it predicts
    what steps bring. Where it does not, products with the Hessian itself, by differences of
    gradients, supply the curvature that it neglects, which also tells saddles from minima: a
    truncated Newton method, preconditioned by the normal matrix (Nocedal & Wright 2006, *Numerical
    optimization*, Section 7.1).

    A curve has converged when its second-order model, built from such products where the curve
    ends, puts it no further above its local minimum than ``tolerance`` (or than rounding).

    With more than 48 latent dimensions, or 1,024 free coordinates a curve, the speed along the
    curve and the mean of a few metric tensors stand in for the normal matrix, at a fraction of its
    products through the decoder. Beyond 512 dimensions, for fewer residuals than dimensions, or
    where the decoder refuses forward-mode differentiation, the speed alone does, which takes none.

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
        budget = MemoryBudget(self.memory, matrices=is_dense(geometry, spline))
        size = budget.count_curves(geometry, spline, len(t))
        coarse = _coarsen(t, spline.controls.shape[1])  # (n,)
        method = Newton(self.max_iterations, self.tolerance)

        def minimize(curves: CubicSpline, finish: Finish) -> tuple[Tensor, Report]:
            return method.minimize(
                geometry,
                curves,
                t,
                choose_preconditioner(geometry, curves, coarse, refresh=self.refresh),
                noise=square_noise(geometry, curves),
                finish=finish,
            )

        return minimize_in_batches(minimize, spline, size, self.progress)


def _coarsen(t: Tensor, free: int) -> Tensor:
    """Half as many parameters as ``t`` (N,), but two a control point at least, or ``t`` itself."""
    corners = max(2 * free, (len(t) + 1) // 2)
    if corners >= len(t):
        return t
    return torch.linspace(0, 1, corners, dtype=t.dtype, device=t.device)
