"""Walls, ridges and channels: weights over a plane that depend on one coordinate alone."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from latent_transport.evidence.zoo.clairaut import Function, crossing_distance, turning_distance
from latent_transport.evidence.zoo.problems import DOUBLE, Problem
from latent_transport.geometries.conformal import Conformal, LatentEuclidean

LARGEST = 10.0  # of the logarithm of a weight


def make_weights() -> list[Problem]:
    """Return problems with weights that only depend on the first coordinate."""
    start = torch.tensor([[-1.0, 0.0], [-1.0, 0.0], [-0.5, 0.2], [-1.0, -0.5]], dtype=DOUBLE)
    end = torch.tensor([[1.0, 0.3], [1.0, 0.0], [1.0, -1.0], [0.3, 0.8]], dtype=DOUBLE)
    wall = _make_crossing(
        "wall",
        "wall",
        "a thin wall of weight exp(6) that every curve crosses",
        lambda x: -6 * _bump(x / 0.02),
        *(start, end),
    )
    ridge = _make_crossing(
        "ridge",
        "ridge",
        "a wide ridge of weight exp(2) that every curve crosses",
        lambda x: -2 * _bump(x / 0.3),
        *(start, end),
    )
    far = torch.zeros(2, 4, 8, dtype=DOUBLE)
    far[1, :, 0] = torch.arange(4, dtype=DOUBLE) / 10
    high = _make_crossing(
        "ridge, 10-D",
        "ridge",
        "the same ridge in ten dimensions",
        lambda x: -2 * _bump(x / 0.3),
        *(torch.cat((z, more), -1) for z, more in zip((start, end), far, strict=True)),
    )
    clamped = _make_crossing(
        "clamped weight",
        "ridge",
        "a weight that reaches its bound at both ends",
        lambda x: -(x**2) / 2,
        torch.tensor([[-3.0, 0.0], [-2.5, 1.0]], dtype=DOUBLE),
        torch.tensor([[3.0, 0.05], [2.0, 1.1]], dtype=DOUBLE),
        strength=3.0,
    )
    slope = _make_crossing(
        "slope",
        "ridge",
        "a weight exp(-x), nearly flat in the plane of exp(-x - i y)",
        lambda x: 2 * x,
        torch.tensor([[-1.0, 0.0], [-1.0, 0.0]], dtype=DOUBLE),
        torch.tensor([[1.0, 0.3], [0.5, -0.5]], dtype=DOUBLE),
        strength=0.5,
    )
    return [wall, ridge, high, clamped, slope, _make_channel()]


def _bump(x: Tensor | np.ndarray) -> Tensor | np.ndarray:
    return torch.exp(-(x**2)) if isinstance(x, Tensor) else np.exp(-(x**2))


def clamp_smoothly(exponent: np.ndarray) -> np.ndarray:
    """Log weight that :class:`Conformal` makes of an exponent: bent to stay within 10."""
    below = LARGEST - np.logaddexp(0, LARGEST - exponent)
    return np.logaddexp(0, LARGEST + below) - LARGEST


def _weigh(log_density: Callable, strength: float) -> tuple[Conformal, Function]:
    """Geometry of latent points (..., d) with a weight of their first entry, and that weight."""
    geometry = Conformal(LatentEuclidean(), lambda z: log_density(z[..., 0]), strength)

    def weight(x: np.ndarray) -> np.ndarray:
        return np.exp(clamp_smoothly(-strength * log_density(x)))

    return geometry, weight


def _make_crossing(
    name: str,
    kind: str,
    note: str,
    log_density: Callable,
    start: Tensor,
    end: Tensor,
    strength: float = 1.0,
) -> Problem:
    geometry, weight = _weigh(log_density, strength)
    shifts = (end - start)[:, 1:].norm(dim=-1).tolist()
    pairs = zip(start[:, 0].tolist(), end[:, 0].tolist(), shifts, strict=True)
    distances = [crossing_distance(weight, weight, *pair) for pair in pairs]
    return Problem(
        name, kind, note, geometry, start, end, torch.tensor(distances, dtype=DOUBLE)
    )


def _make_channel() -> Problem:
    """Pairs on one side of a channel, into which the shortest way makes a detour."""
    geometry, weight = _weigh(lambda x: 2 * _bump(x / 0.3), 1.0)
    sides, shifts = [0.5, 0.7, 0.3], [3.0, 2.0, 1.0]
    start = torch.tensor([[x, 0.0] for x in sides], dtype=DOUBLE)
    end = torch.tensor([[x, y] for x, y in zip(sides, shifts, strict=True)], dtype=DOUBLE)
    distances = [
        turning_distance(weight, weight, *pair, 0.0) for pair in zip(sides, shifts, strict=True)
    ]
    note = "a channel of weight exp(-2), into which the shortest way makes a detour"
    return Problem("channel", "ridge", note, geometry, start, end, torch.tensor(distances, dtype=DOUBLE))
