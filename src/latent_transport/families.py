"""Families of decoder distributions: their coordinates, and the distances between members.

A family turns a :class:`torch.distributions.Distribution` of batch shape (..., D) into one tensor
of coordinates (..., C, D), C numbers a variable, in which decoders are differentiated, and holds
the closed forms of the distances in those coordinates. To support a further distribution, add a
class here and name it in ``_FAMILIES``.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from latent_transport.kernels.logistic import logistic_norm, logistic_wasserstein1
from latent_transport.kernels.mixture import mixture_norm, mixture_wasserstein1
from latent_transport.kernels.normal import normal_wasserstein1
from latent_transport.kernels.pmf import wasserstein1_pmf
from latent_transport.likelihoods import DiscretizedLogisticMixture


class Family(ABC):
    """One parametric family of one-dimensional distributions, in coordinates (..., C, D)."""

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


class NormalFamily(Family):
    """Normal distributions; coordinates (mean, standard deviation)."""

    def coordinates(self, distribution: Normal) -> Tensor:
        return torch.stack((distribution.loc, distribution.scale), -2)  # (..., 2, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return normal_wasserstein1(*p.unbind(-2), *q.unbind(-2))  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        dloc, dscale = dp.unbind(-2)  # (..., D) each
        zero = torch.zeros_like(dloc)
        return normal_wasserstein1(dloc, dscale, zero, zero)  # (..., D)


class BernoulliFamily(Family):
    """Bernoulli distributions on {0, 1}; coordinate: the probability of 1."""

    def coordinates(self, distribution: Bernoulli) -> Tensor:
        return distribution.probs.unsqueeze(-2)  # (..., 1, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return (p - q).abs().squeeze(-2)  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp.abs().squeeze(-2)  # (..., D)


class CategoricalFamily(Family):
    """Distributions on the ordered values 0, ..., n - 1; coordinates: the n probabilities."""

    def coordinates(self, distribution: Categorical) -> Tensor:
        return distribution.probs.movedim(-1, -2)  # (..., n, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return wasserstein1_pmf(p.movedim(-2, -1), q.movedim(-2, -1))  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp.cumsum(-2)[..., :-1, :].abs().sum(-2)  # (..., D)


class LogisticFamily(Family):
    """Discretised logistics on the grey levels 0..255; coordinates (location, scale)."""

    def coordinates(self, distribution: DiscretizedLogisticMixture) -> Tensor:
        loc, scale = distribution.loc.squeeze(-1), distribution.scale.squeeze(-1)  # (..., D)
        return torch.stack((loc, scale), -2)  # (..., 2, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return logistic_wasserstein1(*p.unbind(-2), *q.unbind(-2))  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return logistic_norm(*p.unbind(-2), *dp.unbind(-2))  # (..., D)


class LogisticMixtureFamily(Family):
    """Mixtures of K discretised logistics; coordinates (K logits, K locations, K scales)."""

    def coordinates(self, distribution: DiscretizedLogisticMixture) -> Tensor:
        parts = (distribution.logits, distribution.loc, distribution.scale)  # (..., D, K) each
        return torch.cat(parts, -1).movedim(-1, -2)  # (..., 3K, D)

    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return mixture_wasserstein1(*self._split(p), *self._split(q))  # (..., D)

    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return mixture_norm(*self._split(p), *self._split(dp))  # (..., D)

    @staticmethod
    def _split(p: Tensor) -> tuple[Tensor, ...]:
        return p.movedim(-2, -1).chunk(3, -1)  # (..., D, K) each


_FAMILIES: dict[type[Distribution], Family] = {
    Normal: NormalFamily(),
    Bernoulli: BernoulliFamily(),
    Categorical: CategoricalFamily(),
}
_LOGISTIC, _MIXTURE = LogisticFamily(), LogisticMixtureFamily()


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
