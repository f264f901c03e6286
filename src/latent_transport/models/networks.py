"""Networks of encoders and decoders: from vectors to vectors, whatever is between."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from typing_extensions import override

# A convolution of this kernel, stride and padding halves a side; transposed, it doubles one.
KERNEL, STRIDE, PADDING = 4, 2, 1
REDUCTION = STRIDE**2  # of a side, by two convolutions


def make_perceptron(widths: Sequence[int]) -> nn.Sequential:
    """Layers between these widths, SiLU between the layers: (..., first) to (..., last)."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths[:-1]):
        layers += [nn.Linear(width_in, width_out), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


class ConvolutionalEncoder(nn.Module):
    """Two convolutions, each of which halves the image, and a layer: (..., side^2) to (..., out).

    Parameters
    ----------
    side : int
        Height and width of the images, a multiple of 4.
    channels : sequence of int
        Channels of the two convolutions.
    out : int
        Numbers an image.
    """

    def __init__(self, side: int, channels: Sequence[int], out: int) -> None:
        super().__init__()
        self.side = side
        first, second = channels
        self.body = nn.Sequential(
            nn.Conv2d(1, first, KERNEL, STRIDE, PADDING),
            nn.SiLU(),
            nn.Conv2d(first, second, KERNEL, STRIDE, PADDING),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(second * (side // REDUCTION) ** 2, out),
        )

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Map images (..., side^2), row by row, to (..., out)."""
        flat = self.body(images.reshape(-1, 1, self.side, self.side))  # (n, out)
        return flat.reshape(*images.shape[:-1], flat.shape[1])


class ConvolutionalDecoder(nn.Module):
    """The encoder's mirror: a layer and two transposed convolutions, (..., d) to (..., out side^2).

    Parameters
    ----------
    dims : int
        Latent dimensions d.
    channels : sequence of int
        Channels of the encoder's two convolutions.
    side : int
        Height and width of the images, a multiple of 4.
    out : int
        Numbers a pixel.
    """

    def __init__(self, dims: int, channels: Sequence[int], side: int, out: int) -> None:
        super().__init__()
        first, second = channels
        small = side // REDUCTION
        self.body = nn.Sequential(
            nn.Linear(dims, second * small**2),
            nn.SiLU(),
            nn.Unflatten(1, (second, small, small)),
            nn.ConvTranspose2d(second, first, KERNEL, STRIDE, PADDING),
            nn.SiLU(),
            nn.ConvTranspose2d(first, out, KERNEL, STRIDE, PADDING),
            nn.Flatten(),
        )

    @override
    def forward(self, z: Tensor) -> Tensor:
        """Map latent points (..., d) to (..., out side^2): channel by channel, row by row."""
        flat = self.body(z.reshape(-1, z.shape[-1]))  # (n, out side^2)
        return flat.reshape(*z.shape[:-1], flat.shape[1])
