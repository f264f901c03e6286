"""Decoders whose images are filtered, so that distances know which pixels are neighbours."""

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
        images = _decode_squares(self.decoder, z)  # (M, side, side)
        blur = _gaussian(images.shape[-1], self.variance).to(images)  # (side, side)
        return (blur @ images @ blur).flatten(-2)


class SobolevDecoder(nn.Module):
    r"""Mean images of a decoder, filtered by the inverse square root of the Laplacian.

    .. math:: \bar x(z) = (-\Delta)^{-1/2} E[x \mid z], \qquad
              \|\bar x(z_0) - \bar x(z_1)\|^2
              = \langle \delta, (-\Delta)^{-1} \delta \rangle,
              \quad \delta = E[x \mid z_0] - E[x \mid z_1]

    The Euclidean distance of two such images is that of the Sobolev space :math:`H^{-1}`, which to
    first order is the Wasserstein-2 distance of densities near a constant (Peyre 2018, *Comparison
    between W2 distance and* :math:`\dot H^{-1}` *norm*): ink that moves costs by how far, at all
    distances, where a blur knows one alone. The Laplacian is the five-point one with nothing beyond
    the border, so that images of different amounts of ink have a distance as well.

    Parameters
    ----------
    decoder : callable
        From latent points (M, d) to a Distribution with batch shape (M, D), D a square.

    Raises
    ------
    ValueError
        From a call, if the images are not square.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    @override
    def forward(self, z: Tensor) -> Tensor:
        """Filtered means of latent points: (M, d) to (M, D)."""
        images = _decode_squares(self.decoder, z)  # (M, side, side)
        waves, squares = (part.to(images) for part in _laplacian_modes(images.shape[-1]))
        damping = (squares[:, None] + squares).rsqrt()  # (side, side)
        return (waves @ (damping * (waves @ images @ waves)) @ waves).flatten(-2)


def _decode_squares(decoder: Decoder, z: Tensor) -> Tensor:
    """Means of latent points as images: (M, d) to (M, side, side)."""
    mean = distribution_mean(cast(Distribution, decoder(z)))  # (M, D)
    side = math.isqrt(mean.shape[-1])
    if side**2 != mean.shape[-1]:
        raise ValueError(
            f"the decoder's images have {mean.shape[-1]} pixels; expected a square number, "
            "for they are filtered as squares"
        )
    return mean.unflatten(-1, (side, side))


def _gaussian(side: int, variance: float) -> Tensor:
    """Convolution with a Gaussian along an axis, as a symmetric matrix (side, side)."""
    if variance == 0:
        return torch.eye(side)
    place = torch.arange(side, dtype=torch.float64)  # (side,)
    apart = place[:, None] - place  # (side, side)
    # Of a narrow Gaussian, samples would not sum to one: pixels are integrals.
    edges = (apart[..., None] + torch.tensor([-0.5, 0.5])) / math.sqrt(2 * variance)
    return 0.5 * edges.erf().diff(dim=-1).squeeze(-1)


def _laplacian_modes(side: int) -> tuple[Tensor, Tensor]:
    """Modes of the second difference along an axis, a symmetric orthogonal matrix, and eigenvalues.

    Shapes (side, side) and (side,); the eigenvalues, of its negative, are positive.
    """
    angle = math.pi * torch.arange(1, side + 1, dtype=torch.float64) / (side + 1)  # (side,)
    waves = math.sqrt(2 / (side + 1)) * torch.sin(angle[:, None] * torch.arange(1, side + 1))
    return waves, 4 * (angle / 2).sin().square()
