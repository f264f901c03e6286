"""Families of decoder distributions: their coordinates, and the distances between members.

A family turns a :class:`torch.distributions.Distribution` of batch shape (..., D) into one tensor
of coordinates (..., C, D), C numbers a variable, in which decoders are differentiated, and holds
the closed forms of the distances in those coordinates. To support a further distribution, add a
class here and name it in ``_FAMILIES``.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NoReturn

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from latent_transport.fisher import logistic_information
from latent_transport.kernels.logistic import (
    logistic_norm,
    logistic_wasserstein1,
    logistic_wasserstein1_partials,
)
from latent_transport.kernels.mixture import mixture_norm, mixture_wasserstein1
from latent_transport.kernels.normal import normal_wasserstein1
from latent_transport.kernels.pmf import wasserstein1_pmf
from latent_transport.likelihoods import LEVELS, DiscretizedLogisticMixture


class Family(ABC):
    """One parametric family of one-dimensional distributions, in coordinates (..., C, D)."""

    plural: str  # what its members are called in messages

    @abstractmethod
    def coordinates(self, distribution: Distribution) -> Tensor:
        """Coordinates of the distributions: batch shape (..., D) to (..., C, D)."""

    @abstractmethod
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        """W1 of each variable: (..., C, D) twice to (..., D), in units of the data."""

    @abstractmethod
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        r"""Local norm :math:`\lim_{\epsilon \to 0} W_1(p, p + \epsilon\,dp) / \epsilon`: (..., D).

        It is 1-homogeneous in ``dp`` and differentiable in it almost everywhere.
        """

    @abstractmethod
    def mean(self, p: Tensor) -> Tensor:
        """Mean of each variable: (..., C, D) to (..., D), in units of the data."""

    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Residuals (..., M, D) whose squares add up to W2 squared of each variable.

        Raises
        ------
        TypeError
            If the family has no such form.
        """
        self._refuse("Wasserstein-2 distance", "normal distributions and single logistics")

    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Residuals (..., M, D) whose squares add up to each variable's squared Fisher-Rao length.

        Raises
        ------
        TypeError
            If the family has no such form.
        """
        self._refuse(
            "Fisher-Rao distance", "normal, Bernoulli and categorical ones, and single logistics"
        )

    def _refuse(self, distance: str, supported: str) -> NoReturn:
        raise TypeError(
            f"the {distance} of {self.plural} is not supported, only that of {supported}; use the "
            "Wasserstein1 or the Euclidean geometry"
        )


class NormalFamily(Family):
    """Normal distributions; coordinates (mean, standard deviation)."""

    plural = "normal distributions"

    def coordinates(self, distribution: Normal) -> Tensor:
        return torch.stack((distribution.loc, distribution.scale), -2)  # (..., 2, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return normal_wasserstein1(*p.unbind(-2), *q.unbind(-2))  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        dloc, dscale = dp.unbind(-2)  # (..., D) each
        zero = torch.zeros_like(dloc)
        return normal_wasserstein1(dloc, dscale, zero, zero)  # (..., D)

    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :]  # (..., D)

    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return p - q  # (..., 2, D)

    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        r"""Exact: :math:`\sqrt 2` times a hyperbolic distance (Costa et al. 2015).

        In the half plane :math:`(m/\sqrt 2, s)` the chord :math:`x = |p - q| / (2\sqrt{s_p s_q})`
        is the hyperbolic sine of half the distance.
        """
        (loc_p, scale_p), (loc_q, scale_q) = p.unbind(-2), q.unbind(-2)  # (..., D) each
        width = 2 * (scale_p * scale_q).sqrt()  # (..., D)
        chord = torch.stack(((loc_p - loc_q) / math.sqrt(2), scale_p - scale_q), -2)
        chord = chord / width[..., None, :]  # (..., 2, D)
        square = chord.square().sum(-2, keepdim=True)  # (..., 1, D)
        return 2 * math.sqrt(2) * chord * _divide_by_argument(torch.asinh, square, -1 / 6)


class BernoulliFamily(Family):
    """Bernoulli distributions on {0, 1}; coordinate: the probability of 1."""

    plural = "Bernoulli distributions"

    def coordinates(self, distribution: Bernoulli) -> Tensor:
        return distribution.probs.unsqueeze(-2)  # (..., 1, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return (p - q).abs().squeeze(-2)  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp.abs().squeeze(-2)  # (..., D)

    def mean(self, p: Tensor) -> Tensor:
        return p.squeeze(-2)  # (..., D)

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


class CategoricalFamily(Family):
    """Distributions on the ordered values 0, ..., n - 1; coordinates: the n probabilities."""

    plural = "categorical distributions"

    def coordinates(self, distribution: Categorical) -> Tensor:
        return distribution.probs.movedim(-1, -2)  # (..., n, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return wasserstein1_pmf(p.movedim(-2, -1), q.movedim(-2, -1))  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp.cumsum(-2)[..., :-1, :].abs().sum(-2)  # (..., D)

    def mean(self, p: Tensor) -> Tensor:
        values = torch.arange(p.shape[-2], dtype=p.dtype, device=p.device)  # (n,)
        return (values[:, None] * p).sum(-2)  # (..., D)

    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: the angle between the vectors of roots, on the sphere of radius 2.

        Probabilities are kept one rounding away from 0, where the root has no slope.
        """
        eps = torch.finfo(p.dtype).eps
        p, q = p.clamp(min=eps), q.clamp(min=eps)
        # Half the difference of the roots, written without it.
        chord = (p - q) / (2 * (p.sqrt() + q.sqrt()))  # (..., n, D)
        square = chord.square().sum(-2, keepdim=True)  # (..., 1, D)
        return 4 * chord * _divide_by_argument(torch.asin, square, 1 / 6)  # (..., n, D)


class LogisticFamily(Family):
    """Discretised logistics on the grey levels 0..255; coordinates (location, scale)."""

    plural = "single logistics"

    def coordinates(self, distribution: DiscretizedLogisticMixture) -> Tensor:
        loc, scale = distribution.loc.squeeze(-1), distribution.scale.squeeze(-1)  # (..., D)
        return torch.stack((loc, scale), -2)  # (..., 2, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return logistic_wasserstein1(*p.unbind(-2), *q.unbind(-2))  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        if not dp.requires_grad:
            return logistic_norm(*p.unbind(-2), *dp.unbind(-2))  # (..., D)
        # The cdfs of p and p - c dp cross where the derivative of the cdf along dp changes its
        # sign, for every c > 0. So the norm's slopes are those of W1(p, p - c dp) in p.
        (loc, scale), (dloc, dscale) = p.unbind(-2), dp.unbind(-2)  # (..., D) each
        with torch.no_grad():
            tiny = torch.finfo(p.dtype).tiny
            size = torch.maximum(2 * dscale.abs() / scale, dloc.abs() / LEVELS).clamp(min=tiny)
            q = p - dp / size[..., None, :]  # (..., 2, D)
            _, slopes = logistic_wasserstein1_partials(loc, scale, *q.unbind(-2))
        return slopes[0] * dloc + slopes[1] * dscale  # (..., D)

    def mean(self, p: Tensor) -> Tensor:
        return _logistic_mean(*p.unbind(-2))  # (..., D)

    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Those of the continuous logistics, whose standard member has the variance pi^2/3."""
        dloc, dscale = (p - q).unbind(-2)  # (..., D) each
        return torch.stack((dloc, math.pi / math.sqrt(3) * dscale), -2)  # (..., 2, D)

    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """L'(p - q), with LL' the Fisher information at the mean of p and q."""
        loc, scale = ((p + q) / 2).unbind(-2)  # (..., D) each
        dloc, dscale = ((p - q) / scale[..., None, :]).unbind(-2)  # (..., D) each
        tiny = torch.finfo(p.dtype).tiny
        by_loc, mixed, by_scale = logistic_information(loc, scale).unbind(-1)  # (..., D) each
        first = by_loc.clamp(min=tiny).sqrt()  # (..., D)
        mixed = mixed / first  # (..., D)
        second = (by_scale - mixed.square()).clamp(min=tiny).sqrt()  # (..., D)
        return torch.stack((first * dloc + mixed * dscale, second * dscale), -2)  # (..., 2, D)


class LogisticMixtureFamily(Family):
    """Mixtures of K discretised logistics; coordinates (K logits, K locations, K scales)."""

    plural = "logistic mixtures"

    def coordinates(self, distribution: DiscretizedLogisticMixture) -> Tensor:
        parts = (distribution.logits, distribution.loc, distribution.scale)  # (..., D, K) each
        return torch.cat(parts, -1).movedim(-1, -2)  # (..., 3K, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return mixture_wasserstein1(*self._split(p), *self._split(q))  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return mixture_norm(*self._split(p), *self._split(dp))  # (..., D)

    def mean(self, p: Tensor) -> Tensor:
        logits, loc, scale = self._split(p)  # (..., D, K) each
        return (logits.softmax(-1) * _logistic_mean(loc, scale)).sum(-1)  # (..., D)

    @staticmethod
    def _split(p: Tensor) -> tuple[Tensor, ...]:
        return p.movedim(-2, -1).chunk(3, -1)  # (..., D, K) each


_FAMILIES: dict[type[Distribution], Family] = {
    Normal: NormalFamily(),
    Bernoulli: BernoulliFamily(),
    Categorical: CategoricalFamily(),
}
_LOGISTIC, _MIXTURE = LogisticFamily(), LogisticMixtureFamily()


def _logistic_mean(loc: Tensor, scale: Tensor) -> Tensor:
    """Mean of discretised logistics on 0..255: their W1 to the Dirac measure at 0, closed form."""
    below = torch.full_like(loc, -1)
    return logistic_wasserstein1(loc, scale, below, torch.full_like(loc, 1e-5))


def _divide_by_argument(
    function: Callable[[Tensor], Tensor], square: Tensor, third: float
) -> Tensor:
    """f(x) / x from x squared, for f(x) = x + third x^3 + ...; smooth at 0."""
    close = square < 1e-6
    x = torch.where(close, 1, square).sqrt()
    return torch.where(close, 1 + third * square, function(x) / x)


def family_of(distribution: Distribution) -> Family:
    """Return the family that a decoder's distribution belongs to.

    Raises
    ------
    TypeError
        If the object is not a supported distribution.
    ValueError
        If it has no dimension of variables.
    """
    if isinstance(distribution, DiscretizedLogisticMixture):
        family = _LOGISTIC if distribution.components == 1 else _MIXTURE
    else:
        family = _FAMILIES.get(type(distribution))
    if family is None:
        supported = [cls.__name__ for cls in (*_FAMILIES, DiscretizedLogisticMixture)]
        raise TypeError(
            f"no distance is known for a {type(distribution).__name__}; expected a torch "
            f"Distribution of one of the types {', '.join(supported)}"
        )
    if not distribution.batch_shape:
        raise ValueError(
            f"the {type(distribution).__name__} has batch shape (); expected (..., D), D the "
            "number of variables: use distribution.expand((1,)) for a single one"
        )
    return family


def factors(distribution: Distribution) -> Distribution:
    """Strip :class:`torch.distributions.Independent`: return the per-variable distributions."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def distribution_mean(distribution: Distribution) -> Tensor:
    """Means of a decoder's distributions in closed form: batch shape (..., D) to (..., D).

    For discretised logistics and their mixtures it equals ``distribution.mean`` without a term for
    each grey level.

    Returns
    -------
    Tensor, shape (..., D)
        In units of the data.

    Raises
    ------
    TypeError, ValueError
        As :func:`family_of`.
    """
    distribution = factors(distribution)
    family = family_of(distribution)
    return family.mean(family.coordinates(distribution))  # (..., D)
