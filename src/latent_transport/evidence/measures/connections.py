"""Geodesics between pairs, and what is told of each in a table."""

from typing import Any

import pandas as pd
import torch
from torch import Tensor

from latent_transport.evidence.data.curves import Curves
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import FINE_SEGMENTS, measure_curves
from latent_transport.geometries.subspaces import Subspace


def connect_pairs(
    geometry: Geometry,
    pairs: pd.DataFrame,
    z0: Tensor,
    z1: Tensor,
    settings: SolverSettings,
    *,
    subspace: Subspace | None = None,
    progress: str | None = None,
) -> tuple[pd.DataFrame, Curves]:
    """Solve the geodesics between pairs of points, all at once.

    Parameters
    ----------
    geometry : Geometry
        Measures the curves.
    pairs : DataFrame
        Table of m pairs, with a column ``pair``; there may be none.
    z0, z1 : Tensor, shape (m, d)
        Ends of the pairs.
    settings : SolverSettings
        How the geodesics are solved.
    subspace : Subspace, optional
        Of whose coordinates the geometry is; by default it is of the whole latent space. Along the
        other coordinates the curves run straight, so that they join the ends.
    progress : str, optional
        Label of a progress bar.

    Returns
    -------
    table : DataFrame
        The pairs, unless there are none with ``length`` and ``energy`` of the geodesic, those of
        the straight latent line, the relative ``shortening`` of the one against the other, the
        solver's ``iterations``, whether it ``converged``, and ``seconds`` a geodesic.
    curves : Curves
        257 points on each geodesic, at equal steps of its parameter.
    """
    t = torch.linspace(0, 1, FINE_SEGMENTS + 1, device=z0.device)  # (257,)
    table, points = pairs.copy(), z0.new_empty(0, len(t), z0.shape[1])
    if len(pairs):
        y0, y1 = (z if subspace is None else subspace.project(z) for z in (z0, z1))  # (m, k) each
        paths = settings.connect(geometry, y0, y1, progress=progress)
        points = paths(t)  # (m, 257, k)
        if subspace is not None:
            points = subspace.lift(points, z0, z1)  # (m, 257, d)
        line = torch.lerp(y0[:, None], y1[:, None], t[:, None])  # (m, 257, k)
        line_length, line_energy = measure_curves(geometry, line)
        measured = {
            "length": paths.length,
            "energy": paths.energy,
            "line_length": line_length,
            "line_energy": line_energy,
            "shortening": 1 - paths.length / line_length,
            "iterations": paths.report.iterations,
            "converged": paths.converged,
        }
        for name, values in measured.items():
            table[name] = values.cpu().numpy()
        table["seconds"] = paths.report.seconds / len(table)
    pair = table["pair"].to_numpy("int64")
    return table, Curves(pair, t.cpu().numpy(), points.cpu().numpy())


def measure_starts(
    geometry: Geometry,
    z0: Tensor,
    z1: Tensor,
    settings: SolverSettings,
    *,
    graph: NeighbourGraph,
    restarts: int,
) -> dict[str, Tensor]:
    """Measure the geodesics that are found from several starts.

    Parameters
    ----------
    geometry : Geometry
        Measures the curves.
    z0, z1 : Tensor, shape (m, d)
        Ends of the pairs.
    settings : SolverSettings
        How the geodesics are solved.
    graph : NeighbourGraph
        Of the same latent space.
    restarts : int
        Random starts of each pair.

    Returns
    -------
    dict of Tensor, shape (m,)
        Lengths: ``line``, of the curve found from the straight line alone; ``graph`` and
        ``random``, of the best curve where the path through the graph, or random bends, serve as
        further starts.
    """
    starts: dict[str, dict[str, Any]]
    starts = {"line": {}, "graph": {"start": graph}, "random": {"restarts": restarts}}
    return {
        name: settings.connect(geometry, z0, z1, **options).length
        for name, options in starts.items()
    }
