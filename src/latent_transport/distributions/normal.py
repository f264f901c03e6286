"""Normal distributions."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from latent_transport.distributions.family import (
    Family,
    divide_by_argument,
    location_scale_curvature,
)
from latent_transport.kernels.normal import normal_wasserstein1

LONG = 1e9  # a chord whose square is far from overflowing, and beyond which asinh is a logarithm


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
        r"""Exact: :math:`\sqrt 2` times a hyperbolic distance (Costa et al. 2015).

        In the half plane :math:`(m/\sqrt 2, s)` the chord :math:`x = |p - q| / (2\sqrt{s_p s_q})`
        is the hyperbolic sine of half the distance.
        """
        (loc_p, scale_p), (loc_q, scale_q) = p.unbind(-2), q.unbind(-2)  # (..., D) each
        width = 2 * _root_of_product(scale_p, scale_q)  # (..., D)
        chord = torch.stack(((loc_p - loc_q) / math.sqrt(2), scale_p - scale_q), -2)
        chord = chord / width[..., None, :]  # (..., 2, D)
        # Very long chords are measured in units of their larger entry, so that no square overflows.
        unit = chord.detach().abs().amax(-2, keepdim=True)  # (..., 1, D)
        unit = torch.where(unit > LONG, unit, 1)  # (..., 1, D)
        chord = chord / unit  # (..., 2, D)

        def asinh(x: Tensor) -> Tensor:
            far = (x + (x.square() + unit.reciprocal().square()).sqrt()).log() + unit.log()
            return torch.where(unit > 1, far, torch.asinh(x))

        square = chord.square().sum(-2, keepdim=True)  # (..., 1, D)
        return 2 * math.sqrt(2) * chord * divide_by_argument(asinh, square, -1 / 6)


def _root_of_product(x: Tensor, y: Tensor) -> Tensor:
    """Root of xy; of each factor where their product, or its inverse in a slope, overflows."""
    product, info = x * y, torch.finfo(x.dtype)  # (..., D)
    fits = (product > info.tiny**0.75) & (product < info.max)  # (..., D)
    return torch.where(fits, torch.where(fits, product, 1).sqrt(), x.sqrt() * y.sqrt())
