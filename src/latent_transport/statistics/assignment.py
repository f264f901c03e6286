"""Which of several centres is the nearest to each point, by as few geodesics as that takes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.geodesics.paths import Geodesics
from latent_transport.geometries.base import Geometry
from latent_transport.statistics.centres import Descent
from latent_transport.statistics.fans import Precision, Rays, rays_of, solve_fan, straight_fan

SEGMENTS = 64  # on which straight lines are measured
FEW_SEGMENTS = 16  # where they are only compared with each other
LINES_AT_ONCE = 1024


@dataclass(frozen=True)
class Assignment:
    """The nearest of K centres to each of n points.

    Attributes
    ----------
    labels : Tensor of int64, shape (n,)
        Numbers of the centres.
    rays : Rays
        The geodesics from them.
    lower : Tensor, shape (n, K)
        What each distance is at least.
    """

    labels: Tensor
    rays: Rays
    lower: Tensor

    def follow(self, geometry: Geometry, centres: Tensor, descent: Descent) -> "Assignment":
        """What is known still after the centres (K, d) have moved, each point with its own."""
        moved = straight_lengths(geometry, centres, descent.centres)  # (K,), at least the distance
        own = torch.nn.functional.one_hot(self.labels, len(centres)).bool()  # (n, K)
        lower = torch.where(own, descent.rays.lengths[:, None], self.lower - moved)
        return Assignment(self.labels, descent.rays, lower)


def assign(
    geometry: Geometry,
    z: Tensor,
    centres: Tensor,
    precision: Precision,
    known: Assignment | None = None,
    *,
    certain: bool = True,
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
    certain : bool, optional
        If False, only those centres are looked at to which the straight line, too, is shorter than
        to the nearest that is known: nearly always that finds the nearest, by far fewer geodesics.
    tell : callable, optional
        Is told how many geodesics have been solved.
    """
    tell = tell or (lambda count: None)
    lower = geometry.lower_bound(z[:, None], centres[None]).nan_to_num(nan=0.0)  # (n, K)
    if known is None or not certain:
        lines = straight_lengths(geometry, centres, z[:, None], FEW_SEGMENTS)  # (n, K)
        lines = lines.nan_to_num(nan=torch.inf)
    if known is None:
        labels = lines.argmin(1)  # (n,)
        paths = solve_pairs(geometry, centres[labels], z, precision)
        rays = rays_of(paths, precision)
        tell(len(z))
    else:
        labels, rays = known.labels, known.rays
        lower = torch.maximum(lower, known.lower)
    solved = torch.nn.functional.one_hot(labels, len(centres)).bool()  # (n, K)
    lower = torch.where(solved, _finite(rays.lengths)[:, None], lower)
    while True:
        open_ = ~solved if certain else ~solved & (lines < lines.gather(1, labels[:, None]))
        least, candidate = lower.where(open_, torch.inf).min(1)  # (n,) each
        rows = (least < _finite(rays.lengths)).nonzero().squeeze(-1)  # (m,)
        if len(rows) == 0:
            return Assignment(labels, rays, lower)
        which = candidate[rows]  # (m,)
        found = rays_of(solve_pairs(geometry, centres[which], z[rows], precision), precision)
        lengths = _finite(found.lengths)  # (m,)
        solved[rows, which], lower[rows, which] = True, lengths
        nearer = lengths < _finite(rays.lengths)[rows]  # (m,)
        changed = rows[nearer]
        labels = labels.index_copy(0, changed, which[nearer])
        rays = rays.put(changed, found[nearer])
        tell(len(rows))


def solve_pairs(geometry: Geometry, z0: Tensor, z1: Tensor, precision: Precision) -> Geodesics:
    """Geodesics between points (B, d), from straight lines."""
    return solve_fan(geometry, straight_fan(z0, z1, precision), precision)


def straight_lengths(
    geometry: Geometry, z0: Tensor, z1: Tensor, segments: int = SEGMENTS
) -> Tensor:
    """Lengths (...) of straight lines between points (..., d): what distances are at most."""
    t = torch.linspace(0, 1, segments + 1, dtype=z0.dtype, device=z0.device)[:, None]  # (S + 1, 1)
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
