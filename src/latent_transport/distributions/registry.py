"""Which family a decoder's distribution belongs to.

To support a further distribution, write its family in a module of its own, and name it here.
"""

from typing import Any

from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Distribution,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    Independent,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    NegativeBinomial,
    Normal,
    OneHotCategorical,
    Poisson,
    StudentT,
)

from latent_transport.distributions.bernoulli import BernoulliFamily, BinomialFamily
from latent_transport.distributions.categorical import CategoricalFamily, OneHotFamily
from latent_transport.distributions.dirac import Dirac, DiracFamily
from latent_transport.distributions.family import Family
from latent_transport.distributions.gamma import BetaFamily, GammaFamily
from latent_transport.distributions.laplace import LaplaceFamily
from latent_transport.distributions.location_scale import GumbelFamily
from latent_transport.distributions.log_normal import LogNormalFamily
from latent_transport.distributions.logistic import LogisticFamily, LogisticMixtureFamily
from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.negative_binomial import (
    NegativeBinomialFamily,
    ZeroInflatedCounts,
    read_counts,
)
from latent_transport.distributions.normal import NormalFamily
from latent_transport.distributions.normal_mixture import NormalMixtureFamily
from latent_transport.distributions.ordered import (
    ExponentialFamily,
    GeometricFamily,
    HalfNormalFamily,
    PoissonFamily,
)
from latent_transport.distributions.student_t import StudentTFamily

_COUNTS = NegativeBinomialFamily()
_FAMILIES: dict[type[Distribution], Family[Any]] = {
    Normal: NormalFamily(),
    Laplace: LaplaceFamily(),
    Gumbel: GumbelFamily(),
    StudentT: StudentTFamily(),
    LogNormal: LogNormalFamily(),
    Gamma: GammaFamily(),
    Beta: BetaFamily(),
    MixtureSameFamily: NormalMixtureFamily(),
    Bernoulli: BernoulliFamily(),
    Binomial: BinomialFamily(),
    Categorical: CategoricalFamily(),
    OneHotCategorical: OneHotFamily(),
    Exponential: ExponentialFamily(),
    HalfNormal: HalfNormalFamily(),
    Poisson: PoissonFamily(),
    Geometric: GeometricFamily(),
    NegativeBinomial: _COUNTS,
    ZeroInflatedCounts: _COUNTS,
    Dirac: DiracFamily(),
    DiscretizedLogisticMixture: LogisticMixtureFamily(),
}
_LOGISTIC = LogisticFamily()


def register_family(cls: type[Distribution], family: Family[Any]) -> None:
    """Make known which family a class of distributions belongs to, and its subclasses.

    Parameters
    ----------
    cls : type
        Of distributions; one that is known already gets the new family.
    family : Family
        With ``coordinates``, ``wasserstein1``, ``wasserstein1_norm``, ``mean`` and ``plural`` of
        its own at least.

    Raises
    ------
    TypeError
        If one is no class of distributions, or the other no family.

    Examples
    --------
    The cdfs of gamma distributions of one shape do not cross, so that W1 is the difference of their
    means:

    >>> import torch
    >>> import latent_transport as lt
    >>> class GammaFamily(lt.OrderedFamily):
    ...     plural = "gamma distributions of one shape"
    ...
    ...     def coordinates(self, distribution):
    ...         return distribution.mean.unsqueeze(-2)
    >>> lt.register_family(torch.distributions.Gamma, GammaFamily())
    >>> p, q = (torch.distributions.Gamma(2.0, torch.tensor([rate])) for rate in (1.0, 2.0))
    >>> lt.wasserstein1(p, q)
    tensor([1.])
    """
    if not isinstance(cls, type) or not issubclass(cls, Distribution):
        raise TypeError(f"cls is {cls!r}; expected a class of torch distributions")
    if not isinstance(family, Family):
        raise TypeError(
            f"family is {family!r}; expected an instance of a subclass of Family, such as "
            "OrderedFamily"
        )
    _FAMILIES[cls] = family


def family_of(distribution: Distribution) -> Family[Any]:
    """Return the family that a decoder's distribution belongs to: its class's, or an ancestor's.

    Raises
    ------
    TypeError
        If the object is not a supported distribution.
    ValueError
        If it has no dimension of variables.
    """
    known = (_FAMILIES[cls] for cls in type(distribution).__mro__ if cls in _FAMILIES)
    family = next(known, None)
    if isinstance(distribution, DiscretizedLogisticMixture) and distribution.components == 1:
        family = _LOGISTIC
    if family is None:
        supported = ", ".join(cls.__name__ for cls in _FAMILIES)
        raise TypeError(
            f"no distance is known for a {type(distribution).__name__}; expected a tensor, or a "
            f"torch Distribution of one of the types {supported}, or of one that you make known "
            "by latent_transport.register_family"
        )
    if not distribution.batch_shape:
        raise ValueError(
            f"the {type(distribution).__name__} has batch shape (); expected (..., D), D the "
            "number of variables: use distribution.expand((1,)) for a single one"
        )
    return family


def factors(distribution: Distribution | Tensor) -> Distribution:
    """Per-variable distributions of what a decoder returns.

    Those inside of Independent, Diracs for a plain tensor, and counts of scvi and Pyro as ours.
    """
    if isinstance(distribution, Tensor):
        return Dirac(distribution, validate_args=False)
    found: Distribution = distribution
    while isinstance(found, Independent):
        found = found.base_dist
    known = any(cls in _FAMILIES for cls in type(found).__mro__)
    return found if known else read_counts(found) or found


def distribution_mean(distribution: Distribution | Tensor) -> Tensor:
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
