"""The curvature that Gauss-Newton knows: normal matrices, damped, factorised and kept a while."""

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.damping import Damping
from latent_transport.geodesics.solvers.normal_matrix import normal_matrix
from latent_transport.geometries.base import Geometry

STALE = 2**30  # steps: older than any matrix is kept


class NormalMatrices:
    """Half the Hessians of a batch's energies, as Gauss-Newton has them.

    Each curve's matrix serves for several steps, and is computed anew where a direction failed; it
    is then damped more strongly if it was fresh.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    spline : CubicSpline
        B curves of n = P d free coordinates each; their ends are kept.
    t : Tensor, shape (N,)
        Parameters of the polygons' corners.
    refresh : int
        Steps for which a matrix serves.
    damping : Damping, optional
        How the matrices are damped.
    """

    def __init__(
        self,
        geometry: Geometry,
        spline: CubicSpline,
        t: Tensor,
        *,
        refresh: int,
        damping: Damping | None = None,
    ) -> None:
        batch, free, dims = spline.controls.shape
        self.geometry = geometry
        self.refresh = refresh
        self.rule = damping or Damping()
        self.basis = spline.basis(t)  # (N, P)
        self.line = spline(t) - self.basis @ spline.controls  # (B, N, d), what the ends decide
        self.factor = spline.controls.new_zeros(batch, free * dims, free * dims)  # (B, n, n)
        self.damping = spline.controls.new_full((batch,), self.rule.least)  # (B,)
        self.age = torch.full((batch,), STALE, device=t.device)  # (B,), steps that each has served
        self.failing = torch.zeros_like(self.age, dtype=torch.bool)  # (B,), since the last success

    def update(self, rows: Tensor, controls: Tensor) -> None:
        """Compute the matrices of those curves (b,), at (b, n), whose old ones no longer serve."""
        old = self.age[rows] >= self.refresh  # (b,)
        stale = rows[old]  # (s,)
        if len(stale) == 0:
            return
        free = controls[old].unflatten(1, (self.basis.shape[1], -1))  # (s, P, d)
        points = self.line[stale] + self.basis @ free  # (s, N, d)
        normal = normal_matrix(self.geometry, points, self.basis)  # (s, n, n)
        damping = self.damping[stale]  # (s,)
        self.damping[stale] = torch.where(self.failing[stale], damping, self.rule.eased(damping))
        self.factor[stale] = self.rule.factorise(normal, self.damping[stale])
        self.age[stale] = 0

    def solve(self, rows: Tensor, gradient: Tensor) -> Tensor:
        """Newton's steps uphill for gradients (b, n) of the curves ``rows`` (b,): (b, n)."""
        factor = self.factor[rows]  # (b, n, n), of half the Hessian
        return torch.cholesky_solve(gradient[..., None], factor).squeeze(-1) / 2

    def succeed(self, rows: Tensor) -> None:
        """Take note of steps of the curves ``rows`` (b,) that were accepted."""
        self.age[rows] += 1
        self.failing[rows] = False

    def fail(self, rows: Tensor) -> None:
        """Take note of directions of the curves ``rows`` (b,) that failed at short steps."""
        # Fresh curvature that fails is trusted over too long a step.
        fresh, damping = self.age[rows] == 0, self.damping[rows]  # (b,) each
        self.damping[rows] = torch.where(fresh, self.rule.raised(damping), damping)
        self.age[rows] = STALE
        self.failing[rows] = True
