r"""Continuous Bernoulli distributions, on [0, 1]: the likelihood of many autoencoders of images.

Of the logit :math:`\eta` the density is proportional to :math:`e^{\eta x}`, so that they are
ordered, with the mean and the variance, which is the Fisher information of :math:`\eta`,

.. math:: m(\eta) = \tfrac12 + \tfrac12 \coth\tfrac\eta2 - \frac1\eta, \qquad
          m'(\eta) = \frac1{\eta^2} - \frac1{4 \sinh^2(\eta / 2)} .

Source: Loaiza-Ganem & Cunningham (2019), *The continuous Bernoulli: fixing a pervasive error in
variational autoencoders*.
"""

import torch
from torch import Tensor
from torch.distributions import ContinuousBernoulli
from typing_extensions import override

from latent_transport.distributions.ordered import OrderedFamily

SMALL = 0.5  # logits below which series are right to rounding in double precision
LARGE = 300.0  # and from which the hyperbolic sine is beyond what counts
MEAN = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)
VARIANCE = tuple((2 * k + 1) * factor for k, factor in enumerate(MEAN))


class ContinuousBernoulliFamily(OrderedFamily[ContinuousBernoulli]):
    """Continuous Bernoulli distributions; coordinates: means and logits."""

    plural = "continuous Bernoulli distributions"
    fisher_rao_is_distance = False

    @override
    def coordinates(self, distribution: ContinuousBernoulli) -> Tensor:
        logit = distribution.logits  # (..., D)
        return torch.stack((_mean(logit), logit), -2)  # (..., 2, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Right to second order for neighbours: (..., 1, D)."""
        first, second = p[..., 1:, :], q[..., 1:, :]  # (..., 1, D) each
        return (first - second) * _variance((first + second) / 2).sqrt()


def _mean(logit: Tensor) -> Tensor:
    """Means (...) of logits (...), computed in double precision."""
    x = logit.double()  # (...)
    small = x.abs() < SMALL  # (...)
    series = 0.5 + torch.where(small, x, 0) * _sum(MEAN, x, small)  # (...)
    far = torch.where(small, 1, x)  # (...)
    return torch.where(small, series, 0.5 + 0.5 / (far / 2).tanh() - 1 / far).to(logit.dtype)


def _variance(logit: Tensor) -> Tensor:
    """Variances (...) of logits (...), computed in double precision."""
    x = logit.double()  # (...)
    small = x.abs() < SMALL  # (...)
    far = torch.where(small, 1, x)  # (...)
    sinh = (far / 2).clamp(-LARGE, LARGE).sinh()  # (...)
    exact = far.square().reciprocal() - 0.25 / sinh.square()  # (...)
    return torch.where(small, _sum(VARIANCE, x, small), exact).to(logit.dtype)


def _sum(factors: tuple[float, ...], x: Tensor, small: Tensor) -> Tensor:
    """Sums (...) of factors times even powers of x (...), where it is small."""
    square = torch.where(small, x, 0).square()  # (...)
    total = torch.zeros_like(square)
    for factor in reversed(factors):
        total = total * square + factor
    return total
