"""Laplace distributions."""

import math

import torch
from torch import Tensor
from torch.distributions import Laplace
from typing_extensions import override

from latent_transport.distributions.location_scale import LocationScaleFamily

FARTHEST = 90.0  # scales behind which there is less mass than a rounding


class LaplaceFamily(LocationScaleFamily[Laplace]):
    r"""Laplace distributions; coordinates (location, scale).

    :math:`E|dm + ds\,U| = |dm| + |ds| e^{-|dm/ds|}`.
    """

    plural = "Laplace distributions"
    spread = math.sqrt(2)
    information = (1.0, 0.0, 1.0)

    @override
    def mean_distance(self, difference: Tensor) -> Tensor:
        dloc, dscale = difference.abs().unbind(-2)  # (..., D) each
        shifted = FARTHEST * dscale <= dloc  # (..., D), at most a shift
        width = torch.where(shifted, 1, dscale)  # (..., D)
        ratio = torch.where(shifted, 0, dloc) / width  # (..., D)
        return dloc + torch.where(shifted, 0, width * (-ratio).exp())  # (..., D)

    @override
    def density(self, u: Tensor) -> Tensor:
        return 0.5 * (-u.abs()).exp()
