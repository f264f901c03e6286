"""Bernoulli distributions."""

import torch
from torch import Tensor
from torch.distributions import Bernoulli
from typing_extensions import override

from latent_transport.distributions.family import Family


class BernoulliFamily(Family[Bernoulli]):
    """Bernoulli distributions on {0, 1}; coordinate: the probability of 1."""

    plural = "Bernoulli distributions"

    @override
    def coordinates(self, distribution: Bernoulli) -> Tensor:
        return distribution.probs.unsqueeze(-2)  # (..., 1, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return (p - q).abs().squeeze(-2)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp.abs().squeeze(-2)  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p.squeeze(-2)  # (..., D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: the difference of the angles 2 asin(sqrt(p)).

        Probabilities are kept one rounding away from 0 and 1, where the angle has no slope.
        """
        eps = torch.finfo(p.dtype).eps
        p, q = p.clamp(eps, 1 - eps), q.clamp(eps, 1 - eps)
        # The sine of a difference, without one of nearly equal roots.
        sine = (p - q) / ((p * (1 - q)).sqrt() + (q * (1 - p)).sqrt())
        cosine = (p * q).sqrt() + ((1 - p) * (1 - q)).sqrt()
        return 2 * torch.atan2(sine, cosine)  # (..., 1, D)
