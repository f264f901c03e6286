"""How pairs of points are connected: from which starts, by which solver, and how finely."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geodesics.refinement import (
    FIRST_CONTROLS,
    FIRST_POINTS,
    Count,
    Solution,
    solve_as_needed,
)
from latent_transport.geodesics.solvers.base import Report, Solver
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geodesics.solvers.preconditioners import is_dense
from latent_transport.geodesics.verification import Measures
from latent_transport.geometries.base import Geometry
from latent_transport.memory import MEMORY

BULGE = 0.5  # of random starts, in distances of the ends


@dataclass(frozen=True)
class Method:
    """All that decides on the geodesics between points, but the points.

    Attributes
    ----------
    geometry : Geometry
        Measures the curves.
    solver : Solver
        Minimises their energies.
    controls, points : int or "auto"
        What of them is fixed.
    start : "line" or NeighbourGraph
        What each pair starts from.
    bends : Tensor, shape (R, 2, d)
        Amplitudes of further starts, as :func:`draw_bends` gives them.
    """

    geometry: Geometry
    solver: Solver
    controls: Count
    points: Count
    start: Literal["line"] | NeighbourGraph
    bends: Tensor

    @property
    def free(self) -> int:
        """Control points of the splines that are solved first."""
        return FIRST_CONTROLS if self.controls == "auto" else self.controls

    @property
    def corners(self) -> int:
        """Points of the polygons that are solved first."""
        return FIRST_POINTS if self.points == "auto" else self.points

    @property
    def memory(self) -> int:
        """Bytes that temporaries may take."""
        return getattr(self.solver, "memory", MEMORY)

    def connect(self, z0: Tensor, z1: Tensor) -> Geodesics:
        """Solve pairs (B, d) from all starts, and keep the shortest curve of each."""
        straight = CubicSpline.straight(z0, z1, self.free)
        starts = [straight.controls]  # (B, P, d) each
        if self.start != "line":
            polylines = self.start.shortest_paths(z0, z1)  # (B, T, d)
            starts.append(CubicSpline.through(polylines, self.free).controls)
        starts += self._bend(straight)
        count = len(starts)
        every = CubicSpline(z0.repeat(count, 1), z1.repeat(count, 1), torch.cat(starts))
        solution = solve_as_needed(
            self.geometry,
            self.solver,
            every,
            controls=self.controls,
            points=self.points,
            memory=self.memory,
        )
        origin = torch.arange(count, device=z0.device).repeat_interleave(len(z0))
        paths = Geodesics(self.geometry, every.start, every.end, solution, origin)
        if count == 1:
            return paths
        rows = torch.arange(len(z0), device=z0.device)
        length = torch.where(paths.length.isnan(), math.inf, paths.length)  # nan would be the least
        return paths[rows + len(z0) * length.view(count, -1).argmin(0)]

    def give_up(self, z0: Tensor, z1: Tensor) -> Geodesics:
        """Straight lines between pairs (B, d) that cannot be solved, as ``NOT_FINITE``."""
        whole = torch.zeros(len(z0), dtype=torch.int64, device=z0.device)  # (B,)
        unknown = torch.full_like(z0[:, 0], torch.nan)  # (B,)
        yes = torch.ones_like(whole, dtype=torch.bool)  # (B,)
        outcome = torch.full_like(whole, Outcome.NOT_FINITE)  # (B,)
        report = Report(outcome, whole, unknown, unknown, unknown[None], 0.0)
        solution = Solution(
            CubicSpline.straight(z0, z1, self.free),
            report,
            Measures(unknown, unknown, unknown, unknown, yes, ~yes, ~yes),
            torch.full_like(whole, self.free),
            torch.full_like(whole, self.corners),
        )
        return Geodesics(self.geometry, z0, z1, solution, whole)

    def count_pairs(self, z: Tensor) -> int:
        """How many pairs keep to the memory at once, as points (B, d) tell: 1 at least."""
        ends = z[:1].expand(2, -1)  # (2, d)
        resting = CubicSpline.straight(ends, ends, self.free)
        budget = MemoryBudget(self.memory, matrices=is_dense(self.geometry, resting))
        starts = 1 + (self.start != "line") + len(self.bends)
        return max(1, budget.count_curves(self.geometry, resting, self.corners) // starts)

    def _bend(self, straight: CubicSpline) -> list[Tensor]:
        """Control points of straight lines, bent along their two lowest modes: R of (B, P, d)."""
        controls = straight.controls  # (B, P, d)
        free, dims = controls.shape[1:]
        places = torch.linspace(0, math.pi, free + 2).to(controls)[1:-1]  # (P,)
        modes = torch.stack((places.sin(), (2 * places).sin()), -1)  # (P, 2)
        chords = (straight.end - straight.start).norm(dim=-1)[:, None, None]  # (B, 1, 1)
        amplitudes = self.bends.to(controls) * (BULGE / dims**0.5)  # (R, 2, d)
        return [controls + chords * (modes @ amplitude) for amplitude in amplitudes]


def draw_bends(count: int, dims: int, generator: torch.Generator | None) -> Tensor:
    """Draw amplitudes (count, 2, d) of the lowest modes: on the CPU, alike for all devices."""
    generator = generator or torch.Generator().manual_seed(0)
    return torch.randn(count, 2, dims, generator=generator)
