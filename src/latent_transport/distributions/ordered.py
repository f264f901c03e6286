r"""Families with one parameter, whose members are ordered: their cdfs do not cross.

Of two members the one of the larger mean is stochastically larger, so that

.. math:: W_1(p, q) = \int |F_p - F_q| = \Big|\int (F_p - F_q)\Big| = |E_p - E_q| .

Scale families on the half line are ordered, and so are exponential families in what they count
(Shaked & Shanthikumar 2007, *Stochastic orders*, Section 1.A).
"""

import math

import torch
from torch import Tensor
from torch.distributions import Exponential, Geometric, HalfNormal, Poisson
from typing_extensions import override

from latent_transport.distributions.family import Family, Member
from latent_transport.distributions.information import keep_positive, log_quotient


class OrderedFamily(Family[Member]):
    """Ordered distributions; coordinates (..., C, D), of which the first is the mean."""

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return (p - q)[..., 0, :].abs()  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp[..., 0, :].abs()  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :]  # (..., D)


class ScaleFamily(OrderedFamily[Member]):
    """Multiples of one distribution on the half line; coordinate: the mean.

    Attributes
    ----------
    spread : float
        Root mean square of a member, over its mean.
    information : float
        Fisher information of the logarithm of the scale.
    """

    spread: float
    information: float

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return self.spread * (p - q)  # (..., 1, D)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        return self.spread * dp  # (..., 1, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: the difference of the scales' logarithms."""
        return math.sqrt(self.information) * log_quotient(p, q)  # (..., 1, D)


class ExponentialFamily(ScaleFamily[Exponential]):
    """Exponential distributions; coordinate: the mean."""

    plural = "exponential distributions"
    spread = math.sqrt(2)
    information = 1.0

    @override
    def coordinates(self, distribution: Exponential) -> Tensor:
        return distribution.rate.reciprocal().unsqueeze(-2)  # (..., 1, D)


class HalfNormalFamily(ScaleFamily[HalfNormal]):
    """Half-normal distributions; coordinate: the mean."""

    plural = "half-normal distributions"
    spread = math.sqrt(math.pi / 2)
    information = 2.0

    @override
    def coordinates(self, distribution: HalfNormal) -> Tensor:
        return distribution.scale.unsqueeze(-2) / self.spread  # (..., 1, D)


class PoissonFamily(OrderedFamily[Poisson]):
    """Poisson distributions; coordinate: the mean."""

    plural = "Poisson distributions"

    @override
    def coordinates(self, distribution: Poisson) -> Tensor:
        return distribution.rate.unsqueeze(-2)  # (..., 1, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: twice the difference of the means' roots."""
        p, q = keep_positive(p), keep_positive(q)
        return 2 * (p - q) / (p.sqrt() + q.sqrt())  # (..., 1, D)


class GeometricFamily(OrderedFamily[Geometric]):
    """Geometric distributions on 0, 1, ...; coordinate: the mean."""

    plural = "geometric distributions"

    @override
    def coordinates(self, distribution: Geometric) -> Tensor:
        probs = distribution.probs  # (..., D)
        if "logits" not in vars(distribution):
            return ((1 - probs) / probs).unsqueeze(-2)  # (..., 1, D)
        # Logits that were not given, but made by torch from probabilities, are cut off.
        logits = distribution.logits  # (..., D)
        given = logits.sigmoid() == probs  # (..., D)
        share = torch.where(given, 1, probs)  # (..., D)
        mean = torch.where(given, (-logits).exp(), (1 - share) / share)  # (..., D)
        return mean.unsqueeze(-2)  # (..., 1, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: the difference of 2 asinh(sqrt(mean)), whose square is the information."""
        p, q = keep_positive(p), keep_positive(q)
        roots = p.sqrt() * (1 + q).sqrt() + q.sqrt() * (1 + p).sqrt()  # (..., 1, D)
        return 2 * ((p - q) / roots).asinh()  # (..., 1, D)
