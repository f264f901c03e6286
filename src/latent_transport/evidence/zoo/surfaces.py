"""Curved surfaces: distances by quadrature, or from the geodesic equation."""

import math

import numpy as np
import torch
from torch import Tensor

from latent_transport.evidence.zoo.boundary import collocation_length
from latent_transport.evidence.zoo.clairaut import turning_distance
from latent_transport.evidence.zoo.problems import (
    DOUBLE,
    Mean,
    Problem,
    draw_pairs,
    make_surface,
)

RING, TUBE = 2.0, 1.0  # radii of the torus
FLATTENING = 0.5  # half the height of the oblate ellipsoid, over its radius
SHARES = (0.9, 0.99, 1.01, 1.1)  # of the way to the conjugate point
AXES = (3.0, 2.0, 1.0)  # of the other ellipsoid


def make_surfaces() -> list[Problem]:
    """Return problems on tori, ellipsoids, a hill and a pseudosphere."""
    tori = [_make_torus("outer"), _make_torus("inner"), _make_torus_equator()]
    hills = [_make_hill(), _make_hill_aside()]
    return [*tori, _make_oblate_equator(), _make_ellipsoid(), *hills, _make_pseudosphere()]


def torus(z: Tensor) -> Tensor:
    """Points (..., 3) of a torus, of angles round the tube and round the ring (..., 2)."""
    tube, ring = z.unbind(-1)
    radius = RING + TUBE * tube.cos()
    return torch.stack((radius * ring.cos(), radius * ring.sin(), TUBE * tube.sin()), -1)


def hill(z: Tensor) -> Tensor:
    """Points (..., 3) of a hill over the plane, three units high."""
    height = 3 * (-z.square().sum(-1, keepdim=True)).exp()  # (..., 1)
    return torch.cat((z, height), -1)


def ellipsoid(z: Tensor) -> Tensor:
    """Points (..., 3) of an ellipsoid, of colatitudes and longitudes (..., 2)."""
    return _ellipsoid(z, AXES)


def oblate(z: Tensor) -> Tensor:
    """Points (..., 3) of a flat ellipsoid of revolution, of latitudes and longitudes (..., 2)."""
    latitude, longitude = z.unbind(-1)
    return _ellipsoid(torch.stack((math.pi / 2 - latitude, longitude), -1), (1, 1, FLATTENING))


def _ellipsoid(z: Tensor, axes: tuple[float, float, float]) -> Tensor:
    colatitude, longitude = z.unbind(-1)
    x = axes[0] * colatitude.sin() * longitude.cos()
    y = axes[1] * colatitude.sin() * longitude.sin()
    return torch.stack((x, y, axes[2] * colatitude.cos()), -1)


def pseudosphere(z: Tensor) -> Tensor:
    """Points (..., 3) of the tractroid, of angles and log heights over the half plane (..., 2)."""
    angle, log_height = z.unbind(-1)
    radius = (-log_height).exp()
    along = torch.acosh(log_height.exp()) - (1 - radius.square()).sqrt()
    return torch.stack((radius * angle.cos(), radius * angle.sin(), along), -1)


def _collocate(mean: Mean, start: Tensor, end: Tensor, through: Tensor | None = None) -> Tensor:
    guesses = [None] * len(start) if through is None else through.tolist()
    pairs = zip(start.tolist(), end.tolist(), guesses, strict=True)
    return torch.tensor([collocation_length(mean, *pair) for pair in pairs], dtype=DOUBLE)


def _make_torus(side: str) -> Problem:
    start, end = draw_pairs(8, 2, seed=19)
    middle = torch.tensor([0 if side == "outer" else math.pi, 0], dtype=DOUBLE)
    start, end = 0.8 * start + middle, 0.8 * end + middle
    return make_surface(
        f"torus, {side} side",
        "torus",
        f"angles round tube and ring, random pairs on the {side} side",
        torus,
        *(start, end, _collocate(torus, start, end)),
    )


def _make_torus_equator() -> Problem:
    """Pairs on the outer equator, before and beyond the first conjugate point.

    The curvature there is 1 / (r (R + r)), so that the conjugate point comes after the arc
    pi sqrt(r (R + r)). Beyond it the equator is a saddle, and the shortest way leaves it.
    """
    around = math.pi * math.sqrt(TUBE / (RING + TUBE))  # angle to the conjugate point
    shifts = [share * around for share in SHARES]
    distances = [
        (RING + TUBE) * shift
        if share < 1
        else turning_distance(
            lambda u: np.full_like(u, TUBE), lambda u: RING + TUBE * np.cos(u), 0, shift, math.pi
        )
        for share, shift in zip(SHARES, shifts, strict=True)
    ]
    return _on_equator(
        "torus, conjugate points", "outer equator of a torus", torus, shifts, distances
    )


def _make_oblate_equator() -> Problem:
    """Pairs on the equator of a flat ellipsoid; curvature 1 / c^2, c the half height."""
    shifts = [share * math.pi * FLATTENING for share in SHARES]

    def along(latitude: np.ndarray) -> np.ndarray:
        return np.hypot(np.sin(latitude), FLATTENING * np.cos(latitude))

    distances = [
        shift if share < 1 else turning_distance(along, np.cos, 0, shift, math.pi / 2)
        for share, shift in zip(SHARES, shifts, strict=True)
    ]
    return _on_equator(
        "ellipsoid, conjugate points",
        "equator of an ellipsoid of axes 1, 1, 1/2",
        oblate,
        shifts,
        distances,
    )


def _on_equator(
    name: str, place: str, mean: Mean, shifts: list[float], distances: list[float]
) -> Problem:
    start = torch.zeros(len(shifts), 2, dtype=DOUBLE)
    end = torch.stack((start[:, 0], torch.tensor(shifts, dtype=DOUBLE)), -1)
    note = f"{place}, 0.9, 0.99, 1.01 and 1.1 of the way to the conjugate point"
    distance = torch.tensor(distances, dtype=DOUBLE)
    return make_surface(name, "conjugate", note, mean, start, end, distance)


def _make_ellipsoid() -> Problem:
    start, end = draw_pairs(8, 2, seed=23)
    middle = torch.tensor([math.pi / 2, 0.4], dtype=DOUBLE)
    start, end = 0.9 * start + middle, 0.9 * end + middle
    note = "ellipsoid of axes 3, 2, 1, colatitude and longitude, random pairs"
    return make_surface(
        "ellipsoid", "surface", note, ellipsoid, start, end, _collocate(ellipsoid, start, end)
    )


def _make_hill() -> Problem:
    start, end = torch.tensor([[[-2.0, 0.0]], [[2.0, 0.0]]], dtype=DOUBLE)
    through = torch.tensor([[0.0, 1.2]], dtype=DOUBLE)
    note = "straight over a hill is a saddle, 7.410 long; the shortest way goes round it"
    return make_surface(
        "hill", "saddle", note, hill, start, end, _collocate(hill, start, end, through)
    )


def _make_hill_aside() -> Problem:
    start = torch.tensor([[-2.0, 0.1], [-2.0, 0.3], [-1.5, 1.0], [0.0, -0.2]], dtype=DOUBLE)
    end = torch.tensor([[2.0, 0.1], [2.0, 0.5], [1.5, 0.5], [1.5, 1.0]], dtype=DOUBLE)
    through = torch.tensor([[0.0, 1.2], [0.0, 1.2], [0.0, 1.2], [0.9, 0.2]], dtype=DOUBLE)
    note = "a hill, pairs whose straight line does not cross the top"
    return make_surface(
        "hill, aside", "surface", note, hill, start, end, _collocate(hill, start, end, through)
    )


def _make_pseudosphere() -> Problem:
    """Pairs on the tractroid, which is the half plane above the height 1, rolled up."""
    start, end = draw_pairs(12, 2, seed=29)
    scale, shift = torch.tensor([[2.0, 0.7], [0.0, 1.0]], dtype=DOUBLE)
    start, end = start * scale + shift, end * scale + shift
    chord = torch.stack((end[:, 0] - start[:, 0], end[:, 1].exp() - start[:, 1].exp()), -1)
    width = 2 * ((start[:, 1] + end[:, 1]) / 2).exp()  # (B,)
    distance = 2 * torch.asinh(chord.norm(dim=-1) / width)
    note = "tractroid, of curvature -1: angle and log height over the half plane, random pairs"
    return make_surface("pseudosphere", "surface", note, pseudosphere, start, end, distance)
