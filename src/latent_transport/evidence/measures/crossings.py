"""Geodesics of several geometries between the same points, measured in each of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import (
    equal_length_parameters,
    measure_curves,
    points_along,
)

SEGMENTS = 64  # on which lengths are measured: within a thousandth of those on 256
STORED = 33  # points of each curve: a plane's curves are drawn, not measured again


@dataclass(frozen=True, eq=False)
class Crossings:
    """Geodesics of G geometries between m pairs of points.

    Attributes
    ----------
    points : ndarray, shape (G, m, 33, d)
        Points on each geodesic at equal steps of its length in its own geometry.
    lengths : ndarray, shape (G + 1, G, m)
        Length of each geometry's geodesic, and at last of the straight latent line, measured in
        each geometry on :data:`SEGMENTS` segments.
    converged : ndarray of bool, shape (G, m)
        Whether the solver's criterion was met.
    """

    points: np.ndarray
    lengths: np.ndarray
    converged: np.ndarray


def connect_in_each(
    geometries: Mapping[str, Geometry], z0: Tensor, z1: Tensor, settings: SolverSettings
) -> Crossings:
    """Solve the geodesics of every geometry between pairs of points.

    Parameters
    ----------
    geometries : mapping of str to Geometry
        G geometries by name.
    z0, z1 : Tensor, shape (m, d)
        Ends of the pairs.
    settings : SolverSettings
        How the geodesics are solved.

    Returns
    -------
    Crossings
    """
    t = torch.linspace(0, 1, SEGMENTS + 1, device=z0.device)  # (65,)
    fractions = torch.linspace(0, 1, STORED, device=z0.device)  # (T,)
    curves, stored, converged = [], [], []
    for geometry in geometries.values():
        paths = settings.connect(geometry, z0, z1)
        points = paths(t)  # (m, 65, d)
        with torch.no_grad():
            parameters = equal_length_parameters(geometry, points, fractions)  # (m, T)
        curves.append(points)
        stored.append(points_along(points, parameters).cpu().numpy())
        converged.append(paths.converged.cpu().numpy())
    curves.append(torch.lerp(z0[:, None], z1[:, None], t[:, None]))  # (m, 65, d)
    lengths = [
        [measure_curves(geometry, points)[0].cpu().numpy() for geometry in geometries.values()]
        for points in curves
    ]
    return Crossings(np.stack(stored), np.array(lengths), np.stack(converged))
