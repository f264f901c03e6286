"""How many curves are solved at once for how many bytes."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.normal_matrix import normal_matrix
from latent_transport.geodesics.solvers.preconditioners import MANY_DIMS
from latent_transport.geometries.base import Geometry
from latent_transport.memory import MEMORY, count_rows

MATRICES = 7  # of a curve: kept, factorised, solved with, and their copies
VECTORS = 64  # of a curve's free coordinates: secants, products of them, and where it stands
LENGTHS = (4, 12)  # points of the polygons that are measured


@dataclass(frozen=True)
class MemoryBudget:
    """Bytes for all that a solve holds at once beside its curves and its report.

    Attributes
    ----------
    size : int
        Bytes that there are.
    matrices : bool
        Whether each curve has normal matrices, of as many rows as it has free coordinates; else
        they have as many as there are latent dimensions, or there are none.
    """

    size: int = MEMORY
    matrices: bool = False

    def count_curves(self, geometry: Geometry, spline: CubicSpline, points: int) -> int:
        """Return how many polygons of so many points fit: 1 at least.

        What a point takes is measured on a few points of the first curve, so that hidden layers and
        weights count as well as what is decoded.
        """
        if len(spline.start) == 1 or spline.start.is_meta:
            return len(spline.start)
        dims = spline.start.shape[1]
        free = math.prod(spline.controls.shape[1:])  # n
        side = free if self.matrices else dims * (dims <= MANY_DIMS)
        numbers = VECTORS * free + MATRICES * side**2
        bytes_a_curve = numbers * spline.start.element_size()
        bytes_a_curve += points * self._measure_point(geometry, spline)
        return count_rows(bytes_a_curve, self.size)

    def _measure_point(self, geometry: Geometry, spline: CubicSpline) -> int:
        """Bytes that a point of a polygon takes while its curve is differentiated."""
        first = CubicSpline(spline.start[:1], spline.end[:1], spline.controls[:1])
        t = torch.linspace(0, 1, LENGTHS[-1], dtype=spline.start.dtype, device=spline.start.device)
        points, basis = first(t), first.basis(t)  # (1, T, d), (T, P)

        def differentiate(count: int) -> Tensor:
            z = points[:, :count].detach().requires_grad_()  # (1, n, d)
            with torch.enable_grad():
                energy = geometry.polygon_energy(z)  # (1,)
            if energy.requires_grad:
                torch.autograd.grad(energy, z)
            return energy

        def multiply(count: int) -> Tensor:
            return normal_matrix(geometry, points[:, :count], basis[:count])[0]

        sizes = geometry.row_sizes
        found = sizes.measure("gradient", points, differentiate, LENGTHS)
        if not self.matrices:
            return found
        name = ("normal matrix", basis.shape[1])
        return max(found, sizes.measure(name, points, multiply, LENGTHS))
