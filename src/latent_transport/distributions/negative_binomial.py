"""Negative binomials, also with more zeros than they have: torch's own, scvi's and Pyro's."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, NegativeBinomial, Poisson, constraints
from typing_extensions import override

from latent_transport.checks import holds
from latent_transport.distributions.counts import count_norm, count_wasserstein1
from latent_transport.distributions.family import Family, divide_by_argument
from latent_transport.distributions.information import keep_positive

SAME = 1e-5  # share by which rounding may make dispersions differ


class ZeroInflatedCounts(Distribution):
    r"""Mixture of a negative binomial and a Dirac at 0.

    What the classes of other packages are read as, which need not be there.

    Parameters
    ----------
    location, dispersion : Tensor
        Mean :math:`\mu` and dispersion :math:`\alpha` of the negative binomial, whose variance is
        :math:`\mu + \alpha\mu^2`; 0 of a Poisson distribution.
    weight : Tensor
        Share of the negative binomial.
    """

    arg_constraints: ClassVar = {
        "location": constraints.nonnegative,
        "dispersion": constraints.nonnegative,
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


class NegativeBinomialFamily(Family[NegativeBinomial | ZeroInflatedCounts]):
    """Negative binomials with a weight, and Diracs at 0 with the rest of it.

    Coordinates: their means and dispersions, and the weights.
    """

    plural = "negative binomials"

    @override
    def coordinates(self, distribution: NegativeBinomial | ZeroInflatedCounts) -> Tensor:
        if isinstance(distribution, ZeroInflatedCounts):
            parameters = (distribution.location, distribution.dispersion, distribution.weight)
        else:
            mean, dispersion = _read(distribution)
            parameters = mean, dispersion, torch.ones_like(mean)
        return torch.stack(parameters, -2)  # (..., 3, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return count_wasserstein1(p, q)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return count_norm(p, dp)  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :] * p[..., 2, :]  # (..., D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        r"""Exact for one dispersion and no zeros beside: (..., 1, D).

        With the dispersion :math:`\alpha` the information of the mean is
        :math:`1/(\mu + \alpha\mu^2)`, and its root the slope of
        :math:`2\,\mathrm{arsinh}(\sqrt{\alpha\mu})/\sqrt{\alpha}`.

        Raises
        ------
        ValueError
            If dispersions differ, or there are further zeros.
        """
        first, second = p[..., 1, :], q[..., 1, :]  # (..., D) each
        same = (first - second).abs() <= SAME * first
        alone = torch.minimum(p, q)[..., 2, :] >= 1 - SAME
        if not holds(same & alone):
            raise ValueError(
                "the Fisher-Rao distance of negative binomials is known for one dispersion a "
                "variable, the same at all latent points, and without further zeros; expected "
                "such ones: keep the dispersion fixed, or use the Wasserstein1 geometry"
            )
        mean_p, mean_q = (keep_positive(x[..., :1, :]) for x in (p, q))  # (..., 1, D) each
        dispersion = (p + q)[..., 1:2, :] / 2  # (..., 1, D)
        # The hyperbolic sine of the difference of two numbers, of which these are the sines.
        width = (mean_p * (1 + dispersion * mean_q)).sqrt()
        width = width + (mean_q * (1 + dispersion * mean_p)).sqrt()  # (..., 1, D)
        share = (mean_p - mean_q) / width  # (..., 1, D)
        square = dispersion * share.square()  # (..., 1, D)
        return 2 * share * divide_by_argument(torch.asinh, square, -1 / 6)


def read_counts(distribution: Distribution) -> ZeroInflatedCounts | None:
    """Read a negative binomial of scvi, or zero-inflated counts of scvi or Pyro, if it is one.

    They are known by the names of their classes and parameters. scvi's have no batch shape.
    """
    names = {cls.__name__ for cls in type(distribution).__mro__}
    found: Any = distribution
    inflated = hasattr(found, "zi_logits")
    if (inflated or "NegativeBinomial" in names) and hasattr(found, "theta"):
        location, dispersion = found.mu, found.theta.reciprocal()
        weight = torch.ones_like(location)
        if inflated:
            weight = (-found.zi_logits).sigmoid()
        return ZeroInflatedCounts(location, dispersion, weight)
    if "ZeroInflatedDistribution" in names:
        base = found.base_dist
        if isinstance(base, NegativeBinomial | Poisson):
            weight = (-found.gate_logits).sigmoid()
            return ZeroInflatedCounts(*_read(base), weight)
    return None


def _read(distribution: NegativeBinomial | Poisson) -> tuple[Tensor, Tensor]:
    """Mean and dispersion of one of torch's own distributions."""
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
