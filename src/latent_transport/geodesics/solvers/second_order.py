"""The second-order test: how far a curve's energy is above its local minimum."""

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.krylov import KrylovModels, KrylovRule, Model
from latent_transport.geodesics.solvers.objective import energy_objective
from latent_transport.geodesics.solvers.preconditioners import choose_preconditioner
from latent_transport.geometries.base import Geometry

RULE = KrylovRule(products=20)


def examine(
    geometry: Geometry,
    spline: CubicSpline,
    t: Tensor,
    energy: Tensor,
    gradient: Tensor,
    enough: Tensor,
) -> Model:
    """Build second-order models around curves, afresh.

    What :class:`GaussNewton` goes by itself; other solvers, whose own criteria see no curvature,
    are held to it.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    spline : CubicSpline
        B curves, where a solver left them.
    t : Tensor, shape (N,)
        Parameters of the polygons' corners.
    energy, gradient : Tensor, shape (B,) and (B, P, d)
        Their energies and gradients.
    enough : Tensor, shape (B,)
        Energy that is as good as nothing.

    Returns
    -------
    Model
        ``remaining <= enough`` where the curve is at its local minimum; else ``step`` leads on.
    """
    objective = energy_objective(geometry, spline, t)
    preconditioner = choose_preconditioner(geometry, spline, t, refresh=0)
    rows = torch.arange(len(spline.start), device=t.device)  # (B,)
    preconditioner.update(rows, spline.controls.flatten(1))
    models = KrylovModels(objective, preconditioner, RULE)
    return models.build(rows, spline.controls, energy, gradient.flatten(1), energy.sqrt(), enough)
