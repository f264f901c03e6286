"""Which of several centres is the nearest to each point, by as few geodesics as that takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geometries.base import Geometry
from latent_transport.statistics.centres import Descent
from latent_transport.statistics.fans import (
    Precision,
    curves_of,
    solve_fan,
    straight_fan,
)

SEGMENTS = 64  # on which straight lines are measured
LINES_AT_ONCE = 1024


@dataclass(frozen=True)
class Assignment:
    """The nearest of K centres to each of n points.

    Attributes
    ----------
    labels : Tensor of int64, shape (n,)
        Numbers of the centres.
    lengths : Tensor, shape (n,)
        Lengths of the geodesics from them.
    curves : CubicSpline
        These geodesics.
    lower : Tensor, shape (n, K)
        What each distance is at least.
    """

    labels: Tensor
    lengths: Tensor
    curves: CubicSpline
    lower: Tensor

    def follow(self, geometry: Geometry, centres: Tensor, descent: Descent) -> "Assignment":
        """What is known still after the centres (K, d) have moved, each point with its own."""
        moved = straight_lengths(geometry, centres, descent.centres)  # (K,), at least the distance
        own = torch.nn.functional.one_hot(self.labels, len(centres)).bool()  # (n, K)
        lower = torch.where(own, descent.lengths[:, None], self.lower - moved)
        return replace(self, lengths=descent.lengths, curves=descent.curves, lower=lower)


def assign(
    geometry: Geometry,
    z: Tensor,
    centres: Tensor,
    precision: Precision,
    known: Assignment | None = None,
    tell: Callable[[int], object] | None = None,
) -> Assignment:
    """Find the nearest centre of each point.

    Geodesics are solved where a lower bound of the distance does not exceed the least distance that
    is known, from the nearest centre by that bound on. Centres of equal distance, but for the
    solver's error, may be taken for each other.

    Parameters
    ----------
    geometry : Geometry
        Measures the distances.
    z : Tensor, shape (n, d)
        Points.
    centres : Tensor, shape (K, d)
        Centres.
    precision : Precision
        How finely the geodesics are solved.
    known : Assignment, optional
        Of the same points to the same centres: what :meth:`Assignment.follow` says.
    tell : callable, optional
        Is told how many geodesics have been solved.
    """
    lower = geometry.lower_bound(z[:, None], centres[None])  # (n, K)
    lower = lower.nan_to_num(nan=0.0)
    if known is None:
        lines = straight_lengths(geometry, centres[None].expand(len(z), -1, -1), z[:, None])
        lines = lines.nan_to_num(nan=torch.inf)  # (n, K)
        labels = lines.argmin(1)  # (n,)
        curves = straight_fan(centres[labels], z, precision)
        paths = solve_fan(geometry, curves, precision)
        curves, lengths = curves_of(paths, precision), _finite(paths.length)
        solved = torch.nn.functional.one_hot(labels, len(centres)).bool()  # (n, K)
        count = len(z)
    else:
        labels, curves, lengths = known.labels, known.curves, _finite(known.lengths)
        lower = torch.maximum(lower, known.lower)
        solved = torch.nn.functional.one_hot(labels, len(centres)).bool()
        count = 0
    lower = torch.where(solved, lengths[:, None], lower)
    if tell is not None and count:
        tell(count)
    while True:
        bounds = torch.where(solved, torch.inf, lower)  # (n, K)
        least, candidate = bounds.min(1)  # (n,) each
        rows = (least < lengths).nonzero().squeeze(-1)  # (m,)
        if len(rows) == 0:
            return Assignment(labels, lengths, curves, lower)
        which = candidate[rows]  # (m,)
        paths = solve_pairs(geometry, centres[which], z[rows], precision)
        found = _finite(paths.length)  # (m,)
        solved[rows, which], lower[rows, which] = True, found
        nearer = found < lengths[rows]  # (m,)
        changed = rows[nearer]
        labels = labels.index_copy(0, changed, which[nearer])
        lengths = lengths.index_copy(0, changed, found[nearer])
        new = curves_of(paths, precision)[nearer]
        curves = CubicSpline(
            curves.start.index_copy(0, changed, new.start),
            curves.end,
            curves.controls.index_copy(0, changed, new.controls),
        )
        if tell is not None:
            tell(len(rows))


def solve_pairs(geometry: Geometry, z0: Tensor, z1: Tensor, precision: Precision) -> Geodesics:
    """Geodesics between points (B, d), from straight lines."""
    return solve_fan(geometry, straight_fan(z0, z1, precision), precision)


def straight_lengths(geometry: Geometry, z0: Tensor, z1: Tensor) -> Tensor:
    """Lengths (...) of straight lines between points (..., d): what distances are at most."""
    t = torch.linspace(0, 1, SEGMENTS + 1, dtype=z0.dtype, device=z0.device)[:, None]  # (S + 1, 1)
    z0, z1 = torch.broadcast_tensors(z0, z1)
    total = z0.new_zeros(z0.shape[:-1])  # (...)
    flat0, flat1, flat = z0.reshape(-1, z0.shape[-1]), z1.reshape(-1, z0.shape[-1]), total.view(-1)
    for rows in torch.arange(len(flat), device=z0.device).split(LINES_AT_ONCE):
        points = torch.lerp(flat0[rows, None], flat1[rows, None], t)  # (b, S + 1, d)
        flat[rows] = geometry.curve_length(points)
    return total


def _finite(lengths: Tensor) -> Tensor:
    """Lengths, infinite where they are nan."""
    return lengths.nan_to_num(nan=torch.inf)
