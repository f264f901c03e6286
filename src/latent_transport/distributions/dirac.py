"""Diracs: decoders that return values, not distributions."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from typing_extensions import override

from latent_transport.distributions.ordered import OrderedFamily


class Dirac(Distribution):
    """All mass at one value: what a decoder says that returns a plain tensor.

    Parameters
    ----------
    value : Tensor, shape (..., D)
        In units of the data.
    """

    arg_constraints: ClassVar = {"value": constraints.real}
    support = constraints.real

    def __init__(self, value: Tensor, validate_args: bool | None = None) -> None:
        self.value = value
        super().__init__(value.shape, validate_args=validate_args)

    @override
    def expand(self, batch_shape: Any, _instance: Any = None) -> "Dirac":
        return Dirac(self.value.expand(batch_shape), validate_args=False)

    @property
    @override
    def mean(self) -> Tensor:
        return self.value

    @property
    @override
    def variance(self) -> Tensor:
        return torch.zeros_like(self.value)

    @override
    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.value.expand(self._extended_shape(sample_shape))


class DiracFamily(OrderedFamily[Dirac]):
    """Diracs; coordinate: the value. W1 and W2 of all variables are the Euclidean distance."""

    plural = "Diracs"

    @override
    def coordinates(self, distribution: Dirac) -> Tensor:
        return distribution.value.unsqueeze(-2)  # (..., 1, D)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return p - q  # (..., 1, D)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp  # (..., 1, D)
