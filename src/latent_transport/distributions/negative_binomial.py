"""Negative binomials, also with more zeros than they have: torch's own, scvi's and Pyro's."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, NegativeBinomial, Poisson, constraints
from typing_extensions import override

from latent_transport.checks import holds
from latent_transport.distributions.bernoulli import BernoulliFamily
from latent_transport.distributions.counts import count_norm, count_wasserstein1, log1p_quotient
from latent_transport.distributions.family import Family, Member, divide_by_argument
from latent_transport.distributions.information import (
    keep_positive,
    log_quotient,
    positive_count_information,
)

SAME = 1e-5  # share by which rounding may make dispersions differ


class Counts(Distribution):
    r"""Negative binomial by its mean and dispersion.

    What the classes of other packages are read as, which need not be there.

    Parameters
    ----------
    location, dispersion : Tensor
        Mean :math:`\mu` and dispersion :math:`\alpha`; the variance is :math:`\mu + \alpha\mu^2`,
        and the dispersion of a Poisson distribution 0.
    """

    arg_constraints: ClassVar = {
        "location": constraints.nonnegative,
        "dispersion": constraints.nonnegative,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, location: Tensor, dispersion: Tensor, validate_args: bool | None = None
    ) -> None:
        self.location, self.dispersion = torch.broadcast_tensors(location, dispersion)
        super().__init__(self.location.shape, validate_args=validate_args)

    @override
    def expand(self, batch_shape: Any, _instance: Any = None) -> "Counts":
        location, dispersion = (x.expand(batch_shape) for x in (self.location, self.dispersion))
        return Counts(location, dispersion, validate_args=False)

    @property
    @override
    def mean(self) -> Tensor:
        return self.location


class ZeroInflatedCounts(Distribution):
    r"""Mixture of a negative binomial and a Dirac at 0.

    Parameters
    ----------
    location, dispersion : Tensor
        Of the negative binomial, as of :class:`Counts`.
    weight : Tensor
        Share of the negative binomial.
    """

    arg_constraints: ClassVar = {
        **Counts.arg_constraints,
        "weight": constraints.unit_interval,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        location: Tensor,
        dispersion: Tensor,
        weight: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        parameters = torch.broadcast_tensors(location, dispersion, weight)
        self.location, self.dispersion, self.weight = parameters
        super().__init__(self.location.shape, validate_args=validate_args)

    @override
    def expand(self, batch_shape: Any, _instance: Any = None) -> "ZeroInflatedCounts":
        parameters = (self.location, self.dispersion, self.weight)
        location, dispersion, weight = (x.expand(batch_shape) for x in parameters)
        return ZeroInflatedCounts(location, dispersion, weight, validate_args=False)

    @property
    @override
    def mean(self) -> Tensor:
        return self.weight * self.location


class CountFamily(Family[Member]):
    """Negative binomials with a weight, and Diracs at 0 with the rest of it.

    Coordinates: their means and dispersions, and the weights.
    """

    @override
    def compares_with(self, other: Family[Any]) -> bool:
        return isinstance(other, CountFamily)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return count_wasserstein1(p, q)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return count_norm(p, dp)  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :] * p[..., 2, :]  # (..., D)


class NegativeBinomialFamily(CountFamily[NegativeBinomial | Counts]):
    """Negative binomials; coordinates: means, dispersions, and 1."""

    plural = "negative binomials"

    @override
    def coordinates(self, distribution: NegativeBinomial | Counts) -> Tensor:
        mean, dispersion = _read(distribution)
        return torch.stack((mean, dispersion, torch.ones_like(mean)), -2)  # (..., 3, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        r"""Exact for one dispersion: (..., 1, D).

        With the dispersion :math:`\alpha` the information of the mean is
        :math:`1/(\mu + \alpha\mu^2)`, and its root the slope of
        :math:`2\,\mathrm{arsinh}(\sqrt{\alpha\mu})/\sqrt{\alpha}`.

        Raises
        ------
        ValueError
            If dispersions differ.
        """
        dispersion = _share_dispersion(p, q, self.plural)  # (..., 1, D)
        mean_p, mean_q = (keep_positive(x[..., :1, :]) for x in (p, q))  # (..., 1, D) each
        # The hyperbolic sine of the difference of two numbers, of which these are the sines.
        width = (mean_p * (1 + dispersion * mean_q)).sqrt()
        width = width + (mean_q * (1 + dispersion * mean_p)).sqrt()  # (..., 1, D)
        share = (mean_p - mean_q) / width  # (..., 1, D)
        square = dispersion * share.square()  # (..., 1, D)
        return 2 * share * divide_by_argument(torch.asinh, square, -1 / 6)


class ZeroInflatedFamily(CountFamily[ZeroInflatedCounts]):
    """Zero-inflated negative binomials; coordinates: means, dispersions and weights."""

    plural = "zero-inflated counts"
    fisher_rao_is_distance = False

    @override
    def coordinates(self, distribution: ZeroInflatedCounts) -> Tensor:
        parameters = (distribution.location, distribution.dispersion, distribution.weight)
        return torch.stack(parameters, -2)  # (..., 3, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        r"""Right to second order for neighbours of one dispersion: (..., 2, D).

        With s the probability of a count above 0 and J the information of such counts about the
        mean, the metric is :math:`ds^2 / (s (1 - s)) + s J(\mu)\,d\mu^2`.

        Raises
        ------
        ValueError
            If dispersions differ.
        """
        dispersion = _share_dispersion(p, q, self.plural)  # (..., 1, D)
        (mean_p, others_p), (mean_q, others_q) = (_split_off_zero(x) for x in (p, q))
        share = (others_p + others_q)[..., :1, :] / 2  # (..., 1, D)
        by_zero = BernoulliFamily().fisher_rao_residuals(others_p, others_q)  # (..., 1, D)
        mean_p, mean_q = mean_p.double(), mean_q.double()  # squares of small ones underflow
        middle = (mean_p.log() + mean_q.log()).mul(0.5).exp()  # (..., 1, D)
        log_zero = log1p_quotient(dispersion.double(), middle)  # (..., 1, D)
        information = positive_count_information(middle, dispersion, log_zero)  # (..., 1, D)
        by_mean = share.sqrt() * information.sqrt() * log_quotient(mean_p, mean_q)  # (..., 1, D)
        return torch.cat((by_zero, by_mean.to(p.dtype)), -2)


def read_counts(distribution: Distribution) -> Counts | ZeroInflatedCounts | None:
    """Read a negative binomial of scvi, or zero-inflated counts of scvi or Pyro, if it is one.

    They are known by the names of their classes and parameters. scvi's have no batch shape.
    """
    names = {cls.__name__ for cls in type(distribution).__mro__}
    found: Any = distribution
    inflated = hasattr(found, "zi_logits")
    if (inflated or "NegativeBinomial" in names) and hasattr(found, "theta"):
        location, dispersion = found.mu, found.theta.reciprocal()
        if not inflated:
            return Counts(location, dispersion)
        return ZeroInflatedCounts(location, dispersion, (-found.zi_logits).sigmoid())
    if "ZeroInflatedDistribution" in names:
        base = found.base_dist
        if isinstance(base, NegativeBinomial | Poisson):
            weight = (-found.gate_logits).sigmoid()
            return ZeroInflatedCounts(*_read(base), weight)
    return None


def _share_dispersion(p: Tensor, q: Tensor, plural: str) -> Tensor:
    """Dispersion (..., 1, D) of both, which messages call by their plural.

    Raises
    ------
    ValueError
        If they have different ones.
    """
    first, second = p[..., 1:2, :], q[..., 1:2, :]  # (..., 1, D) each
    if not holds((first - second).abs() <= SAME * first):
        raise ValueError(
            f"the Fisher-Rao distance of {plural} is known for one dispersion a variable, the same "
            "at all latent points; expected such ones: keep the dispersion fixed, or use the "
            "Wasserstein1 geometry"
        )
    return (first + second) / 2


def _split_off_zero(p: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (..., 1, D), and the probabilities (..., 2, D) of counts above 0 and of 0."""
    mean, dispersion, weight = p.split(1, -2)  # (..., 1, D) each
    mean = keep_positive(mean)
    log_zero = log1p_quotient(dispersion, mean)  # (..., 1, D), minus that of the negative binomial
    others = keep_positive(-weight * torch.expm1(-log_zero))  # (..., 1, D)
    zero = (1 - weight) + weight * torch.exp(-log_zero)  # (..., 1, D)
    return mean, torch.cat((others, zero), -2)


def _read(distribution: NegativeBinomial | Poisson | Counts) -> tuple[Tensor, Tensor]:
    """Mean and dispersion of one of torch's own distributions, or of ours."""
    if isinstance(distribution, Counts):
        return distribution.location, distribution.dispersion
    if isinstance(distribution, Poisson):
        return distribution.rate, torch.zeros_like(distribution.rate)
    # Logits that were not given, but made by torch from probabilities, are cut off.
    probs = distribution.probs  # (...)
    odds = probs / (1 - probs)
    if "logits" in vars(distribution):
        logits = distribution.logits
        given = logits.sigmoid() == probs
        odds = torch.where(given, logits.exp(), probs / torch.where(given, 1, 1 - probs))
    count = distribution.total_count
    return count * odds, count.reciprocal().expand_as(odds)
