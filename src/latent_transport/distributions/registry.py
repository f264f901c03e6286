"""Which family a decoder's distribution belongs to.

To support a further distribution, write its family in a module of its own, and name it here.
"""

from typing import Any

from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from latent_transport.distributions.bernoulli import BernoulliFamily
from latent_transport.distributions.categorical import CategoricalFamily
from latent_transport.distributions.family import Family
from latent_transport.distributions.logistic import LogisticFamily, LogisticMixtureFamily
from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.normal import NormalFamily

_FAMILIES: dict[type[Distribution], Family[Any]] = {
    Normal: NormalFamily(),
    Bernoulli: BernoulliFamily(),
    Categorical: CategoricalFamily(),
}
_LOGISTIC, _MIXTURE = LogisticFamily(), LogisticMixtureFamily()


def family_of(distribution: Distribution) -> Family[Any]:
    """Return the family that a decoder's distribution belongs to.

    Raises
    ------
    TypeError
        If the object is not a supported distribution.
    ValueError
        If it has no dimension of variables.
    """
    family = _FAMILIES.get(type(distribution))
    if isinstance(distribution, DiscretizedLogisticMixture):
        family = _LOGISTIC if distribution.components == 1 else _MIXTURE
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
