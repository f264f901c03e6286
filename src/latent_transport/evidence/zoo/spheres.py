"""Spheres: distances are angles."""

import math

import torch
from torch import Tensor

from latent_transport.evidence.zoo.problems import (
    DOUBLE,
    Mean,
    Problem,
    draw_pairs,
    embed,
    make_surface,
)
from latent_transport.geometries.wasserstein1 import Wasserstein1

DIMENSIONS = (2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
SHORT_OF_HALF = (0.1, 0.01, 0.001)  # a turn, in radians
UNITS = (1e-3, 1e3)


def stereographic(z: Tensor) -> Tensor:
    """Points (..., d + 1) of the unit sphere, of points (..., d) of the stereographic chart."""
    square = z.square().sum(-1, keepdim=True)  # (..., 1)
    return torch.cat((2 * z, square - 1), -1) / (square + 1)


def polar(z: Tensor) -> Tensor:
    """Points (..., 3) of the unit sphere, of colatitudes and longitudes (..., 2)."""
    colatitude, longitude = z.unbind(-1)
    x, y = colatitude.sin() * longitude.cos(), colatitude.sin() * longitude.sin()
    return torch.stack((x, y, colatitude.cos()), -1)


def angle(mean: Mean, start: Tensor, end: Tensor) -> Tensor:
    """Angle (B,) between points of the unit sphere, accurate for small and for straight ones."""
    p, q = mean(start), mean(end)  # (B, D) each
    return 2 * torch.atan2((p - q).norm(dim=-1), (p + q).norm(dim=-1))


def make_spheres() -> list[Problem]:
    """Return problems on spheres, in charts of both kinds and in units of all sizes."""
    problems = []
    for d in DIMENSIONS:
        start = -torch.linspace(0, 1, d, dtype=DOUBLE)[None]  # (1, d)
        note = "unit sphere, stereographic chart, -linspace(0, 1, d) to 0.5"
        problems.append(_on_sphere(f"S^{d}", note, start, torch.full_like(start, 0.5)))
    for d in (2, 10):
        start, end = draw_pairs(16, d, seed=d, low=-1.2, high=1.2)
        note = "unit sphere, stereographic chart, random pairs"
        problems.append(_on_sphere(f"S^{d}, random pairs", note, start, end))
        start = draw_pairs(3, d, seed=d)[0]
        end = _turn(-start / start.square().sum(-1, keepdim=True))
        note = "0.1, 0.01 and 0.001 short of opposite points"
        problems.append(_on_sphere(f"S^{d}, nearly opposite", note, start, end))
    problems += [_make_polar(), _make_polar_cap(), *_make_near_ends()]
    return problems + [_in_latent_unit(u) for u in UNITS] + [_in_data_unit(u) for u in UNITS]


def _on_sphere(name: str, note: str, start: Tensor, end: Tensor) -> Problem:
    distance = angle(stereographic, start, end)
    return make_surface(name, "sphere", note, stereographic, start, end, distance)


def _turn(z: Tensor) -> Tensor:
    """Points (3, d) of the chart turned by the angles that pairs lack of half a turn."""
    x = stereographic(z)  # (3, d + 1)
    aside = torch.eye(x.shape[1], dtype=DOUBLE)[:1]  # (1, d + 1)
    aside = aside - (aside * x).sum(-1, keepdim=True) * x
    aside = aside / aside.norm(dim=-1, keepdim=True)  # (3, d + 1), normal to x
    by = torch.tensor(SHORT_OF_HALF, dtype=DOUBLE)[:, None]
    x = by.cos() * x + by.sin() * aside
    return x[:, :-1] / (1 - x[:, -1:])  # (3, d)


def _make_polar() -> Problem:
    start, end = draw_pairs(12, 2, seed=5)
    scale, shift = torch.tensor([[1.1, 1.2], [math.pi / 2, 0]], dtype=DOUBLE)
    start, end = start * scale + shift, end * scale + shift
    return make_surface(
        "sphere, polar chart",
        "sphere",
        "colatitude and longitude, random pairs",
        polar,
        *(start, end, angle(polar, start, end)),
    )


def _make_polar_cap() -> Problem:
    start = torch.tensor([[0.3, 0.0], [0.3, 0.0], [0.2, 0.0]], dtype=DOUBLE)
    end = torch.tensor([[0.3, 2.0], [0.3, 3.0], [0.5, 3.0]], dtype=DOUBLE)
    return make_surface(
        "sphere, past the pole",
        "sphere",
        "colatitude and longitude, geodesics that turn sharply beside the pole",
        polar,
        *(start, end, angle(polar, start, end)),
    )


def _make_near_ends() -> list[Problem]:
    # The differences are powers of two, so that the ends are the same in single precision.
    problems = []
    for name, apart in (("equal", 0.0), ("1e-6 apart", 2.0**-20), ("1e-3 apart", 2.0**-10)):
        start = torch.tensor([[0.25, 0.5], [-0.75, 0.125], [0.5, -0.375]], dtype=DOUBLE)
        step = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]], dtype=DOUBLE)
        end = start + apart * step
        note = f"ends that are {name} in the stereographic chart"
        problems.append(_on_sphere(f"S^2, ends {name}", note, start, end))
    return problems


def _in_latent_unit(unit: float) -> Problem:
    start, end = draw_pairs(8, 2, seed=7)
    distance = angle(stereographic, start, end)
    return make_surface(
        f"S^2, latent unit {unit:g}",
        "units",
        "the same sphere in a chart of larger or smaller numbers",
        lambda z: stereographic(z / unit),
        *(unit * start, unit * end, distance),
    )


def _in_data_unit(unit: float) -> Problem:
    start, end = draw_pairs(8, 2, seed=7)
    distance = unit * angle(stereographic, start, end)
    decoder = embed(lambda z: unit * stereographic(z), unit)
    note = "a sphere of larger or smaller radius, its scale in proportion"
    name = f"S^2, data unit {unit:g}"
    return Problem(name, "units", note, Wasserstein1(decoder), start, end, distance)
