"""Problems of geodesics whose distances are known, for any array library."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Form = Callable[[ModuleType, Any, Any], Any]
Embedding = Callable[[ModuleType, Any], Any]

DIMENSIONS = (2, 3, 5, 10, 20, 50, 100, 1000)  # of the spheres
HILL = 4.99228257855  # half the way round it, by Clairaut's integrals


@dataclass(frozen=True, eq=False)
class Problem:
    """Two points, the geometry between them, and their distance.

    Attributes
    ----------
    name, kind : str
        What it is called, and the kind of problem that it belongs to.
    start, end : ndarray of float64, shape (d,)
        The points, in a chart.
    distance : float
        Length of the shortest curve between them.
    squared_norm : callable
        The square :math:`v^T G(z) v` of a velocity's length, from an array library (NumPy, PyTorch,
        or ``jax.numpy``) and its arrays z and v (..., d): (...).
    embed : callable, optional
        The surface in Euclidean space, whose geometry it is, from an array library and its array z
        (..., d): (..., D). None for the Fisher-Rao geometry of normals of mean z_0 and scale
        exp(z_1), which is none.
    """

    name: str
    kind: str
    start: np.ndarray
    end: np.ndarray
    distance: float
    squared_norm: Form
    embed: Embedding | None

    @property
    def dims(self) -> int:
        """Number of coordinates d."""
        return len(self.start)


def make_problems() -> dict[str, Problem]:
    """Return all problems, by name."""
    problems = [
        *map(make_sphere, DIMENSIONS),
        # Their distances by shooting along the geodesic equation.
        make_torus("outside", (0.0, 0.4), (1.2, 2.0), 2.98186822116),
        make_torus("inside", (0.0, 2.5), (2.0, 3.9), 2.55639694292),
        make_swiss_roll(),
        make_half_plane(),
        make_hill(),
    ]
    return {problem.name: problem for problem in problems}


def make_sphere(dims: int) -> Problem:
    r"""Return the unit sphere in the stereographic chart from its north pole.

    .. math:: G(z) = \frac{4}{(1 + |z|^2)^2} I, \qquad
              f(z) = \frac{(2z, |z|^2 - 1)}{1 + |z|^2}

    The ends are -linspace(0, 1, d) and 1/2 in every coordinate. The distance is the angle between
    their images, :math:`2 \arctan(|a - b| / |a + b|)`.
    """

    def squared_norm(xp: ModuleType, z: Any, v: Any) -> Any:
        return 4 * (v * v).sum(-1) / (1 + (z * z).sum(-1)) ** 2

    def embed(xp: ModuleType, z: Any) -> Any:
        square = (z * z).sum(-1)[..., None]
        return xp.concatenate((2 * z, square - 1), -1) / (1 + square)

    start, end = -np.linspace(0, 1, dims), np.full(dims, 0.5)
    a, b = embed(np, start), embed(np, end)
    angle = 2 * math.atan2(np.linalg.norm(a - b), np.linalg.norm(a + b))
    return Problem(f"sphere {dims}", "sphere", start, end, angle, squared_norm, embed)


def make_torus(
    side: str, start: tuple[float, float], end: tuple[float, float], distance: float
) -> Problem:
    r"""Return the torus of radii 2 and 1, in the angles (u, v).

    .. math:: f(u, v) = ((2 + \cos v) \cos u, (2 + \cos v) \sin u, \sin v), \qquad
              G = \mathrm{diag}((2 + \cos v)^2, 1)
    """

    def squared_norm(xp: ModuleType, z: Any, v: Any) -> Any:
        return ((2 + xp.cos(z[..., 1])) * v[..., 0]) ** 2 + v[..., 1] ** 2

    def embed(xp: ModuleType, z: Any) -> Any:
        radius = 2 + xp.cos(z[..., 1])
        x, y = radius * xp.cos(z[..., 0]), radius * xp.sin(z[..., 0])
        return xp.stack((x, y, xp.sin(z[..., 1])), -1)

    ends = np.array(start), np.array(end)
    return Problem(f"torus, {side}", "torus", *ends, distance, squared_norm, embed)


def make_swiss_roll() -> Problem:
    r"""Return two turns of a Swiss roll, which is flat, in the angle t and the height y.

    .. math:: f(t, y) = (t \cos t, y, t \sin t), \qquad G = \mathrm{diag}(1 + t^2, 1)

    Unrolled, the distance is Pythagoras' of the height and the arc lengths
    :math:`(t \sqrt{1 + t^2} + \mathrm{arsinh}\, t) / 2`.
    """

    def squared_norm(xp: ModuleType, z: Any, v: Any) -> Any:
        return (1 + z[..., 0] ** 2) * v[..., 0] ** 2 + v[..., 1] ** 2

    def embed(xp: ModuleType, z: Any) -> Any:
        t = z[..., 0]
        return xp.stack((t * xp.cos(t), z[..., 1], t * xp.sin(t)), -1)

    def arc(t: float) -> float:
        return (t * math.hypot(1, t) + math.asinh(t)) / 2

    start, end = (2.0, 0.0), (2 + 4 * math.pi, 40.0)
    distance = math.hypot(arc(end[0]) - arc(start[0]), end[1] - start[1])
    ends = np.array(start), np.array(end)
    return Problem("Swiss roll, 2 turns", "Swiss roll", *ends, distance, squared_norm, embed)


def make_half_plane() -> Problem:
    r"""Return the Fisher-Rao geometry of normals, a hyperbolic half plane, in (m, log s).

    .. math:: G = \mathrm{diag}(s^{-2}, 2), \qquad
              d = \sqrt 2 \operatorname{arcosh}
              \Big(1 + \frac{(m_0 - m_1)^2 / 2 + (s_0 - s_1)^2}{2 s_0 s_1}\Big)

    Source: Costa, Santos & Strapasson (2015), *Fisher information distance: a geometrical reading*.
    """

    def squared_norm(xp: ModuleType, z: Any, v: Any) -> Any:
        return (v[..., 0] / xp.exp(z[..., 1])) ** 2 + 2 * v[..., 1] ** 2

    (m0, s0), (m1, s1) = (-2.0, 0.5), (2.0, 1.0)
    distance = math.sqrt(2) * math.acosh(1 + ((m0 - m1) ** 2 / 2 + (s0 - s1) ** 2) / (2 * s0 * s1))
    ends = np.array((m0, math.log(s0))), np.array((m1, math.log(s1)))
    return Problem("normals", "normals", *ends, distance, squared_norm, None)


def make_hill() -> Problem:
    r"""Return a hill between the ends, round which the shortest curves lead; over it is a saddle.

    .. math:: f(x, y) = (x, y, 3 e^{-x^2 - y^2})
    """

    def squared_norm(xp: ModuleType, z: Any, v: Any) -> Any:
        slope = -6 * xp.exp(-(z * z).sum(-1)) * (z * v).sum(-1)
        return (v * v).sum(-1) + slope**2

    def embed(xp: ModuleType, z: Any) -> Any:
        height = 3 * xp.exp(-(z * z).sum(-1))
        return xp.concatenate((z, height[..., None]), -1)

    ends = np.array((-2.0, 0.0)), np.array((2.0, 0.0))
    return Problem("hill", "hill", *ends, HILL, squared_norm, embed)
