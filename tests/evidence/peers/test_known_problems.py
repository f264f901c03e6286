"""Problems whose distances are known: the surface, its norm and the distance agree."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq, root

from latent_transport.evidence.peers.lengths import measure_length
from latent_transport.evidence.peers.problems import make_problems

PROBLEMS = make_problems()
SURFACES = [name for name, problem in PROBLEMS.items() if problem.embed is not None]
STATED = {
    2: 2.3005,
    3: 2.4619,
    5: 2.4026,
    10: 1.9752,
    20: 1.4991,
    50: 0.9900,
    100: 0.7104,
    1000: 0.2277,
}


@pytest.mark.parametrize("name", SURFACES)
def test_norm_is_that_of_the_surface(name):
    problem = PROBLEMS[name]
    generator = torch.Generator().manual_seed(0)
    z, v = torch.randn(2, 5, problem.dims, generator=generator, dtype=torch.float64)
    moved = torch.func.jvp(lambda z: problem.embed(torch, z), (z,), (v,))[1]
    torch.testing.assert_close(problem.squared_norm(torch, z, v), moved.square().sum(-1))


@pytest.mark.parametrize(
    ("library", "convert"), [("torch", "from_numpy"), ("jax.numpy", "asarray")]
)
@pytest.mark.parametrize("name", PROBLEMS)
def test_array_libraries_agree(name, library, convert):
    xp = pytest.importorskip(library)
    problem = PROBLEMS[name]
    arrays = np.random.default_rng(0).normal(size=(2, 3, 4, problem.dims))
    z, v = map(getattr(xp, convert), arrays)
    close = (
        {"rtol": 1e-12, "atol": 1e-14} if z.dtype.itemsize == 8 else {"rtol": 1e-3, "atol": 1e-5}
    )
    np.testing.assert_allclose(
        problem.squared_norm(xp, z, v), problem.squared_norm(np, *arrays), **close
    )
    if problem.embed is not None:
        np.testing.assert_allclose(problem.embed(xp, z), problem.embed(np, arrays[0]), **close)


@pytest.mark.parametrize("dims", STATED)
def test_distances_of_spheres_are_those_stated(dims):
    assert PROBLEMS[f"sphere {dims}"].distance == pytest.approx(STATED[dims], abs=5e-5)


def test_great_circle_has_the_distance_of_the_sphere():
    problem = PROBLEMS["sphere 10"]
    a, b = problem.embed(np, problem.start), problem.embed(np, problem.end)
    angles = np.linspace(0, problem.distance, 400)[:, None]
    across = b - (a @ b) * a
    circle = np.cos(angles) * a + np.sin(angles) * across / np.linalg.norm(across)
    chart = circle[:, :-1] / (1 - circle[:, -1:])
    np.testing.assert_allclose(chart[-1], problem.end, atol=1e-12)
    length = measure_length(problem, chart)
    assert problem.distance < length < problem.distance * (1 + 1e-4)


@pytest.mark.parametrize("side", ["outside", "inside"])
def test_distances_of_the_torus_are_those_of_shooting(side):
    problem = PROBLEMS[f"torus, {side}"]

    def move(t, state):
        _, v, du, dv = state
        radius, slope = 2 + math.cos(v), -math.sin(v)
        return [du, dv, -2 * slope / radius * du * dv, radius * slope * du**2]

    def miss(velocity):
        state = [*problem.start, *velocity]
        return solve_ivp(move, (0, 1), state, "DOP853", rtol=1e-11, atol=1e-12).y[:2, -1] - (
            problem.end
        )

    velocity = root(miss, problem.end - problem.start, tol=1e-12).x
    assert np.abs(miss(velocity)).max() < 1e-9
    length = math.sqrt(problem.squared_norm(np, problem.start, velocity))
    assert length == pytest.approx(problem.distance, abs=1e-9)


def test_distance_of_the_hill_is_that_of_clairauts_integrals():
    def stretch(nearest, u):
        """Arc length a unit of u, on the curve whose least radius is ``nearest``."""
        radius = math.hypot(nearest, u)
        return math.hypot(1, 6 * radius * math.exp(-(radius**2)))

    def turn(nearest):
        half = quad(
            lambda u: nearest * stretch(nearest, u) / (nearest**2 + u**2),
            *(0, math.sqrt(4 - nearest**2)),
        )[0]
        return 2 * half - math.pi

    nearest = brentq(turn, 1.0, 1.5, xtol=1e-14)
    half = quad(lambda u: stretch(nearest, u), 0, math.sqrt(4 - nearest**2), epsabs=1e-12)[0]
    assert 2 * half == pytest.approx(PROBLEMS["hill"].distance, abs=1e-9)


def test_half_circle_has_the_distance_of_normals():
    problem = PROBLEMS["normals"]
    (x0, y0), (x1, y1) = (
        (mean / math.sqrt(2), math.exp(log)) for mean, log in (problem.start, problem.end)
    )
    centre = (x1**2 + y1**2 - x0**2 - y0**2) / (2 * (x1 - x0))
    angles = np.linspace(math.atan2(y0, x0 - centre), math.atan2(y1, x1 - centre), 1000)
    radius = math.hypot(x0 - centre, y0)
    means = math.sqrt(2) * (centre + radius * np.cos(angles))
    curve = np.stack((means, np.log(radius * np.sin(angles))), -1)
    np.testing.assert_allclose(curve[[0, -1]], [problem.start, problem.end], atol=1e-12)
    length = measure_length(problem, curve)
    assert problem.distance < length < problem.distance * (1 + 1e-5)


def test_unrolled_line_has_the_distance_of_the_swiss_roll():
    problem = PROBLEMS["Swiss roll, 2 turns"]

    def arc(t):
        return quad(lambda t: math.hypot(1, t), 0, t)[0]

    ends = [arc(problem.start[0]), arc(problem.end[0])]
    marks = np.linspace(*ends, 300)
    angles = [brentq(lambda t, s=s: arc(t) - s, 0, 20) for s in marks]
    heights = np.linspace(problem.start[1], problem.end[1], 300)
    length = measure_length(problem, np.stack((angles, heights), -1))
    assert problem.distance < length < problem.distance * (1 + 1e-5)


@pytest.mark.parametrize("name", PROBLEMS)
def test_straight_line_is_not_shorter(name):
    problem = PROBLEMS[name]
    assert measure_length(problem, np.stack((problem.start, problem.end))) > problem.distance


def test_length_does_not_depend_on_points_between():
    problem = PROBLEMS["normals"]
    line = problem.start + np.linspace(0, 1, 50)[:, None] * (problem.end - problem.start)
    coarse = measure_length(problem, line[::7])
    assert measure_length(problem, line) == pytest.approx(coarse, rel=1e-9)


def test_length_through_a_point_that_is_not_finite_is_nan():
    problem = PROBLEMS["hill"]
    assert math.isnan(measure_length(problem, np.array([[0, 0], [np.nan, 0], [1, 1]])))
