"""A two-dimensional latent space as a field: the metric's volume, and the decoder's surface."""

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.geometries import Geometry


@dataclass(frozen=True)
class Field:
    """A grid over a latent plane.

    Attributes
    ----------
    x, y : Tensor, shape (G,)
        Grid coordinates.
    volume : Tensor, shape (G, G)
        Volume density of the geometry at (y, x).
    surface : Tensor, shape (G, G, 3)
        Decoder means at (y, x) in their three leading principal components, in units of the data.
    components : Tensor, shape (3, D)
        The orthonormal principal components.
    centre : Tensor, shape (D,)
        Mean of the decoder means.
    """

    x: Tensor
    y: Tensor
    volume: Tensor
    surface: Tensor
    components: Tensor
    centre: Tensor

    def project(self, means: Tensor) -> Tensor:
        """Data (..., D) in the three principal components: (..., 3)."""
        return (means - self.centre) @ self.components.mT


def measure_field(geometry: Geometry, codes: Tensor, *, size: int, margin: float = 0.08) -> Field:
    """Measure a geometry on a square grid that covers the codes.

    Parameters
    ----------
    geometry : Geometry
        Of a two-dimensional latent space.
    codes : Tensor, shape (n, 2)
        Latent codes; the grid is centred on their range.
    size : int
        Grid points G along each axis.
    margin : float
        Share of the larger range added on each side.
    """
    low, high = codes.amin(0), codes.amax(0)  # (2,) each
    centre, half = (low + high) / 2, (high - low).amax() * (0.5 + margin)
    low, high = centre - half, centre + half
    steps = torch.linspace(0, 1, size, dtype=codes.dtype, device=codes.device)  # (G,)
    x, y = (torch.lerp(low[axis], high[axis], steps) for axis in (0, 1))  # (G,) each
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)  # (G, G, 2)
    volume = torch.stack([geometry.volume(row) for row in grid])  # (G, G)
    means = torch.stack([geometry.decoder(row).mean for row in grid])  # (G, G, D)
    average = means.mean((0, 1))  # (D,)
    _, _, components = torch.linalg.svd((means - average).flatten(0, 1), full_matrices=False)
    # The sign of a singular vector is arbitrary; the largest entry decides it.
    largest = components.abs().argmax(1, keepdim=True)  # (D, 1)
    components = (components * components.gather(1, largest).sign())[:3]  # (3, D)
    surface = (means - average) @ components.mT  # (G, G, 3)
    return Field(x, y, volume, surface, components, average)
