"""Segments: the steps of discrete geodesics, each set out on with the momentum of the last."""

import torch
from torch import Tensor

from latent_transport.geometries.base import Geometry
from latent_transport.maps.momenta import apply, invert, mixed_matrices, segment_slopes

SOLVED = 1e-8  # share of a segment that a Newton step is at most at its end, in float64
ROUNDED = 1e-5  # and in float32
UNSOLVED = 1e-2  # and above which it is not found
ITERATIONS = 40  # of Newton's method, a segment
SLOW = 0.1  # part of an error that a step leaves at most with the matrix of the one before it
STUCK = 0.9  # and more than which shows that there is no way on
SHORTEST = 1e-3  # part of a Newton step below which none is tried


def continue_segments(
    geometry: Geometry,
    x: Tensor,
    momentum: Tensor,
    y: Tensor,
    segment: Tensor,
    inverse: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Solve for the ends of segments that leave points with given momenta.

    By Newton's method with shortened steps.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    x, momentum : Tensor, shape (b, d)
        Where they leave, and with which momenta: minus half the derivatives of their squared
        lengths by x.
    y : Tensor, shape (b, d)
        Guesses of their ends.
    segment : Tensor, shape (b,)
        Their lengths, about.
    inverse : Tensor, shape (b, d, d)
        Inverses of :func:`mixed_matrices` near here; taken anew, in place, where they bring little.

    Returns
    -------
    tuple of Tensor, shape (b, d), (b, d) and (b,)
        The ends, nan where they are not finite; their momenta; whether they were found.
    """
    left, right = end_slopes(geometry, x, y)  # (b, d) each
    missing = left + momentum  # (b, d)
    size = _measure(inverse, missing)  # (b,)
    scale = torch.ones_like(size)  # (b,)
    fresh = torch.zeros_like(size, dtype=torch.bool)  # (b,), whether the matrix is that of here
    enough = (SOLVED if x.dtype == torch.float64 else ROUNDED) * segment  # (b,)
    for _ in range(ITERATIONS):
        active = (size > enough) & (scale >= SHORTEST)  # (b,), not where the size is nan
        rows = active.nonzero().squeeze(-1)  # (c,)
        if len(rows) == 0:
            break
        here = x[rows]  # (c, d)
        trial = y[rows] + scale[rows, None] * apply(inverse[rows], missing[rows])  # (c, d)
        first, second = end_slopes(geometry, here, trial)  # (c, d) each
        found = first + momentum[rows]  # (c, d)
        after = _measure(inverse[rows], found)  # (c,)
        better = after < size[rows]  # (c,), not where it is nan
        slow = (after > SLOW * size[rows]) & (after > enough[rows])  # (c,)
        # Kinks of the distance leave momenta that no segment has: as near as that is enough.
        stuck = fresh[rows] & ~(after < STUCK * size[rows])  # (c,)
        stuck &= size[rows] <= UNSOLVED * segment[rows]
        scale[rows] = torch.where(better, (4 * scale[rows]).clamp(max=1), scale[rows] / 4)
        taken = rows[better]
        y = y.index_copy(0, taken, trial[better])
        right = right.index_copy(0, taken, second[better])
        missing = missing.index_copy(0, taken, found[better])
        size = size.index_copy(0, taken, after[better])
        scale[rows[stuck]] = 0
        anew = rows[slow & ~stuck]
        fresh[rows] = False
        if len(anew):
            fresh[anew] = True
            inverse[anew] = invert(mixed_matrices(geometry, x[anew], y[anew]))
            size[anew] = _measure(inverse[anew], missing[anew])
    lost = ~torch.isfinite(size).unsqueeze(-1)  # (b, 1)
    return torch.where(lost, torch.nan, y), right, size <= UNSOLVED * segment


def end_slopes(geometry: Geometry, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Halves of the derivatives of squared distances by both ends, (b, d) each."""
    left, right = segment_slopes(geometry, torch.stack((x, y), 1)).unbind(1)
    return left, right


def _measure(inverse: Tensor, p: Tensor) -> Tensor:
    """Lengths (b,) of momenta."""
    return (p * apply(inverse, p)).sum(-1).abs().sqrt()
