"""Decoders whose images are blurred, so that distances know which pixels are neighbours."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from typing_extensions import override

from latent_transport.distributions.registry import distribution_mean
from latent_transport.geometries.base import Decoder


class BlurredDecoder(nn.Module):
    r"""Mean images of a decoder, convolved with a Gaussian.

    .. math:: \bar x(z) = G_v * E[x \mid z]

    The Euclidean distance of two such images is a ground distance between images: ink that moves by
    less than about :math:`\sqrt{2 v}` pixels costs less than ink that vanishes there and appears
    elsewhere, which is all that a distance of pixel by pixel sees. With v = 0 it is that distance
    itself. Beyond the image's border there is no ink.

    Parameters
    ----------
    decoder : callable
        From latent points (M, d) to a Distribution with batch shape (M, D), D a square.
    variance : float
        v, in squared pixels, at least 0.

    Raises
    ------
    ValueError
        If the variance is negative or not finite; from a call, if the images are not square.
    """

    def __init__(self, decoder: Decoder, variance: float) -> None:
        super().__init__()
        if not 0 <= variance < math.inf:
            raise ValueError(f"variance is {variance}; expected a finite number, at least 0")
        self.decoder = decoder
        self.variance = variance

    @override
    def forward(self, z: Tensor) -> Tensor:
        """Blurred means of latent points: (M, d) to (M, D)."""
        mean = distribution_mean(cast(Distribution, self.decoder(z)))  # (M, D)
        side = math.isqrt(mean.shape[-1])
        if side**2 != mean.shape[-1]:
            raise ValueError(
                f"the decoder's images have {mean.shape[-1]} pixels; expected a square number, "
                "for they are blurred as squares"
            )
        blur = _gaussian(side, self.variance).to(mean)  # (side, side)
        images = mean.unflatten(-1, (side, side))  # (M, side, side)
        return (blur @ images @ blur).flatten(-2)


def _gaussian(side: int, variance: float) -> Tensor:
    """Convolution with a Gaussian along an axis, as a symmetric matrix (side, side)."""
    if variance == 0:
        return torch.eye(side)
    place = torch.arange(side, dtype=torch.float64)  # (side,)
    apart = place[:, None] - place  # (side, side)
    # Of a narrow Gaussian, samples would not sum to one: pixels are integrals.
    edges = (apart[..., None] + torch.tensor([-0.5, 0.5])) / math.sqrt(2 * variance)
    return 0.5 * edges.erf().diff(dim=-1).squeeze(-1)
