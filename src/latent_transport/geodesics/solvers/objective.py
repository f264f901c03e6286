"""The energy of curves as a function of their control points."""

from collections.abc import Callable

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geometries.base import Geometry
from latent_transport.memory import count_rows, split_segments

GENEROUS = 64  # copies of decoded points below which none is counted
FEW_POINTS = (2, 3)  # of a polygon, with which it is measured: each may be huge

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def energy_objective(geometry: Geometry, spline: CubicSpline, t: Tensor) -> Objective:
    """Return a function that gives energies and their gradients for chosen curves.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    spline : CubicSpline
        B curves whose ends are kept.
    t : Tensor, shape (N,)
        Parameters of the polygons' corners.

    Returns
    -------
    callable
        Maps rows (b,) and their control points (b, P, d) to energies (b,) and gradients
        (b, P, d).
    """
    basis = spline.basis(t)  # (N, P)
    line = spline(t) - basis @ spline.controls  # (B, N, d), the part the ends decide
    runs = split_segments(len(t), _count_points(geometry, spline(t)))

    def evaluate(rows: Tensor, controls: Tensor) -> tuple[Tensor, Tensor]:
        points = line[rows] + basis @ controls.detach()  # (b, N, d)
        energy, gradient = torch.zeros_like(points[:, 0, 0]), torch.zeros_like(controls)
        for run in runs:
            part, slope = differentiate_energy(geometry, points[:, run])  # (b,), (b, n, d)
            # A run has the energy of a curve of its own, of as many segments.
            share = (len(t) - 1) / (slope.shape[1] - 1)
            energy = energy + share * part
            gradient = gradient + share * (basis[run].T @ slope)
        return energy, gradient

    return evaluate


def differentiate_energy(geometry: Geometry, points: Tensor) -> tuple[Tensor, Tensor]:
    """Energies (b,) of polygons (b, n, d), and their derivatives by the corners, (b, n, d).

    Raises
    ------
    ValueError
        If the decoder's output does not depend differentiably on the points.
    """
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        energy = geometry.polygon_energy(points)  # (b,)
        if not energy.requires_grad:
            raise ValueError(
                "the decoder's output does not depend differentiably on z; a decoder must not "
                "detach its input or run under torch.no_grad"
            )
        (slope,) = torch.autograd.grad(energy.sum(), points)
    return energy.detach(), slope


def _count_points(geometry: Geometry, points: Tensor) -> int:
    """How many points are differentiated at once: all, unless a single curve is more than fits."""
    batch, count, _ = points.shape
    if batch > 1 or count <= FEW_POINTS[-1] or points.is_meta:
        return count
    with torch.no_grad():
        p = geometry.decode(points[:, 0])  # of (1,)
    if count <= count_rows(GENEROUS * p.numel() * p.element_size()):
        return count

    def compute(count: int) -> object:
        return differentiate_energy(geometry, points[:, :count])

    size = geometry.row_sizes.measure("gradient of one", points, compute, FEW_POINTS)
    return max(2, count_rows(size))
