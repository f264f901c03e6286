"""Flat surfaces that are rolled, folded or sheared: distances are those of the plane."""

import math

import torch
from torch import Tensor

from latent_transport.evidence.zoo.problems import (
    DOUBLE,
    Mean,
    Problem,
    draw_pairs,
    make_surface,
)

TURNS = (1, 2, 3, 4, 5, 6)
STEEPNESSES = (100.0, 1000.0)


def make_developable() -> list[Problem]:
    """Return problems on Swiss rolls, a cylinder, cones, a fold and valleys."""
    rolls = [_make_roll(turns) for turns in TURNS]
    cones = [_make_cone(), _make_cone_beside_apex(), _make_fold()]
    return [*rolls, _make_cylinder(), *cones, *(_make_valley(k) for k in STEEPNESSES)]


def _make_flat(
    name: str, kind: str, note: str, mean: Mean, develop: Mean, start: Tensor, end: Tensor
) -> Problem:
    """Return a problem on a surface that ``develop`` rolls out: chart (B, 2) to plane (B, 2)."""
    distance = (develop(end) - develop(start)).norm(dim=-1)  # (B,)
    return make_surface(name, kind, note, mean, start, end, distance)


def swiss_roll(z: Tensor) -> Tensor:
    """Points (..., 3) of a roll whose radius is its angle, of angles and heights (..., 2)."""
    angle, height = z.unbind(-1)
    return torch.stack((angle * angle.cos(), angle * angle.sin(), height), -1)


def unroll(z: Tensor) -> Tensor:
    r"""Plane (..., 2) of the Swiss roll: its arc length, and the height.

    The spiral of Archimedes from its centre is
    :math:`\tfrac12 (\phi \sqrt{1 + \phi^2} + \operatorname{asinh} \phi)` long.
    """
    angle, height = z.unbind(-1)
    arc = (angle * (1 + angle.square()).sqrt() + torch.asinh(angle)) / 2
    return torch.stack((arc, height), -1)


def _make_roll(turns: int) -> Problem:
    last = 2 + 2 * math.pi * turns
    start = torch.tensor([[2.0, 0.0], [2.0, 0.0], [last, 4.0]], dtype=DOUBLE)
    end = torch.tensor([[last, 0.0], [last, 10.0], [3.0, 0.0]], dtype=DOUBLE)
    note = f"a roll of {turns} turn{'s' * (turns > 1)}, its radius the angle"
    return _make_flat(f"Swiss roll, {turns}", "roll", note, swiss_roll, unroll, start, end)


def _make_cylinder() -> Problem:
    def unshear(z: Tensor) -> Tensor:
        angle, height = z.unbind(-1)
        return torch.stack((angle - 0.3 * height.square(), height), -1)

    def mean(z: Tensor) -> Tensor:
        angle, height = unshear(z).unbind(-1)
        return torch.stack((angle.cos(), angle.sin(), height), -1)

    start, end = draw_pairs(12, 2, seed=11, low=-2, high=2)
    note = "a cylinder in a sheared chart, where geodesics are parabolas"
    return _make_flat("cylinder", "cylinder", note, mean, unshear, start, end)


def cone(slope: float) -> tuple[Mean, Mean]:
    """Cone over the plane, and its development in polar coordinates about the apex."""
    steep = math.sqrt(1 + slope**2)

    def mean(z: Tensor) -> Tensor:
        return torch.cat((z, slope * z.norm(dim=-1, keepdim=True)), -1)

    def develop(z: Tensor) -> Tensor:
        radius = steep * z.norm(dim=-1)
        angle = torch.atan2(z[..., 1], z[..., 0]) / steep
        return torch.stack((radius * angle.cos(), radius * angle.sin()), -1)

    return mean, develop


def _make_cone() -> Problem:
    mean, develop = cone(1.0)
    # On one side of the apex, so that no geodesic crosses the cut of atan2.
    radii = draw_pairs(12, 1, seed=13, low=0.5, high=2.0)  # (12, 1) each
    angles = draw_pairs(12, 1, seed=14, low=-1.2, high=1.2)
    start, end = (
        torch.cat((radius * angle.cos(), radius * angle.sin()), -1)
        for radius, angle in zip(radii, angles, strict=True)
    )
    note = "a cone over the plane, random pairs on one side of its apex"
    return _make_flat("cone", "cone", note, mean, develop, start, end)


def _make_cone_beside_apex() -> Problem:
    mean, develop = cone(1.0)
    start = torch.tensor([[0.2, -1.0], [0.1, -1.0], [0.05, -1.0]], dtype=DOUBLE)
    end = torch.tensor([[0.2, 1.0], [0.3, 1.0], [0.05, 2.0]], dtype=DOUBLE)
    note = "pairs whose straight line passes close to the apex, and the geodesic round it"
    return _make_flat("cone, beside the apex", "cone", note, mean, develop, start, end)


def _make_fold() -> Problem:
    def mean(z: Tensor) -> Tensor:
        return torch.cat((z, 2 * z[..., :1].clamp(min=0)), -1)

    def develop(z: Tensor) -> Tensor:
        x, y = z.unbind(-1)
        return torch.stack((torch.where(x > 0, math.sqrt(5) * x, x), y), -1)

    start = torch.tensor([[-1.0, 0.0], [-1.0, -1.0], [-0.2, 0.0]], dtype=DOUBLE)
    end = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.5, 2.0]], dtype=DOUBLE)
    note = "a wedge: two planes that meet in a fold, as a ReLU makes them"
    return _make_flat("wedge", "fold", note, mean, develop, start, end)


def _make_valley(steepness: float) -> Problem:
    def mean(z: Tensor) -> Tensor:
        x, y = z.unbind(-1)
        return torch.stack((steepness * (x - 0.5 * (2 * y).sin()), y), -1)

    y = torch.cat(draw_pairs(12, 1, seed=17, low=-2, high=2), -1)  # (12, 2)
    start, end = (torch.stack((0.5 * (2 * at).sin(), at), -1) for at in y.unbind(-1))
    condition = f"condition {steepness**2:.0e}".replace("e+0", "e")
    note = f"a winding valley in a chart whose metric has {condition}"
    return _make_flat(f"valley, {condition}", "valley", note, mean, mean, start, end)
