r"""Distributions of no known family, measured by their quantiles at fixed levels.

With the levels :math:`u = \sigma(x)` at equally spaced x,

.. math:: W_1(p, q) = \int |Q_p - Q_q|(\sigma(x)) \, \sigma'(x) \, dx, \qquad
          W_2^2(p, q) = \int (Q_p - Q_q)^2(\sigma(x)) \, \sigma'(x) \, dx

are sums over 121 levels, from 3e-7 to 1 - 3e-7, which have the mass of the tails beyond. Each is a
metric itself. The quantiles are the distribution's ``icdf``, or its ``cdf`` turned round.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution
from typing_extensions import override

from latent_transport.distributions.family import Family

REACH, COUNT = 15.0, 121  # of x, on either side, and levels
DOUBLINGS, HALVINGS = 60, 80  # of an interval around a quantile


class QuantileFamily(Family[Distribution]):
    """Any distributions on the line with quantiles; coordinates: 121 of these.

    W1 and W2 are right to about 1e-5 where quantile functions do not cross, to about 2e-3 where
    they do; less so where few of the quantiles tell the mean, as for tails that fall like a power.
    """

    plural = "distributions with a cdf"

    @override
    def coordinates(self, distribution: Distribution) -> Tensor:
        return find_quantiles(distribution).movedim(0, -2)  # (..., 121, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return (_weights(p) * (p - q).abs()).sum(-2)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return (_weights(p) * dp.abs()).sum(-2)  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return (_weights(p) * p).sum(-2)  # (..., D)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return _weights(p).sqrt() * (p - q)  # (..., 121, D)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        return _weights(p).sqrt() * dp  # (..., 121, D)


def has_quantiles(distribution: Distribution) -> bool:
    """Whether a distribution on the line says its quantiles, or its cdf."""
    if len(distribution.event_shape):
        return False
    try:
        _probe(distribution)
    except NotImplementedError as error:
        # Torch says the same of a cdf that is there, but that it cannot differentiate.
        if "forward AD" in str(error):
            raise
        return False
    return True


def find_quantiles(distribution: Distribution) -> Tensor:
    """Quantiles at the 121 levels, (121, ..., D) of a batch shape (..., D), differentiable.

    Those of a cdf are bracketed and halved, and followed by a step of Newton's, which has their
    derivatives by the parameters.
    """
    like = _probe(distribution)  # (..., D)
    places = torch.linspace(-REACH, REACH, COUNT, dtype=torch.float64, device=like.device)
    levels = places.sigmoid().view(-1, *[1] * len(distribution.batch_shape))  # (121, 1..., 1)
    try:
        return distribution.icdf(levels).to(like.dtype)  # (121, ..., D)
    except NotImplementedError:
        pass
    with torch.no_grad():
        low, high = _bracket(distribution, levels.expand(COUNT, *like.shape))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            less = _cdf(distribution, middle) < levels
            low, high = torch.where(less, middle, low), torch.where(less, high, middle)
        place = (low + high) / 2  # (121, ..., D)
        density = distribution.log_prob(place).exp()
    rest = _cdf(distribution, place) - levels
    some = density > 0
    step = torch.where(some, rest / torch.where(some, density, 1), 0)
    return (place - step + step.detach()).to(like.dtype)


def _probe(distribution: Distribution) -> Tensor:
    """One quantile, or probability, of each: whose dtype is that of the parameters."""
    half = torch.tensor(0.5)
    try:
        return distribution.icdf(half).expand(distribution.batch_shape)
    except NotImplementedError:
        return _cdf(distribution, half).expand(distribution.batch_shape)


def _cdf(distribution: Distribution, x: Tensor) -> Tensor:
    """Probabilities, also where x lies outside of the support, which torch may refuse."""
    support = distribution.support
    low, high = getattr(support, "lower_bound", None), getattr(support, "upper_bound", None)
    inside = x if low is None else torch.maximum(x, torch.as_tensor(low).to(x))
    inside = inside if high is None else torch.minimum(inside, torch.as_tensor(high).to(x))
    found = distribution.cdf(inside)
    found = found if low is None else torch.where(x < low, 0, found)
    return found if high is None else torch.where(x > high, 1, found)


def _bracket(distribution: Distribution, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Ends between which the quantiles lie."""
    low, high = -torch.ones_like(levels), torch.ones_like(levels)
    for _ in range(DOUBLINGS):
        above, below = _cdf(distribution, low) >= levels, _cdf(distribution, high) < levels
        if not (above | below).any():
            break
        low, high = torch.where(above, 2 * low, low), torch.where(below, 2 * high, high)
    return low, high


def _weights(like: Tensor) -> Tensor:
    """Mass (121, 1) that each level stands for."""
    places = torch.linspace(-REACH, REACH, COUNT, dtype=torch.float64, device=like.device)
    density = places.sigmoid() * (-places).sigmoid()  # (121,)
    weights = density * (2 * REACH / (COUNT - 1))
    tail = (1 - weights.sum()) / 2
    weights[0] += tail
    weights[-1] += tail
    return weights.to(like.dtype).unsqueeze(-1)  # (121, 1)
