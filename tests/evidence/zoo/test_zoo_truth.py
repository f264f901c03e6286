"""The known answers, each against another way to it: none asks a solver of ours."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from grids import grid_distances
from scipy.integrate import quad, solve_bvp
from scipy.special import rel_entr

from latent_transport.evidence.measures.ramps import fisher_rao_distance
from latent_transport.evidence.zoo import boundary
from latent_transport.evidence.zoo.boundary import collocation_length
from latent_transport.evidence.zoo.clairaut import crossing_distance, turning_distance
from latent_transport.evidence.zoo.collection import make_zoo
from latent_transport.evidence.zoo.developable import cone, swiss_roll, unroll
from latent_transport.evidence.zoo.families import decode_shapes
from latent_transport.evidence.zoo.spheres import angle, polar, stereographic
from latent_transport.evidence.zoo.surfaces import oblate, pseudosphere, torus
from latent_transport.evidence.zoo.weights import clamp_smoothly

DOUBLE = {"dtype": torch.float64}
ZOO = make_zoo()


def ends_of(problem):
    """Ends of each pair, as lists, and its distance."""
    return zip(problem.start.tolist(), problem.end.tolist(), problem.distance.tolist(), strict=True)


def collocate(mean, name):
    return [collocation_length(mean, start, end) for start, end, _ in ends_of(ZOO[name])]


def mean_of(name):
    return lambda z: ZOO[name].geometry.decoder(z).mean


def approx(problem, rel):
    return pytest.approx(problem.distance.tolist(), rel=rel)


# --- Spheres ---


def test_spheres_are_those_of_the_literature():
    known = {2: 2.3005, 3: 2.4619, 5: 2.4026, 10: 1.9752}
    known |= {20: 1.4991, 50: 0.9900, 100: 0.7104, 1000: 0.2277}
    found = {d: ZOO[f"S^{d}"].distance.item() for d in known}
    assert found == pytest.approx(known, abs=5.1e-5)


@pytest.mark.parametrize("name", ["S^2, random pairs", "S^10, random pairs"])
def test_angles_on_spheres(name):
    problem = ZOO[name]
    p, q = stereographic(problem.start), stereographic(problem.end)
    torch.testing.assert_close(p.norm(dim=-1), torch.ones(16, **DOUBLE))
    torch.testing.assert_close((p * q).sum(-1).acos(), problem.distance)


@pytest.mark.parametrize("name", ["S^2", "S^3", "S^5"])
def test_angles_solve_the_geodesic_equation(name):
    problem = ZOO[name]
    middle = stereographic(problem.start) + stereographic(problem.end)
    middle = middle / middle.norm()  # without it, the way round the back is found too
    through = middle[0, :-1] / (1 - middle[0, -1])
    ends = problem.start[0].tolist(), problem.end[0].tolist()
    found = collocation_length(stereographic, *ends, through)
    assert found == pytest.approx(problem.distance.item(), rel=1e-7)


def test_angles_of_the_polar_chart_solve_the_geodesic_equation():
    assert collocate(polar, "sphere, polar chart") == approx(ZOO["sphere, polar chart"], rel=1e-7)


def test_nearly_opposite_points_lack_so_much_of_half_a_turn():
    for d in (2, 10):
        found = math.pi - ZOO[f"S^{d}, nearly opposite"].distance
        torch.testing.assert_close(found, torch.tensor([0.1, 0.01, 0.001], **DOUBLE))


def test_close_ends_are_as_far_apart_as_the_chart_is_stretched():
    for name, apart in (("1e-6 apart", 2**-20), ("1e-3 apart", 2**-10)):
        problem = ZOO[f"S^2, ends {name}"]
        middle = (problem.start + problem.end) / 2
        stretch = 2 / (1 + middle.square().sum(-1))
        expected = stretch * apart * torch.tensor([1, 1, math.sqrt(2)], **DOUBLE)
        torch.testing.assert_close(problem.distance, expected, rtol=1e-6, atol=0)
        assert (problem.to(torch.float32).start.double() == problem.start).all()
        assert (problem.to(torch.float32).end.double() == problem.end).all()
    assert (ZOO["S^2, ends equal"].distance == 0).all()


@pytest.mark.parametrize("unit", ["0.001", "1000"])
def test_units_change_nothing_but_the_unit(unit):
    latent, data = ZOO[f"S^2, latent unit {unit}"], ZOO[f"S^2, data unit {unit}"]
    torch.testing.assert_close(latent.start, float(unit) * data.start)
    torch.testing.assert_close(float(unit) * latent.distance, data.distance)
    z, u = latent.start, data.start
    torch.testing.assert_close(mean_of(latent.name)(z) * float(unit), mean_of(data.name)(u))
    assert (data.geometry.decoder(u).stddev == float(unit)).all()


# --- Quadrature and the geodesic equation, against each other ---


def test_quadrature_on_the_sphere():
    def ones(x):
        return np.ones_like(x)

    start, end = torch.tensor([[[-0.4, 0.0]], [[0.9, 1.2]]], **DOUBLE)
    start, end = (torch.stack((math.pi / 2 - z[:, 0], z[:, 1]), -1) for z in (start, end))
    found = crossing_distance(ones, np.cos, -0.4, 0.9, 1.2)
    assert found == pytest.approx(angle(polar, start, end).item(), rel=1e-12)
    start, end = torch.tensor([[[math.pi / 2 - 0.5, 0.0]], [[math.pi / 2 - 0.5, 2.0]]], **DOUBLE)
    found = turning_distance(ones, np.cos, 0.5, 2.0, math.pi / 2)
    assert found == pytest.approx(angle(polar, start, end).item(), rel=1e-10)


def test_geodesics_that_do_not_run_one_way_are_refused():
    def ones(x):
        return np.ones_like(x)

    with pytest.raises(ValueError, match="turns back"):
        crossing_distance(ones, np.cos, 0.5, 0.6, 2.0)
    with pytest.raises(ValueError, match="no geodesic"):
        turning_distance(ones, np.cos, 0.0, 2.0, math.pi / 2)  # before the conjugate point, at pi


def test_collocation_that_fails_says_so(monkeypatch):
    monkeypatch.setattr(boundary, "MOST_NODES", 102)
    with pytest.raises(RuntimeError, match="no geodesic"):
        collocation_length(torus, [-1.0, 0.0], [1.0, 2.5])


# --- Curved surfaces ---


BOXES = {  # low and high of a box that holds the shortest curves, and others that might be shorter
    "torus, outer side": ((-2.5, -1.2), (2.5, 1.2), 50),
    "torus, inner side": ((1.4, -1.0), (4.9, 1.0), 60),
    "ellipsoid": ((0.2, -0.8), (2.9, 1.6), 50),
    "hill": ((-2.4, -2.4), (2.4, 2.4), 60),
    "hill, aside": ((-2.4, -2.4), (2.4, 2.4), 60),
    "sphere, past the pole": ((0.002, -0.2), (0.8, 3.2), 60),
    "cone, beside the apex": ((-1.5, -1.3), (1.5, 2.3), 60),
    "wedge": ((-1.2, -1.2), (1.2, 2.2), 60),
    "pseudosphere": ((-2.2, 0.05), (2.2, 2.5), 60),
    "channel": ((-0.4, -0.1), (0.9, 3.1), 60),
    "ridge": ((-1.2, -1.2), (1.2, 1.2), 60),
    "clamped weight": ((-3.1, -0.2), (3.1, 1.3), 110),
}


@pytest.mark.parametrize("name", BOXES)
def test_no_path_through_a_grid_is_shorter(name):
    low, high, size = BOXES[name]
    found = grid_distances(ZOO[name], low, high, size=size) / ZOO[name].distance.numpy()
    assert found.min() > 1 - 2e-3
    assert found.max() < 1.015


def test_hills_straight_way_is_a_saddle():
    start, end, distance = next(ends_of(ZOO["hill"]))
    assert distance == pytest.approx(4.9923, abs=1e-4)
    straight = quad(lambda x: math.hypot(1, 6 * x * math.exp(-(x**2))), -2, 2, epsabs=1e-10)[0]
    assert straight == pytest.approx(7.4097, abs=1e-4)
    assert collocation_length(mean_of("hill"), start, end) == pytest.approx(straight, rel=1e-6)
    assert collocation_length(mean_of("hill"), start, end, [0, -1]) == pytest.approx(distance)


@pytest.mark.parametrize(("name", "mean"), [("torus", torus), ("ellipsoid", oblate)])
def test_beyond_the_conjugate_point_the_equator_is_no_longer_shortest(name, mean):
    radius = {"torus": 3, "ellipsoid": 1}[name]
    *before, beyond, far = ends_of(ZOO[f"{name}, conjugate points"])
    for start, end, distance in before:
        assert distance == pytest.approx(radius * end[1])
        for side in (0.2, 0.5):  # a start aside comes back to the equator
            found = collocation_length(mean, start, end, [side, end[1] / 2])
            assert found == pytest.approx(distance, rel=1e-7)
    for start, end, distance in (beyond, far):
        assert distance < radius * end[1] * (1 - 3e-5)
        found = collocation_length(mean, start, end, [0.8, end[1] / 2])
        assert distance == pytest.approx(found, rel=1e-7)


def test_pseudosphere_solves_the_geodesic_equation():
    problem = ZOO["pseudosphere"]
    assert collocate(pseudosphere, problem.name) == approx(problem, rel=1e-7)


# --- Flat surfaces ---


def unshear(z):
    return torch.stack((z[..., 0] - 0.3 * z[..., 1].square(), z[..., 1]), -1)


def metric(mean, z):
    jacobian = torch.func.vmap(torch.func.jacfwd(mean))(z)
    return jacobian.mT @ jacobian


@pytest.mark.parametrize(
    ("name", "develop", "low", "high"),
    [
        ("Swiss roll, 6", unroll, (2, 0), (39, 10)),
        ("cylinder", unshear, (-2, -2), (2, 2)),
        ("cone", cone(1.0)[1], (0.1, -2), (2, 2)),
        ("cone, beside the apex", cone(1.0)[1], (0.05, -1), (1, 2)),
    ],
)
def test_developments_keep_lengths(name, develop, low, high):
    low, high = (torch.tensor(x, **DOUBLE) for x in (low, high))
    z = low + (high - low) * torch.rand(50, 2, generator=torch.Generator().manual_seed(0), **DOUBLE)
    torch.testing.assert_close(metric(mean_of(name), z), metric(develop, z))
    problem = ZOO[name]
    flat = (develop(problem.end) - develop(problem.start)).norm(dim=-1)
    torch.testing.assert_close(problem.distance, flat)


def test_rolls_are_as_long_as_their_spiral():
    for turns in range(1, 7):
        problem = ZOO[f"Swiss roll, {turns}"]
        last = problem.end[0, 0].item()
        assert last - 2 == pytest.approx(2 * math.pi * turns)
        arc = quad(lambda x: math.hypot(1, x), 2, last)[0]
        assert problem.distance[0].item() == pytest.approx(arc, rel=1e-12)
        assert problem.distance[1].item() == pytest.approx(math.hypot(arc, 10), rel=1e-12)
    assert collocate(swiss_roll, "Swiss roll, 1") == approx(ZOO["Swiss roll, 1"], rel=1e-6)


@pytest.mark.parametrize("condition", ["1e4", "1e6"])
def test_valleys_are_as_long_as_their_floor_and_as_steep_as_said(condition):
    problem = ZOO[f"valley, condition {condition}"]
    torch.testing.assert_close(
        problem.distance, (problem.end - problem.start)[:, 1].abs(), rtol=1e-9, atol=0
    )
    y = torch.linspace(0, 1, 2001, **DOUBLE)
    y = torch.lerp(problem.start[:, 1:], problem.end[:, 1:], y)  # (B, T)
    floor = torch.stack(((2 * y).sin() / 2, y), -1)
    torch.testing.assert_close(problem.geometry.curve_length(floor), problem.distance)
    values = torch.linalg.eigvalsh(metric(mean_of(problem.name), torch.zeros(1, 2, **DOUBLE)))
    assert float(condition) <= (values[0, 1] / values[0, 0]) < 5 * float(condition)


# --- Families ---


@pytest.mark.parametrize("count", [1, 3, 10])
def test_hyperbolic_distances(count):
    problem = ZOO[f"normals, {count}"]
    p, q = decode_shapes(problem.start), decode_shapes(problem.end)
    pixels = [torch.stack((x.mean, x.stddev), -1).numpy() for x in (p, q)]
    expected = np.linalg.norm(fisher_rao_distance(*pixels), axis=-1)
    np.testing.assert_allclose(problem.distance, expected, rtol=1e-12)
    square = (p.mean - q.mean) ** 2 / 2 + (p.stddev - q.stddev) ** 2
    each = math.sqrt(2) * torch.acosh(1 + square / (2 * p.stddev * q.stddev))
    torch.testing.assert_close(problem.distance, each.norm(dim=-1))


@pytest.mark.parametrize("count", [2, 10])
def test_bernoulli_distances_add_up_fisher_information(count):
    problem = ZOO[f"Bernoulli, {count}"]
    for start, end, distance in list(ends_of(problem))[:4]:
        each = [
            quad(lambda z: 1 / (2 * math.cosh(z / 2)), *pair)[0]
            for pair in zip(start, end, strict=True)
        ]
        assert distance == pytest.approx(math.hypot(*each), rel=1e-9)


@pytest.mark.parametrize("classes", [3, 10])
def test_categorical_distances_add_up_divergences_along_great_circles(classes):
    problem = ZOO[f"categorical, {classes}"]
    p, q = (
        problem.geometry.decoder(z).probs.squeeze(-2).sqrt().numpy()
        for z in (problem.start, problem.end)
    )
    whole = np.arccos((p * q).sum(-1))  # (B,)
    t = np.linspace(0, 1, 2001)[:, None, None]
    roots = np.sin((1 - t) * whole[:, None]) * p + np.sin(t * whole[:, None]) * q
    probabilities = (roots / np.sin(whole)[:, None]) ** 2  # (T, B, n)
    np.testing.assert_allclose(probabilities.sum(-1), 1)
    steps = np.sqrt(2 * rel_entr(probabilities[1:], probabilities[:-1]).sum(-1))  # (T - 1, B)
    np.testing.assert_allclose(problem.distance, steps.sum(0), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "power"), [("shapes, W1", 1), ("shapes, W2", 2), ("linear, Finsler", 1)]
)
def test_wasserstein_distances_are_integrals_of_quantiles(name, power):
    problem = ZOO[name]
    p, q = (problem.geometry.decoder(z) for z in (problem.start, problem.end))
    x = torch.linspace(-9, 9, 20_001, **DOUBLE)
    weights = torch.exp(-(x**2) / 2) * (x[1] - x[0]) / math.sqrt(2 * math.pi)
    gap = (q.mean - p.mean)[..., None] + (q.stddev - p.stddev)[..., None] * x  # (B, D, X)
    each = (gap.abs() ** power @ weights) ** (1 / power)
    torch.testing.assert_close(problem.distance, each.norm(dim=-1), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["shapes, W1", "shapes, W2", "linear, Finsler", "linear, W1"])
def test_straight_lines_of_shapes_are_as_long_as_the_distance(name):
    problem = ZOO[name]
    t = torch.linspace(0, 1, 501, **DOUBLE)[:, None]
    if name.startswith("shapes"):
        p, q = (decode_shapes(z) for z in (problem.start, problem.end))
        mean, stddev = (
            torch.lerp(a[:, None], b[:, None], t)
            for a, b in ((p.mean, q.mean), (p.stddev, q.stddev))
        )
        points = torch.cat((mean, stddev.log()), -1)
    else:
        points = torch.lerp(problem.start[:, None], problem.end[:, None], t)
    torch.testing.assert_close(problem.geometry.curve_length(points), problem.distance)


def test_flat_distances_of_probabilities():
    problem = ZOO["Bernoulli, W1"]
    p, q = (1 / (1 + np.exp(-z.numpy())) for z in (problem.start, problem.end))
    np.testing.assert_allclose(problem.distance, np.linalg.norm(p - q, axis=-1))
    chord = problem.geometry.distance(problem.start, problem.end)
    torch.testing.assert_close(problem.distance, chord)


# --- Weights ---


def refract(name):
    """Lengths from the geodesic equation z'' = |z'|^2 grad log w - 2 (grad log w . z') z'."""
    problem = ZOO[name]

    def slope(x):
        at = torch.from_numpy(np.stack((x, 0 * x), -1)).requires_grad_()
        return torch.autograd.grad(problem.geometry.log_weight(at).sum(), at)[0][:, 0].numpy()

    lengths = []
    for start, end, _ in ends_of(problem):
        t = np.linspace(0, 1, 400)
        line = np.array(start)[:, None] + np.subtract(end, start)[:, None] * t
        guess = np.concatenate((line, np.subtract(end, start)[:, None] + 0 * line))

        def flow(_, state):
            x, _, vx, vy = state
            g = slope(x)
            return np.stack((vx, vy, (vy**2 - vx**2) * g, -2 * vx * vy * g))

        def miss(first, last, start=start, end=end):
            return np.concatenate((first[:2] - start, last[:2] - end))

        found = solve_bvp(flow, miss, t, guess, tol=1e-5, max_nodes=20_000)
        assert found.success
        z = torch.from_numpy(found.sol(np.linspace(0, 1, 20_001))[:2].T.copy())
        lengths.append(problem.geometry.curve_length(z[None]).item())
    return lengths


@pytest.mark.parametrize("name", ["ridge", "slope"])
def test_snells_law_is_the_geodesic_equation(name):
    assert refract(name) == approx(ZOO[name], rel=1e-5)


def test_walls_are_as_high_as_their_thickness_says():
    problem = ZOO["wall"]
    x = np.linspace(-1, 1, 200_001)
    exponent = 6 * np.exp(-((x / 0.02) ** 2))
    # The geometry's smooth bound takes 1.8 percent of the top.
    bounded = 10 - np.log1p(np.exp(10 - exponent))
    straight = np.trapezoid(np.exp(bounded), x)
    assert problem.distance[1].item() == pytest.approx(straight, rel=1e-4)
    assert 8.205 < problem.distance[0].item() < 8.23
    assert (problem.distance[1] < problem.distance[0]).all()


def test_wall_is_crossed_at_right_angles_by_no_shorter_path():
    problem = ZOO["wall"]
    x = torch.tensor([-1, -0.1, 0.1, 1], **DOUBLE)  # the shortest way is nearly this
    best = math.inf
    for inside in np.linspace(0, 0.03, 31):
        y = torch.tensor([0, (0.3 - inside) / 2, (0.3 + inside) / 2, 0.3], **DOUBLE)
        corners = torch.stack((x, y), -1)
        t = torch.linspace(0, 1, 4001, **DOUBLE)[:, None]
        points = torch.cat([torch.lerp(a, b, t) for a, b in pairwise(corners)])
        best = min(best, problem.geometry.curve_length(points[None]).item())
    assert 1 <= best / problem.distance[0].item() < 1.001


def test_ridge_in_ten_dimensions_is_that_of_its_plane():
    plane, high = ZOO["ridge"], ZOO["ridge, 10-D"]
    assert high.distance[0].item() == pytest.approx(plane.distance[0].item(), rel=1e-12)
    shift = (high.end - high.start)[:, 1:].norm(dim=-1)
    flat = (plane.end - plane.start)[:, 1].abs()
    assert (shift[1:] > flat[1:]).all()
    assert (high.distance[1:] > plane.distance[1:]).all()


def test_slope_is_flat_in_the_plane_of_an_exponential():
    problem = ZOO["slope"]
    start, end = (np.exp(-(z[:, 0] + 1j * z[:, 1]).numpy()) for z in (problem.start, problem.end))
    np.testing.assert_allclose(problem.distance, np.abs(end - start), rtol=1e-4)


def test_weights_are_clamped_as_the_geometry_does_it():
    exponent = np.array([-30.0, -10.0, -1.0, 0.0, 2.0, 9.0, 13.5, 40.0])
    problem = ZOO["slope"]  # of which the exponent is -x
    points = torch.from_numpy(np.stack((-exponent, 0 * exponent), -1))
    expected = problem.geometry.log_weight(points)
    np.testing.assert_allclose(clamp_smoothly(exponent), expected, rtol=1e-12, atol=1e-14)
