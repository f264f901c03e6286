"""The local minimum below a curve, by SciPy's Newton method with dense Hessians."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.objective import energy_objective
from latent_transport.geometries.base import Geometry
from tests.problems import DOUBLE

KICK = 1e-4  # off saddles, in roots of the energy


def polish(geometry: Geometry, spline: CubicSpline, t: Tensor, steps: int = 20) -> Tensor:
    """Energies (B,) at most as large as those of the curves, in double precision."""
    spline = CubicSpline(*(x.double() for x in (spline.start, spline.end, spline.controls)))
    objective = energy_objective(geometry, spline, t.double())
    return torch.tensor(
        [_descend(objective, spline, row, steps) for row in range(len(spline.start))], **DOUBLE
    )


def _descend(objective, spline, row, steps):
    controls = spline.controls[row]  # (P, d)
    size = controls.numel()
    step = 1e-6 * float((spline.end[row] - spline.start[row]).norm())

    def differentiate(at):
        """Hessian (n, n), by central differences of gradients."""
        shifts = step * torch.eye(size, **DOUBLE).view(size, *controls.shape)
        rows = torch.full((2 * size,), row)
        slopes = objective(rows, torch.cat((at + shifts, at - shifts)))[1].flatten(1)
        hessian = (slopes[:size] - slopes[size:]) / (2 * step)
        return 0.5 * (hessian + hessian.mT)

    begin = float(objective(torch.tensor([row]), controls[None])[0])
    values, vectors = torch.linalg.eigh(differentiate(controls))
    values = values.abs().clamp(min=1e-9 * float(values.abs().max()))
    change = vectors / values.sqrt() * begin**0.5  # (n, n), so that all curvature is about 1

    def place(y):
        return controls + (change @ torch.as_tensor(y)).view_as(controls)

    def evaluate(y):
        energy, slope = objective(torch.tensor([row]), place(y)[None])
        return float(energy) / begin, (change.mT @ slope.flatten()).numpy() / begin

    found = minimize(
        evaluate,
        KICK * np.random.default_rng(0).standard_normal(size) / size**0.5,
        jac=True,
        hess=lambda y: (change.mT @ differentiate(place(y)) @ change).numpy() / begin,
        method="trust-exact",
        options={
            "initial_trust_radius": 0.02,
            "max_trust_radius": 0.1,
            "gtol": 1e-9,
            "maxiter": steps,
        },
    )
    return begin * min(1.0, found.fun)
