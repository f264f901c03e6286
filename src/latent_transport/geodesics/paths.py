"""Geodesics between pairs of latent points, as a solver found them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline, Curve
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import FINE_SEGMENTS, measure_curves
from latent_transport.memory import MEMORY, count_rows

__all__ = ["FINE_SEGMENTS", "Geodesics", "measure_curves", "select"]

POINT_COPIES = 4  # of the points of a curve, while it is measured


@dataclass(frozen=True)
class Geodesics:
    """Geodesics between B pairs of latent points.

    Calling the object with parameters ``t`` (T,) in [0, 1] gives points (B, T, d) on the curves.

    Attributes
    ----------
    geometry : Geometry
        The geometry in which the curves are shortest.
    start, end : Tensor, shape (B, d)
        Endpoints.
    curve : callable
        The curves: (T,) to (B, T, d).
    report : Report
        What the solver did.
    origin : Tensor of int64, shape (B,)
        Number of the start that the curve comes from: 0 for the straight line, 1 for the graph's
        shortest path if there is a graph, the random ones behind.
    memory : int
        Bytes that the temporaries of measuring may take.
    """

    geometry: Geometry
    start: Tensor
    end: Tensor
    curve: Curve
    report: Report
    origin: Tensor
    memory: int = MEMORY

    def __call__(self, t: Tensor) -> Tensor:
        """Points on the curves at parameters ``t`` (T,): shape (B, T, d)."""
        return self.curve(t)

    @property
    def converged(self) -> Tensor:
        """Whether the solver's criterion was met, by a curve of finite length: (B,)."""
        return self.report.converged & torch.isfinite(self.length)

    @property
    def length(self) -> Tensor:
        """Lengths (Roy & Hauberg 2022, Eq. 7) on 256 segments, (B,), in units of the data.

        They are nan for curves that pass where the decoder's parameters are not finite.
        """
        return self._measures[0]

    @property
    def energy(self) -> Tensor:
        """Energies on 256 segments, (B,), in squared units of the data."""
        return self._measures[1]

    @cached_property
    def _measures(self) -> tuple[Tensor, Tensor]:
        dtype, device = self.start.dtype, self.start.device
        t = torch.linspace(0, 1, FINE_SEGMENTS + 1, dtype=dtype, device=device)  # (257,)
        if not isinstance(self.curve, CubicSpline):
            return measure_curves(self.geometry, self(t), memory=self.memory)
        size = count_rows(POINT_COPIES * len(t) * self.start[:1].nbytes, self.memory)
        rows = torch.arange(len(self.start), device=device).split(size)
        curves = (_select_curves(self.curve, part)(t) for part in rows)  # (b, 257, d) each
        found = [measure_curves(self.geometry, each, memory=self.memory) for each in curves]
        lengths, energies = (torch.cat(each) for each in zip(*found, strict=True))
        return lengths, energies


def select(paths: Geodesics, rows: Tensor) -> Geodesics:
    """Return the geodesics with the given numbers."""
    values = vars(paths.report).items()
    each: dict[str, Any] = {k: v[..., rows] for k, v in values if isinstance(v, Tensor)}
    report = replace(paths.report, **each)
    return Geodesics(
        paths.geometry,
        paths.start[rows],
        paths.end[rows],
        _select_curves(paths.curve, rows),
        report,
        paths.origin[rows],
        paths.memory,
    )


def _select_curves(curve: Curve, rows: Tensor) -> Curve:
    if isinstance(curve, CubicSpline):
        return CubicSpline(curve.start[rows], curve.end[rows], curve.controls[rows])
    return lambda t: curve(t)[rows]
