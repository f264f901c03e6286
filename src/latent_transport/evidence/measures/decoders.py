"""Random decoders of any size, on which solvers are timed: nothing is learned, all is seeded.

Networks of random weights are gentle: all latent directions count alike. Those of trained
autoencoders do not, and some have collapsed, which is what makes their geodesics hard to find. So
the latent axes count less and less here, down to a hundredth.
"""

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.kernels.constants import LEVELS

COLLAPSED = 1e-2  # of the first axis, how much the last one counts
WIDTH = 256  # of hidden layers, and channels of the smallest image
SMALLEST = 4  # pixels along the side of the image from which a convolutional decoder starts
CONTRAST = 1.5  # standard deviation of what the sigmoids and the softplus are given
LEAST_SCALE = 0.25  # grey levels
SCALE = 8.0  # grey levels


class RandomDecoder(nn.Module):
    """Latent points (M, d) to discretised logistics of D variables, by a network of random weights.

    Parameters
    ----------
    network : nn.Module
        Maps latent points (M, d) to numbers (M, 2 D); its weights are drawn anew.
    latent_dim : int
        Dimensions d.
    seed : int
        Of the weights.
    """

    def __init__(self, network: nn.Module, latent_dim: int, seed: int) -> None:
        super().__init__()
        self.network = network
        self.importance: Tensor
        self.register_buffer("importance", _decline(latent_dim))  # (d,)
        generator = torch.Generator().manual_seed(seed)
        layers = [x for x in network.modules() if isinstance(x, nn.Linear | nn.Conv2d)]
        with torch.no_grad():
            for layer in layers:
                fan = layer.weight[0].numel()
                layer.weight.normal_(std=(2 / fan) ** 0.5, generator=generator)
                if layer.bias is not None:
                    layer.bias.normal_(std=0.1, generator=generator)
            points = torch.randn(64, latent_dim, generator=generator)  # (64, d)
            spread = network(self.importance * points).std(0).mean()
            layers[-1].weight.mul_(CONTRAST / spread)
        self.requires_grad_(requires_grad=False)

    @override
    def forward(self, z: Tensor) -> DiscretizedLogisticMixture:
        loc, scale = self.network(self.importance * z).chunk(2, -1)  # (M, D) each
        loc = (LEVELS - 1) * loc.sigmoid()
        scale = LEAST_SCALE + SCALE * nn.functional.softplus(scale)
        loc, scale = loc.unsqueeze(-1), scale.unsqueeze(-1)  # (M, D, 1) each
        return DiscretizedLogisticMixture(torch.zeros_like(loc), loc, scale, validate_args=False)


def make_dense_decoder(latent_dim: int, side: int, *, seed: int = 0) -> RandomDecoder:
    """Return two hidden layers of 256 units, and colour images of so many pixels a side."""
    network = nn.Sequential(
        nn.Linear(latent_dim, WIDTH),
        nn.SiLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.SiLU(),
        nn.Linear(WIDTH, 2 * 3 * side**2),
    )
    return RandomDecoder(network, latent_dim, seed)


def make_convolutional_decoder(latent_dim: int, side: int, *, seed: int = 0) -> RandomDecoder:
    """Return a decoder of colour images, whose side is a power of two from 4 on.

    From 256 channels of 4 by 4 pixels, each layer doubles the side and halves the channels.

    Raises
    ------
    ValueError
        If there is no such decoder of that side.
    """
    if side < SMALLEST or side & (side - 1):
        raise ValueError(f"side is {side}; expected a power of two, {SMALLEST} or more")
    channels, layers = WIDTH, list[nn.Module]()
    for _ in range((side // SMALLEST).bit_length() - 1):
        fewer = max(8, channels // 2)
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, fewer, 3, padding=1), nn.SiLU()]
        channels = fewer
    network = nn.Sequential(
        nn.Linear(latent_dim, WIDTH * SMALLEST**2),
        nn.Unflatten(1, (WIDTH, SMALLEST, SMALLEST)),
        nn.SiLU(),
        *layers,
        nn.Conv2d(channels, 2 * 3, 3, padding=1),
        nn.Flatten(),
    )
    return RandomDecoder(network, latent_dim, seed)


DECODERS = {"dense": make_dense_decoder, "convolutional": make_convolutional_decoder}


def _decline(count: int) -> Tensor:
    """Numbers (count,) in geometric decline, whose squares are 1 on average."""
    numbers = torch.logspace(0, math.log10(COLLAPSED), count)
    return numbers / numbers.square().mean().sqrt()
