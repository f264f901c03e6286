r"""Log-normal distributions: exponentials of m + s Z, with Z a standard normal variable.

Two quantile functions cross at the quantile of :math:`z = -\Delta m / \Delta s`, and up to there

.. math:: E[X; Z < z] = e^{m + s^2/2} \, \Phi(z - s) .
"""

import math

import torch
from torch import Tensor
from torch.distributions import LogNormal
from typing_extensions import override

from latent_transport.distributions.family import Family, location_scale_curvature
from latent_transport.distributions.half_plane import half_plane_residuals

FARTHEST = 60.0  # in standard normal variables, beyond which there is no mass


class LogNormalFamily(Family[LogNormal]):
    """Log-normal distributions; coordinates: mean and standard deviation of the logarithm."""

    plural = "log-normal distributions"

    @override
    def coordinates(self, distribution: LogNormal) -> Tensor:
        return torch.stack((distribution.loc, distribution.scale), -2)  # (..., 2, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        # Differences of means keep their digits in double precision.
        (loc_p, scale_p), (loc_q, scale_q) = p.double().unbind(-2), q.double().unbind(-2)
        place = _find_crossing(loc_p - loc_q, scale_p - scale_q)  # (..., D)
        mean_p, mean_q = (loc_p + scale_p.square() / 2).exp(), (loc_q + scale_q.square() / 2).exp()
        below = mean_p * _cdf(place - scale_p) - mean_q * _cdf(place - scale_q)  # (..., D)
        above = mean_p * _cdf(scale_p - place) - mean_q * _cdf(scale_q - place)  # (..., D)
        return (below.abs() + above.abs()).to(p.dtype)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        (loc, scale), (dloc, dscale) = p.double().unbind(-2), dp.double().unbind(-2)
        place = _find_crossing(dloc, dscale)  # (..., D)
        mean, slope = (loc + scale.square() / 2).exp(), dloc + scale * dscale  # (..., D) each
        bend = dscale * _density(place - scale)  # (..., D)
        below = slope * _cdf(place - scale) - bend  # (..., D)
        above = slope * _cdf(scale - place) + bend  # (..., D)
        return (mean * (below.abs() + above.abs())).to(dp.dtype)  # (..., D)

    @override
    def wasserstein1_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        """That of the local norm E[X |dm + ds Z|], as for locations and scales: (..., 1, 2, D)."""
        loc, scale = ((p + q) / 2).unbind(-2)  # (..., D) each

        def density(u: Tensor) -> Tensor:
            return _density(u - scale) * (loc + scale.square() / 2).exp()

        return location_scale_curvature(p, q, self.wasserstein1(p, q), density)

    @override
    def mean(self, p: Tensor) -> Tensor:
        loc, scale = p.unbind(-2)  # (..., D) each
        return (loc + scale.square() / 2).exp()  # (..., D)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        r"""Exact, with a = exp(m + s^2): :math:`(a - b)^2 + 2ab(1 - e^{-\Delta s^2/2})`."""
        (loc_p, scale_p), (loc_q, scale_q) = p.unbind(-2), q.unbind(-2)  # (..., D) each
        log_p, log_q = loc_p + scale_p.square(), loc_q + scale_q.square()  # (..., D) each
        middle, half = ((log_p + log_q) / 2).exp(), (log_p - log_q) / 2  # (..., D) each
        change = scale_p - scale_q  # (..., D)
        square = change.square() / 2
        near = square < 1e-6
        share = torch.where(near, 1, square)
        share = torch.where(near, 1 - square / 2, -torch.expm1(-share) / share)  # (..., D)
        return torch.stack((2 * half.sinh(), change * share.sqrt()), -2) * middle.unsqueeze(-2)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        (loc, scale), (dloc, dscale) = p.unbind(-2), dp.unbind(-2)  # (..., D) each
        size = (loc + scale.square()).exp().unsqueeze(-2)  # (..., 1, D)
        return size * torch.stack((dloc + 2 * scale * dscale, dscale), -2)  # (..., 2, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: that of the normal distributions of the logarithms, which tell as much."""
        return math.sqrt(2) * half_plane_residuals(p, q, math.sqrt(2))  # (..., 2, D)


def _find_crossing(dloc: Tensor, dscale: Tensor) -> Tensor:
    """Standard normal variable at which quantiles are equal, far out if there is none: (..., D).

    It is no part of a derivative: what is integrated up to there is 0 there.
    """
    dloc, dscale = dloc.detach(), dscale.detach()
    crossing = dloc.abs() < FARTHEST * dscale.abs()
    return torch.where(crossing, -dloc / torch.where(crossing, dscale, 1), FARTHEST)


def _cdf(x: Tensor) -> Tensor:
    return 0.5 * torch.erfc(-x / math.sqrt(2))


def _density(x: Tensor) -> Tensor:
    return (-0.5 * x.square()).exp() / math.sqrt(2 * math.pi)
