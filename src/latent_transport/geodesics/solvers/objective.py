"""The energy of curves as a function of their control points."""

from collections.abc import Callable

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geometries.base import Geometry

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

    def evaluate(rows: Tensor, controls: Tensor) -> tuple[Tensor, Tensor]:
        controls = controls.detach().requires_grad_()
        with torch.enable_grad():
            energy = geometry.polygon_energy(line[rows] + basis @ controls)  # (b,)
            if not energy.requires_grad:
                raise ValueError(
                    "the decoder's output does not depend differentiably on z; a decoder must not "
                    "detach its input or run under torch.no_grad"
                )
            (gradient,) = torch.autograd.grad(energy.sum(), controls)
        return energy.detach(), gradient

    return evaluate
