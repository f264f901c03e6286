"""How many curves are solved at once for how many bytes."""

from dataclasses import dataclass

import torch

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geometries.base import Geometry

GIBIBYTE = 2**30


@dataclass(frozen=True)
class MemoryBudget:
    """Bytes for the largest temporaries, and how large these are.

    Attributes
    ----------
    size : int
        Bytes that there are.
    copies : int
        Numbers that an energy and its gradient keep for each number of a decoded point.
    copies_an_axis : int
        Further ones for each latent axis, where the decoder is differentiated forward.
    """

    size: int
    copies: int = 12
    copies_an_axis: int = 0

    def count_curves(self, geometry: Geometry, spline: CubicSpline, points: int) -> int:
        """Return how many polygons of so many points fit: 1 at least."""
        start = spline.start[:1]  # (1, d)
        numbers = (self.copies + self.copies_an_axis * start.shape[-1]) * _decoded_size(
            geometry, start
        )
        return max(1, self.size // (points * numbers * start.element_size()))


def _decoded_size(geometry: Geometry, start: torch.Tensor) -> int:
    """How many numbers the point ``start`` (1, d) is decoded to."""
    with torch.no_grad():
        return geometry.decode(start).numel()
