"""Gamma and beta distributions, whose cdfs cross once at most.

The logarithm of the quotient of two densities is concave, convex or monotone in the logarithm of
the values (of their odds, for beta distributions), so that the densities cross twice at most.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.distributions import Beta, Gamma
from typing_extensions import override

from latent_transport.distributions.crossings import (
    Array,
    Law,
    crossing_wasserstein1,
    differentiate,
)
from latent_transport.distributions.family import Family, norm_by_slopes
from latent_transport.distributions.information import beta_residuals, gamma_residuals

OUTSIDE = 1e-13  # mass beyond the outermost knots, on either side
LEAST = 1e-300


class GammaLaw(Law):
    """Gamma distributions; parameters: shape and scale."""

    crosses_once = True

    @override
    def cdf(self, x: Array, *parameters: Array) -> Array:
        shape, scale = parameters
        return special.gammainc(shape, x / scale)

    @override
    def survival(self, x: Array, *parameters: Array) -> Array:
        shape, scale = parameters
        return special.gammaincc(shape, x / scale)

    @override
    def below(self, x: Array, *parameters: Array) -> Array:
        shape, scale = parameters
        return scale * self._standard_below(x / scale, shape)

    @override
    def below_slopes(self, x: Array, *parameters: Array) -> Sequence[Array]:
        shape, scale = parameters
        by_shape = differentiate(self._standard_below, 0, _width(shape), x / scale, shape)
        return scale * by_shape, -shape * special.gammainc(shape + 1, x / scale)

    @override
    def mean(self, *parameters: Array) -> Array:
        shape, scale = parameters
        return shape * scale

    @override
    def mean_slopes(self, *parameters: Array) -> Sequence[Array]:
        shape, scale = parameters
        return scale, shape

    @override
    def knots(self, p: Array, q: Array) -> Array:
        (shape_p, scale_p), (shape_q, scale_q) = p, q
        low = np.minimum(
            scale_p * special.gammaincinv(shape_p, OUTSIDE),
            scale_q * special.gammaincinv(shape_q, OUTSIDE),
        )
        high = np.maximum(
            scale_p * special.gammainccinv(shape_p, OUTSIDE),
            scale_q * special.gammainccinv(shape_q, OUTSIDE),
        )
        return np.stack((np.maximum(low, LEAST), np.maximum(high, 2 * LEAST)))

    @override
    def count_knots(self, parameters: int) -> int:
        return 2

    @staticmethod
    def _standard_below(x: Array, shape: Array) -> Array:
        return x * special.gammainc(shape, x) - shape * special.gammainc(shape + 1, x)


class BetaLaw(Law):
    """Beta distributions; parameters: the two concentrations."""

    crosses_once = True

    @override
    def cdf(self, x: Array, *parameters: Array) -> Array:
        return special.betainc(*parameters, x)

    @override
    def survival(self, x: Array, *parameters: Array) -> Array:
        return special.betaincc(*parameters, x)

    @override
    def below(self, x: Array, *parameters: Array) -> Array:
        first, second = parameters
        mean = first / (first + second)
        return x * special.betainc(first, second, x) - mean * special.betainc(first + 1, second, x)

    @override
    def below_slopes(self, x: Array, *parameters: Array) -> Sequence[Array]:
        first, second = parameters
        return [
            differentiate(self.below, place, _width(parameter, first + second), x, first, second)
            for place, parameter in enumerate(parameters)
        ]

    @override
    def mean(self, *parameters: Array) -> Array:
        first, second = parameters
        return first / (first + second)

    @override
    def mean_slopes(self, *parameters: Array) -> Sequence[Array]:
        first, second = parameters
        square = (first + second) ** 2
        return second / square, -first / square

    @override
    def knots(self, p: Array, q: Array) -> Array:
        low = np.minimum(*(special.betaincinv(*each, OUTSIDE) for each in (p, q)))
        high = np.maximum(*(special.betainccinv(*each, OUTSIDE) for each in (p, q)))
        return np.stack((np.maximum(low, LEAST), np.minimum(high, 1 - 2**-53)))

    @override
    def count_knots(self, parameters: int) -> int:
        return 2


class GammaFamily(Family[Gamma]):
    """Gamma distributions; coordinates (shape, scale)."""

    plural = "gamma distributions"
    fisher_rao_is_distance = False
    _law = GammaLaw()

    @override
    def coordinates(self, distribution: Gamma) -> Tensor:
        scale = distribution.rate.reciprocal()  # (..., D)
        return torch.stack((distribution.concentration, scale), -2)  # (..., 2, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact, with the derivatives by the shapes right to 1e-10: (..., D)."""
        return crossing_wasserstein1(self._law, p, q)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        shape = p[..., :1, :]  # (..., 1, D)
        return norm_by_slopes(self.wasserstein1, p, dp, p / (1 + shape).sqrt())  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p.prod(-2)  # (..., D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Right to second order for neighbours: (..., 2, D)."""
        first, second = (torch.stack((x[..., 0, :], x.prod(-2)), -2) for x in (p, q))
        return gamma_residuals(first, second)


class BetaFamily(Family[Beta]):
    """Beta distributions; coordinates: the two concentrations."""

    plural = "beta distributions"
    fisher_rao_is_distance = False
    _law = BetaLaw()

    @override
    def coordinates(self, distribution: Beta) -> Tensor:
        parameters = (distribution.concentration1, distribution.concentration0)
        return torch.stack(parameters, -2)  # (..., 2, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact, with derivatives right to 1e-10: (..., D)."""
        return crossing_wasserstein1(self._law, p, q)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        total = p.sum(-2, keepdim=True)  # (..., 1, D)
        return norm_by_slopes(self.wasserstein1, p, dp, p / (1 + total).sqrt())  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :] / p.sum(-2)  # (..., D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Right to second order for neighbours: (..., 2, D)."""
        return beta_residuals(p, q)


def _width(parameter: Array, total: Array | None = None) -> Array:
    """Over which the distributions change with one of their shapes."""
    return parameter / np.sqrt(1 + (parameter if total is None else total))
