"""Normal distributions."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from latent_transport.distributions.location_scale import LocationScaleFamily
from latent_transport.kernels.normal import normal_wasserstein1


class NormalFamily(LocationScaleFamily[Normal]):
    """Normal distributions; coordinates (mean, standard deviation)."""

    plural = "normal distributions"
    information = (1.0, 0.0, 2.0)

    @override
    def mean_distance(self, difference: Tensor) -> Tensor:
        dloc, dscale = difference.unbind(-2)  # (..., D) each
        zero = torch.zeros_like(dloc)
        return normal_wasserstein1(dloc, dscale, zero, zero)  # (..., D)

    @override
    def density(self, u: Tensor) -> Tensor:
        return (-0.5 * u.square()).exp() / math.sqrt(2 * math.pi)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return normal_wasserstein1(*p.unbind(-2), *q.unbind(-2))  # (..., D)
