"""Verification: what curves measure on finer polygons than those on which they were solved."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.geodesics.curves import Curve, select_curves
from latent_transport.geodesics.rounding import energy_rounding, square_noise, underflows
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import FINE_SEGMENTS
from latent_transport.memory import count_rows

FINER = 8  # times as many segments as the solver's polygon has, at least
ENERGY_TOLERANCE = 1e-2  # by which energies of the two may differ
LENGTH_TOLERANCE = 5e-3  # and lengths
EVEN = 1e-4  # energy over squared length, less 1: what more control points could mend
ROUNDED = 1e-3  # share of a length that rounding may make
BLIND = 1e-2  # share of an energy below which rounding does not hide its minimum
POINT_COPIES = 4  # of the points of a curve, while it is measured


@dataclass(frozen=True)
class Measures:
    """What B curves measure; lengths are in units of the data.

    Attributes
    ----------
    length, energy : Tensor, shape (B,)
        On so many segments as rounding allows. They are nan for curves that pass where the
        decoder's parameters are not finite.
    margin : Tensor, shape (B,)
        How far the curve itself may be longer than that.
    noise : Tensor, shape (B,)
        What a single distance may owe to the decoder's rounding.
    aliased : Tensor of bool, shape (B,)
        Whether the finer polygon's energy or length is another than the solver's, by more than
        1 % and 0.5 %, and what rounding explains.
    uneven : Tensor of bool, shape (B,)
        Whether the speed varies by more than rounding explains: energy over squared length is 1 at
        constant speed, which a minimum has but for what its spline cannot follow.
    rounded : Tensor of bool, shape (B,)
        Whether rounding hides where the energy is least, and the curve is not as short as the
        distance of its ends anyway; or the squares of its segments lose their digits.
    """

    length: Tensor
    energy: Tensor
    margin: Tensor
    noise: Tensor
    aliased: Tensor
    uneven: Tensor
    rounded: Tensor

    @property
    def excess(self) -> Tensor:
        """Energy over squared length, less 1: (B,). 0 at constant speed."""
        return self.energy / self.length.square() - 1

    def __getitem__(self, rows: Tensor) -> "Measures":
        """Return the measures of the curves with the given numbers."""
        return self.apply(lambda x: x[rows])

    def apply(self, function: Callable[[Tensor], Tensor]) -> "Measures":
        """Apply a function to each of the tensors."""
        return Measures(*map(function, vars(self).values()))

    def put(self, rows: Tensor, others: "Measures") -> "Measures":
        """Return these measures with ``others`` for the curves with the given numbers."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        return Measures(*(value.index_copy(0, rows, other) for value, other in pairs))

    @classmethod
    def join(cls, parts: list["Measures"]) -> "Measures":
        """Concatenate the measures of several batches."""
        return cls(*(torch.cat(x) for x in zip(*(vars(p).values() for p in parts), strict=True)))


def measure_finely(
    geometry: Geometry, curve: Curve, points: int, memory: int, segments: int | None = None
) -> Measures:
    """Measure curves, and compare with the polygons of ``points`` corners of their solution.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    curve : callable
        B curves: parameters (T,) to points (B, T, d).
    points : int
        Corners, equally spaced in the parameter.
    memory : int
        Bytes that the temporaries may take.
    segments : int, optional
        Of the finer polygons, a power of two; by default 256, or 8 times the solver's.
    """
    segments = segments or _fine_segments(points)
    fine = _segments(geometry, curve, segments, memory)  # (B, S)
    coarse = _segments(geometry, curve, points - 1, memory)  # (B, N - 1)
    length, energy = fine.sum(-1), segments * fine.square().sum(-1)  # (B,) each
    solved_length = coarse.sum(-1)  # (B,)
    solved_energy = coarse.shape[-1] * coarse.square().sum(-1)  # (B,)
    chord = _segments(geometry, curve, 1, memory).sum(-1)  # (B,)
    noise = square_noise(geometry, curve, memory)  # (B,), squared, of a point
    single = 2 * (2 * noise).sqrt()  # (B,), of one distance
    blurred = energy_rounding(noise, energy, segments + 1)  # (B,)
    blurred = blurred + energy_rounding(noise, solved_energy, points)
    allowed = ENERGY_TOLERANCE * solved_energy + blurred  # (B,)
    aliased = ~((energy - solved_energy).abs() <= allowed)  # (B,)
    # What rounding adds to a squared length it adds to the length's own, once and a half at most.
    spread = 3 * (solved_energy + blurred).sqrt() - 3 * solved_energy.sqrt()  # (B,)
    allowed = LENGTH_TOLERANCE * solved_length + spread  # (B,)
    aliased |= ~((length - solved_length).abs() <= allowed)
    for level in _coarser(segments):
        # Rounding adds a squared distance to each segment: less to a length of fewer.
        too_many = ROUNDED * length.square() < (2 * level) ** 2 * noise  # (B,)
        rows = too_many.nonzero().squeeze(-1)  # (r,)
        if len(rows) == 0:
            break
        part = _segments(geometry, select_curves(curve, rows), level, memory)  # (r, level)
        length[rows], energy[rows] = part.sum(-1), level * part.square().sum(-1)
    # Of an inscribed polygon the error falls with the square of the segments.
    ratio = ((points - 1) / segments) ** 2
    margin = 2 * ratio * (length - solved_length).abs() + single  # (B,)
    excess = energy - length.square()  # (B,)
    uneven = excess > EVEN * length.square() + blurred
    hidden = energy_rounding(noise, solved_energy, points) > BLIND * solved_energy  # (B,)
    bent = length > (1 + LENGTH_TOLERANCE) * chord + single
    lost = underflows(geometry, curve, solved_energy, points - 1, memory)  # (B,)
    return Measures(length, energy, margin, single, aliased, uneven, (hidden & bent) | lost)


def _fine_segments(points: int) -> int:
    """A power of two, so that coarser polygons have their corners among the fine one's."""
    segments = FINE_SEGMENTS
    while segments < FINER * (points - 1):
        segments *= 2
    return segments


def _coarser(segments: int) -> list[int]:
    """Numbers of segments below that one, each half of the one before: down to 1."""
    return [segments >> k for k in range(1, segments.bit_length())]


def _segments(geometry: Geometry, curve: Curve, segments: int, memory: int) -> Tensor:
    """Lengths (B, S) of the segments of polygons inscribed in curves, at equal parameters."""
    t = torch.linspace(0, 1, segments + 1, dtype=torch.float64)  # (S + 1,)
    with torch.no_grad():
        ends = curve(t[:1])  # (B, 1, d)
        size = count_rows(POINT_COPIES * len(t) * ends[:1].nbytes, memory)
        if size >= len(ends):
            return geometry.segment_lengths(curve(t), memory=memory)
        parts = torch.arange(len(ends), device=ends.device).split(size)
        return torch.cat(
            [geometry.segment_lengths(curve(t)[rows], memory=memory) for rows in parts]
        )
