"""Walls, ridges and channels: weights over a plane that depend on one coordinate alone."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from latent_transport.evidence.zoo.clairaut import Function, crossing_distance, turning_distance
from latent_transport.evidence.zoo.problems import DOUBLE, Problem
from latent_transport.geometries.conformal import Conformal, LatentEuclidean

LARGEST = 10.0  # of the logarithm of a weight
FURTHER = 8  # dimensions of a ridge beyond two

LogDensity = Callable[[Tensor], Tensor]
"""First coordinates (...) of latent points to log densities (...)."""


def make_weights() -> list[Problem]:
    """Return problems with weights that only depend on the first coordinate."""
    return [_make_wall(), *_make_ridges(), _make_clamped(), _make_slope(), _make_channel()]


def clamp_smoothly(exponent: np.ndarray) -> np.ndarray:
    """Log weight that :class:`Conformal` makes of an exponent: bent to stay within 10."""
    below = LARGEST - np.logaddexp(0, LARGEST - exponent)
    return np.logaddexp(0, LARGEST + below) - LARGEST


def _weigh(log_density: LogDensity, strength: float = 1.0) -> tuple[Conformal, Function]:
    """Geometry of latent points (..., d) with a weight of their first entry, and that weight."""
    geometry = Conformal(LatentEuclidean(), lambda z: log_density(z[..., 0]), strength)

    def weight(x: np.ndarray) -> np.ndarray:
        return np.exp(clamp_smoothly(-strength * log_density(torch.from_numpy(x)).numpy()))

    return geometry, weight


def _cross(weight: Function, start: Tensor, end: Tensor) -> Tensor:
    """Distances (B,) of ends (B, d) between which the geodesic runs one way across."""
    shifts = (end - start)[:, 1:].norm(dim=-1)  # (B,)
    pairs = zip(start[:, 0].tolist(), end[:, 0].tolist(), shifts.tolist(), strict=True)
    return torch.tensor([crossing_distance(weight, weight, *pair) for pair in pairs], dtype=DOUBLE)


def _draw_across() -> tuple[Tensor, Tensor]:
    """Ends (4, 2) on both sides of the first coordinate's zero."""
    start = [[-1.0, 0.0], [-1.0, 0.0], [-0.5, 0.2], [-1.0, -0.5]]
    end = [[1.0, 0.3], [1.0, 0.0], [1.0, -1.0], [0.3, 0.8]]
    return torch.tensor(start, dtype=DOUBLE), torch.tensor(end, dtype=DOUBLE)


def _make_wall() -> Problem:
    geometry, weight = _weigh(lambda x: -6 * (-(x / 0.02).square()).exp())
    ends = _draw_across()
    note = "a thin wall of weight exp(6) that every curve crosses"
    return Problem("wall", "wall", note, geometry, *ends, _cross(weight, *ends))


def _make_ridges() -> list[Problem]:
    geometry, weight = _weigh(lambda x: -2 * (-(x / 0.3).square()).exp())
    start, end = _draw_across()
    note = "a wide ridge of weight exp(2) that every curve crosses"
    plane = Problem("ridge", "ridge", note, geometry, start, end, _cross(weight, start, end))
    aside = torch.zeros(len(start), FURTHER, dtype=DOUBLE)
    start = torch.cat((start, aside), -1)  # (4, 10)
    aside[:, 0] = torch.arange(len(start)) / 10
    end = torch.cat((end, aside), -1)
    note = f"the same ridge in {2 + FURTHER} dimensions"
    distance = _cross(weight, start, end)
    return [plane, Problem("ridge, 10-D", "ridge", note, geometry, start, end, distance)]


def _make_clamped() -> Problem:
    geometry, weight = _weigh(lambda x: -x.square() / 2, 3.0)
    start = torch.tensor([[-3.0, 0.0], [-2.5, 1.0]], dtype=DOUBLE)
    end = torch.tensor([[3.0, 0.05], [2.0, 1.1]], dtype=DOUBLE)
    note = "a weight that reaches its bound exp(10) at the ends"
    distance = _cross(weight, start, end)
    return Problem("clamped weight", "ridge", note, geometry, start, end, distance)


def _make_slope() -> Problem:
    geometry, weight = _weigh(lambda x: 2 * x, 0.5)
    start = torch.tensor([[-1.0, 0.0], [-1.0, 0.0]], dtype=DOUBLE)
    end = torch.tensor([[1.0, 0.3], [0.5, -0.5]], dtype=DOUBLE)
    note = "a weight exp(-x): flat in the plane of exp(-x - i y), but for the bound"
    return Problem("slope", "ridge", note, geometry, start, end, _cross(weight, start, end))


def _make_channel() -> Problem:
    """Pairs on one side of a channel, into which the shortest way makes a detour."""
    geometry, weight = _weigh(lambda x: 2 * (-(x / 0.3).square()).exp())
    start = torch.tensor([[0.5, 0.0], [0.7, 0.0], [0.3, 0.0]], dtype=DOUBLE)
    end = torch.tensor([[0.5, 3.0], [0.7, 2.0], [0.3, 1.0]], dtype=DOUBLE)
    found = [turning_distance(weight, weight, x, y, 0.0) for x, y in end.tolist()]
    note = "a channel of weight exp(-2), into which the shortest way makes a detour"
    distance = torch.tensor(found, dtype=DOUBLE)
    return Problem("channel", "ridge", note, geometry, start, end, distance)
