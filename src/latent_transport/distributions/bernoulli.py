"""Bernoulli and binomial distributions."""

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Binomial
from typing_extensions import override

from latent_transport.checks import holds
from latent_transport.distributions.ordered import OrderedFamily

SAME = 1e-5  # share by which rounding may make total counts differ


class BernoulliFamily(OrderedFamily[Bernoulli | Binomial]):
    """Bernoulli distributions on {0, 1}; coordinates: the probabilities of 1 and of 0.

    Either may be far below the rounding of the other, where only a logit tells it.
    """

    plural = "Bernoulli distributions"

    @override
    def coordinates(self, distribution: Bernoulli | Binomial) -> Tensor:
        p = distribution.probs  # (..., D)
        rest = 1 - p  # (..., D)
        if "logits" in vars(distribution):
            # Logits that were not given, but made by torch from probabilities, are cut off.
            logits = distribution.logits  # (..., D)
            rest = torch.where(logits.sigmoid() == p, (-logits).sigmoid(), rest)  # (..., D)
        return torch.stack((p, rest), -2)  # (..., 2, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: the difference of the angles 2 asin(sqrt(p)).

        Probabilities count as the least normal number at least: at 0 the root has no slope, and
        that of the residuals is 0.
        """
        p, q = _keep_off_the_ends(p), _keep_off_the_ends(q)
        change = p - q  # (..., 2, D), the second entry the negative of the first but for rounding
        ones, zeros = change.split(1, -2)  # (..., 1, D) each
        change = torch.where((p + q)[..., :1, :] < 1, ones, -zeros)  # (..., 1, D)
        (root_p, rest_p), (root_q, rest_q) = p.sqrt().split(1, -2), q.sqrt().split(1, -2)
        # The sine of a difference, without one of nearly equal roots.
        sine = change / (root_p * rest_q + root_q * rest_p)  # (..., 1, D)
        cosine = root_p * root_q + rest_p * rest_q  # (..., 1, D)
        return 2 * torch.atan2(sine, cosine)  # (..., 1, D)


class BinomialFamily(BernoulliFamily):
    """Binomial distributions of one total count; coordinates: means of what comes out 1 and 0."""

    plural = "binomial distributions"

    @override
    def coordinates(self, distribution: Bernoulli | Binomial) -> Tensor:
        shares = super().coordinates(distribution)  # (..., 2, D)
        return getattr(distribution, "total_count", shares.new_ones(())).unsqueeze(-2) * shares

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        _share_total_count(p, q)
        return super().wasserstein1(p, q)  # (..., D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: as for Bernoulli distributions, times the root of the total count."""
        total = _share_total_count(p, q)  # (..., 1, D)
        return total.sqrt() * super().fisher_rao_residuals(p / total, q / total)  # (..., 1, D)


def _share_total_count(p: Tensor, q: Tensor) -> Tensor:
    """Total count (..., 1, D) of both.

    Raises
    ------
    ValueError
        If they have different ones, or none.
    """
    first, second = (x.sum(-2, keepdim=True) for x in (p, q))  # (..., 1, D) each
    apart = (first - second).abs() > SAME * first  # (..., 1, D)
    if not holds(~apart & ~(first == 0)):
        raise ValueError(
            "binomial distributions of different total counts, or of none, are not supported; "
            "expected one total count > 0 a variable, whatever the latent point"
        )
    return (first + second) / 2


def _keep_off_the_ends(p: Tensor) -> Tensor:
    tiny = torch.finfo(p.dtype).tiny
    inside = (p > tiny).all(-2, keepdim=True)  # (..., 1, D)
    return torch.where(inside, p, p.detach().clamp(min=tiny))  # (..., 2, D)
