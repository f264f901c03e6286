"""Laplace distributions."""

import math

import torch
from torch import Tensor
from torch.distributions import Laplace
from typing_extensions import override

from latent_transport.distributions.family import Family, location_scale_curvature
from latent_transport.distributions.half_plane import half_plane_residuals

FARTHEST = 90.0  # scales behind which there is less mass than a rounding


class LaplaceFamily(Family[Laplace]):
    """Laplace distributions; coordinates (location, scale)."""

    plural = "Laplace distributions"

    @override
    def coordinates(self, distribution: Laplace) -> Tensor:
        return torch.stack((distribution.loc, distribution.scale), -2)  # (..., 2, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return _mean_distance(p - q)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return _mean_distance(dp)  # (..., D)

    @override
    def wasserstein1_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact at any distance, where W1 is the norm of the difference: (..., 1, 2, D)."""

        def density(u: Tensor) -> Tensor:
            return 0.5 * (-u.abs()).exp()

        return location_scale_curvature(p, q, self.wasserstein1(p, q), density)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :]  # (..., D)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return self.wasserstein2_local_residuals(p, p - q)  # (..., 2, D)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        dloc, dscale = dp.unbind(-2)  # (..., D) each
        return torch.stack((dloc, math.sqrt(2) * dscale), -2)  # (..., 2, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: a hyperbolic distance, since the information is 1/scale^2 for both."""
        return half_plane_residuals(p, q, 1.0)  # (..., 2, D)


def _mean_distance(difference: Tensor) -> Tensor:
    r"""W1 of what differs by dm + ds U, U the standard member: (..., 2, D) to (..., D).

    The quantile functions differ so at each level, and W1 is the mean of the absolute difference,
    :math:`E|dm + ds\,U| = |dm| + |ds| e^{-|dm/ds|}`.
    """
    dloc, dscale = difference.abs().unbind(-2)  # (..., D) each
    shifted = FARTHEST * dscale <= dloc  # (..., D), at most a shift
    width = torch.where(shifted, 1, dscale)  # (..., D)
    ratio = torch.where(shifted, 0, dloc) / width  # (..., D)
    return dloc + torch.where(shifted, 0, width * (-ratio).exp())  # (..., D)
