"""Which family a decoder's distribution belongs to.

To support a further distribution, write its family in a module of its own, and name it here.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Cauchy,
    ContinuousBernoulli,
    Distribution,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfCauchy,
    HalfNormal,
    Independent,
    Laplace,
    LogNormal,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    OneHotCategorical,
    Poisson,
    StudentT,
    VonMises,
)

from latent_transport.checks import holds
from latent_transport.distributions.bernoulli import BernoulliFamily, BinomialFamily
from latent_transport.distributions.categorical import CategoricalFamily, OneHotFamily
from latent_transport.distributions.continuous_bernoulli import ContinuousBernoulliFamily
from latent_transport.distributions.dirac import Dirac, DiracFamily
from latent_transport.distributions.family import Family
from latent_transport.distributions.gamma import BetaFamily, GammaFamily
from latent_transport.distributions.laplace import LaplaceFamily
from latent_transport.distributions.location_scale import GumbelFamily
from latent_transport.distributions.log_normal import LogNormalFamily
from latent_transport.distributions.logistic import LogisticFamily, LogisticMixtureFamily
from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.multivariate_normal import MultivariateNormalFamily
from latent_transport.distributions.negative_binomial import (
    Counts,
    NegativeBinomialFamily,
    ZeroInflatedCounts,
    ZeroInflatedFamily,
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
from latent_transport.distributions.product import Product, product_family
from latent_transport.distributions.quantiles import QuantileFamily, has_quantiles
from latent_transport.distributions.student_t import StudentTFamily

DecoderOutput = Distribution | Tensor | Sequence[Distribution] | Mapping[Any, Distribution]
"""What decoders return: a distribution, values, or several distributions."""

_COUNTS, _MULTIVARIATE = NegativeBinomialFamily(), MultivariateNormalFamily()
_FAMILIES: dict[type[Distribution], Family[Any]] = {
    Normal: NormalFamily(),
    Laplace: LaplaceFamily(),
    Gumbel: GumbelFamily(),
    StudentT: StudentTFamily(),
    LogNormal: LogNormalFamily(),
    Gamma: GammaFamily(),
    Beta: BetaFamily(),
    MixtureSameFamily: NormalMixtureFamily(),
    MultivariateNormal: _MULTIVARIATE,
    LowRankMultivariateNormal: _MULTIVARIATE,
    Bernoulli: BernoulliFamily(),
    Binomial: BinomialFamily(),
    ContinuousBernoulli: ContinuousBernoulliFamily(),
    Categorical: CategoricalFamily(),
    OneHotCategorical: OneHotFamily(),
    Exponential: ExponentialFamily(),
    HalfNormal: HalfNormalFamily(),
    Poisson: PoissonFamily(),
    Geometric: GeometricFamily(),
    NegativeBinomial: _COUNTS,
    Counts: _COUNTS,
    ZeroInflatedCounts: ZeroInflatedFamily(),
    Dirac: DiracFamily(),
    DiscretizedLogisticMixture: LogisticMixtureFamily(),
}
_LOGISTIC = LogisticFamily()
_QUANTILES = QuantileFamily()
_REFUSED: dict[type[Distribution], str] = {
    Cauchy: "it has no mean, and its W1 to others is infinite",
    HalfCauchy: "it has no mean, and its W1 to others is infinite",
    VonMises: "it lies on a circle, where distances are not those of the line: return its sine and "
    "cosine, say",
}
_WARNED: set[type[Distribution]] = set()


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
        If one is no class of distributions, or the other no family, or one without a name.

    Examples
    --------
    The cdfs of Pareto distributions of one exponent do not cross, so that W1 is the difference of
    their means:

    >>> import torch
    >>> import latent_transport as lt
    >>> class ParetoFamily(lt.OrderedFamily):
    ...     plural = "Pareto distributions of one exponent"
    ...
    ...     def coordinates(self, distribution):
    ...         return distribution.mean.unsqueeze(-2)
    >>> lt.register_family(torch.distributions.Pareto, ParetoFamily())
    >>> p, q = (torch.distributions.Pareto(torch.tensor([x]), 2.0) for x in (1.0, 2.0))
    >>> lt.wasserstein1(p, q)
    tensor([2.])
    """
    if not isinstance(cls, type) or not issubclass(cls, Distribution):
        raise TypeError(f"cls is {cls!r}; expected a class of torch distributions")
    if not isinstance(family, Family):
        raise TypeError(
            f"family is {family!r}; expected an instance of a subclass of Family, such as "
            "OrderedFamily"
        )
    if not isinstance(getattr(family, "plural", None), str):
        raise TypeError(
            f"{type(family).__name__} has no plural; expected what its members are called in "
            f'messages, such as plural = "{cls.__name__} distributions"'
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

    Warns
    -----
    UserWarning
        Once for a class of no known family, which is measured by quantiles.
    """
    known = (_FAMILIES[cls] for cls in type(distribution).__mro__ if cls in _FAMILIES)
    family = next(known, None)
    if isinstance(distribution, DiscretizedLogisticMixture) and distribution.components == 1:
        family = _LOGISTIC
    if isinstance(distribution, Product):
        family = product_family(distribution, [family_of(part) for part in distribution.parts])
    if family is None:
        family = _measure_by_quantiles(distribution)
    if not distribution.batch_shape:
        raise ValueError(
            f"the {type(distribution).__name__} has batch shape (); expected (..., D), D the "
            "number of variables: use distribution.expand((1,)) for a single one"
        )
    return family


def _measure_by_quantiles(distribution: Distribution) -> Family[Any]:
    """Return the family of what has a cdf, with a warning, and refuse the rest."""
    cls = type(distribution)
    for refused, reason in _REFUSED.items():
        if isinstance(distribution, refused):
            raise TypeError(f"no distance is known for a {cls.__name__}: {reason}")
    if not isinstance(distribution, Distribution) or not has_quantiles(distribution):
        if hasattr(distribution, "__array__"):
            raise TypeError(
                f"no distance is known for a {cls.__name__}; expected a tensor or a distribution: "
                "wrap a function of arrays, and its derivative, by latent_transport.adapt_numpy"
            )
        supported = ", ".join(cls.__name__ for cls in _FAMILIES)
        raise TypeError(
            f"no distance is known for a {cls.__name__}; expected a tensor, or a "
            f"torch Distribution of one of the types {supported}, of one on the line that has "
            "icdf or cdf, or of one that you make known by latent_transport.register_family, or a "
            "tuple or dict of such distributions"
        )
    if cls not in _WARNED:
        _WARNED.add(cls)
        warnings.warn(
            f"no closed form is known for a {cls.__name__}: W1 and W2 are sums over 121 quantiles, "
            "right to about 1e-3 where quantile functions cross, to 1e-5 where they do not; "
            "latent_transport.register_family makes a closed form known",
            stacklevel=2,
        )
    return _QUANTILES


def factors(distribution: DecoderOutput, points: int | None = None) -> Distribution:
    """Per-variable distributions of what a decoder returns.

    Those inside of Independent, Diracs for a plain tensor, normals for a multivariate normal of
    independent variables, counts of scvi and Pyro as ours; of a tuple, list or dict, which may hold
    others, all of them, one after the other: with the number of ``points``, which is the first
    dimension of each, whatever the others are.

    Raises
    ------
    TypeError
        If a tuple, list or dict has other things than distributions.
    """
    if isinstance(distribution, Tensor):
        return Dirac(distribution, validate_args=False)
    if isinstance(distribution, Sequence | Mapping):
        parts = list(_unpack(distribution))
        if not parts or not all(isinstance(part, Distribution) for part in parts):
            names = ", ".join(type(part).__name__ for part in parts)
            raise TypeError(
                f"the decoder returns a {type(distribution).__name__} of ({names}); expected "
                "distributions alone, whose product is measured: say what tensors mean, such as "
                "torch.distributions.Normal(mean, scale) or latent_transport.Dirac(value)"
            )
        return Product([factors(part) for part in parts], points)
    found: Distribution = distribution
    while isinstance(found, Independent):
        found = found.base_dist
    known = next((cls for cls in type(found).__mro__ if cls in _FAMILIES), None)
    if known is not None and _FAMILIES[known] is _MULTIVARIATE:
        return _factor_normal(cast(MultivariateNormal | LowRankMultivariateNormal, found))
    # More zeros than torch's class has, of a child of it, are not left out.
    inflated = known is NegativeBinomial and hasattr(found, "zi_logits")
    if known is not None and not inflated:
        return found
    return read_counts(found) or found


def _unpack(given: Any) -> Iterator[Any]:
    """What tuples, lists and dicts hold, also inside of each other."""
    if not isinstance(given, Sequence | Mapping) or isinstance(given, str):
        yield given
        return
    for part in given.values() if isinstance(given, Mapping) else given:
        yield from _unpack(part)


def _factor_normal(
    distribution: MultivariateNormal | LowRankMultivariateNormal,
) -> Normal | MultivariateNormal | LowRankMultivariateNormal:
    """Return the normal variables (..., D) of a multivariate normal, if these are independent."""
    if isinstance(distribution, MultivariateNormal):
        factor = distribution.scale_tril  # (..., D, D)
        others = factor.tril(-1)
        scale = factor.diagonal(dim1=-2, dim2=-1)  # (..., D)
    else:
        others = distribution.cov_factor  # (..., D, R)
        scale = distribution.cov_diag.sqrt()  # (..., D)
    if not holds(others == 0):
        return distribution
    return Normal(distribution.loc, scale, validate_args=False)


def distribution_mean(distribution: DecoderOutput) -> Tensor:
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
    mean = family.mean(family.coordinates(distribution))  # (..., D)
    if mean.shape == distribution.batch_shape:
        return mean
    return mean.reshape(distribution.batch_shape + distribution.event_shape)
