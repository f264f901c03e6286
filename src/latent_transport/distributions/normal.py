"""Normal distributions."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from latent_transport.distributions.family import Family, location_scale_curvature
from latent_transport.distributions.half_plane import half_plane_residuals
from latent_transport.kernels.normal import normal_wasserstein1


class NormalFamily(Family[Normal]):
    """Normal distributions; coordinates (mean, standard deviation)."""

    plural = "normal distributions"

    @override
    def coordinates(self, distribution: Normal) -> Tensor:
        return torch.stack((distribution.loc, distribution.scale), -2)  # (..., 2, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return normal_wasserstein1(*p.unbind(-2), *q.unbind(-2))  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        dloc, dscale = dp.unbind(-2)  # (..., D) each
        zero = torch.zeros_like(dloc)
        return normal_wasserstein1(dloc, dscale, zero, zero)  # (..., D)

    @override
    def wasserstein1_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact at any distance, where W1 is the norm of the difference: (..., 1, 2, D)."""

        def density(u: Tensor) -> Tensor:
            return (-0.5 * u.square()).exp() / math.sqrt(2 * math.pi)

        return location_scale_curvature(p, q, self.wasserstein1(p, q), density)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :]  # (..., D)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return p - q  # (..., 2, D)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp  # (..., 2, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        r"""Exact: :math:`\sqrt 2` times a hyperbolic distance (Costa et al. 2015)."""
        return math.sqrt(2) * half_plane_residuals(p, q, math.sqrt(2))  # (..., 2, D)
