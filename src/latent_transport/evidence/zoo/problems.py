"""What a problem of the zoo is: pairs of latent points whose geodesic distances are known."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.distributions import Normal

from latent_transport.geometries.base import Decoder, Geometry
from latent_transport.geometries.wasserstein1 import Wasserstein1

DOUBLE = torch.float64

Mean = Callable[[Tensor], Tensor]
"""Latent points (..., d) to means (..., D), each point by itself, in the dtype of the points."""


@dataclass(frozen=True)
class Problem:
    """Pairs of points in a geometry in which their distances are known.

    Attributes
    ----------
    name : str
        Short, and its own within the zoo.
    kind : str
        What it is an example of, such as "sphere" or "wall".
    note : str
        What it is, in a line.
    geometry : Geometry
        Computes in the dtype of the points that it is given.
    start, end : Tensor, shape (B, d)
        Ends of the pairs, in latent units.
    distance : Tensor, shape (B,)
        Length of the shortest curve between each, in units of the data.
    """

    name: str
    kind: str
    note: str
    geometry: Geometry
    start: Tensor
    end: Tensor
    distance: Tensor

    @property
    def dimension(self) -> int:
        """Number of latent dimensions."""
        return self.start.shape[1]

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        return len(self.start)

    def to(self, dtype: torch.dtype) -> "Problem":
        """Return the same problem with ends and distances in another dtype."""
        start, end, distance = (x.to(dtype) for x in (self.start, self.end, self.distance))
        return replace(self, start=start, end=end, distance=distance)


def embed(mean: Mean, scale: float = 1.0) -> Decoder:
    """Decoder to normals that differ in their means alone.

    Every distance between two of them, but Fisher-Rao's, is the Euclidean one of their means, so
    that the pulled-back geometry is that of the surface which the means run over.
    """

    def decoder(z: Tensor) -> Normal:
        return Normal(mean(z), scale)

    return decoder


def make_surface(name: str, kind: str, note: str, mean: Mean, *pairs: Tensor) -> Problem:
    """Return a problem on an embedded surface under W1, from ``start, end, distance``."""
    return Problem(name, kind, note, Wasserstein1(embed(mean)), *pairs)


def draw_pairs(
    count: int, dims: int, *, seed: int, low: float = -1.0, high: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Draw ends (B, d) of pairs, uniformly from a cube."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(2, count, dims, generator=generator, dtype=DOUBLE)  # (2, B, d)
    start, end = low + (high - low) * drawn
    return start, end
