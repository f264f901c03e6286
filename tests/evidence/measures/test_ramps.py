"""The ramp: closed forms of its two geometries against quadrature, SciPy and the solvers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from scipy.stats import norm

from latent_transport.evidence.measures.ramps import (
    decode_ramp,
    encode_ramp,
    fisher_rao_distance,
    fisher_rao_geodesic,
    wasserstein1_distance,
    wasserstein1_geodesic,
)
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geometries.riemannian import FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.storage import load_arrays, load_table
from workflow.scripts.measure_ramp import main

torch.set_num_threads(1)

TENTHS = st.tuples(st.integers(0, 2550), st.integers(5, 800))
PIXEL = TENTHS.map(lambda tenths: np.array(tenths) / 10)
T = np.linspace(0, 1, 65)
PAIRS = [((28, 2), (228, 2)), ((60, 4), (180, 90)), ((100, 3), (100, 30)), ((9, 20), (5, 1))]


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_wasserstein1_is_the_area_between_the_cdfs(start, end):
    low = min(start[0] - 10 * start[1], end[0] - 10 * end[1])
    high = max(start[0] + 10 * start[1], end[0] + 10 * end[1])
    x = np.linspace(low, high, 200_001)
    area = np.trapezoid(np.abs(norm.cdf(x, *start) - norm.cdf(x, *end)), x)
    np.testing.assert_allclose(wasserstein1_distance(start, end), area, rtol=1e-6)


@given(PIXEL, PIXEL, PIXEL)
def test_wasserstein1_is_a_norm_of_the_differences(a, b, c):
    direct = wasserstein1_distance(a, c)
    assert direct <= (wasserstein1_distance(a, b) + wasserstein1_distance(b, c)) * (1 + 1e-9)
    np.testing.assert_allclose(wasserstein1_distance(c, a), direct)
    np.testing.assert_allclose(wasserstein1_distance(a + 7, c + 7), direct)
    np.testing.assert_allclose(wasserstein1_distance(3 * a, 3 * c), 3 * direct)


@pytest.mark.parametrize(("start", "end"), PAIRS[1:])
def test_detours_are_strictly_longer_under_wasserstein1(start, end):
    middle = wasserstein1_geodesic(start, end, [0.5])[0]
    for step in ((0, 20), (0, -0.4), (30, 0.2)):
        corner = middle + step
        if np.isclose(np.linalg.det([corner - start, np.subtract(end, start)]), 0):
            continue  # on the segment
        detour = wasserstein1_distance(start, corner) + wasserstein1_distance(corner, end)
        assert detour > wasserstein1_distance(start, end)


def test_fisher_rao_along_the_scale_is_a_logarithm():
    expected = np.sqrt(2) * np.log(30 / 3)
    np.testing.assert_allclose(fisher_rao_distance((100, 3), (100, 30)), expected)
    curve = fisher_rao_geodesic((100, 3), (100, 30), T)
    np.testing.assert_allclose(curve[:, 0], 100)
    np.testing.assert_allclose(curve[:, 1], 3 * 10**T)


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_fisher_rao_geodesic_solves_the_geodesic_equation(start, end):
    """Of the metric (dm^2 + 2 ds^2) / s^2: m'' = 2 m's'/s and s'' = s'^2/s - m'^2/(2 s)."""
    step = 1e-6
    ahead = fisher_rao_geodesic(start, end, [0, step, 2 * step])
    velocity = (4 * ahead[1] - 3 * ahead[0] - ahead[2]) / (2 * step)

    def accelerate(_, state):
        _, s, dm, ds = state
        return [dm, ds, 2 * dm * ds / s, ds**2 / s - dm**2 / (2 * s)]

    # The equation is stiff enough that the far end would only repeat errors of the velocity.
    fractions = T[: len(T) // 2]
    solution = solve_ivp(
        accelerate, (0, 1), [*ahead[0], *velocity], t_eval=fractions, rtol=1e-10, atol=1e-10
    )
    curve = fisher_rao_geodesic(start, end, fractions)
    np.testing.assert_allclose(solution.y[:2].T, curve, rtol=1e-3, atol=1e-3)


@settings(deadline=None)
@given(PIXEL, PIXEL)
def test_fisher_rao_geodesic_is_as_long_as_the_distance_at_constant_speed(a, b):
    curve = fisher_rao_geodesic(a, b, T)
    np.testing.assert_allclose(curve[[0, -1]], [a, b], rtol=1e-6, atol=1e-6)
    steps = fisher_rao_distance(curve[:-1], curve[1:])
    total = fisher_rao_distance(a, b)
    np.testing.assert_allclose(steps, total / len(steps), rtol=1e-5, atol=1e-6)


def test_fisher_rao_distance_is_the_length_of_its_metric():
    start, end = PAIRS[1]

    def speed(t):
        near = fisher_rao_geodesic(start, end, [t - 1e-5, t, t + 1e-5])
        dm, ds = (near[2] - near[0]) / 2e-5
        return np.sqrt(dm**2 + 2 * ds**2) / near[1, 1]

    length, _ = quad(speed, 1e-4, 1 - 1e-4, epsrel=1e-8)
    np.testing.assert_allclose(length / (1 - 2e-4), fisher_rao_distance(start, end), rtol=1e-6)


@given(PIXEL, PIXEL, st.floats(0.01, 10))
def test_fisher_rao_counts_levels_in_units_of_the_scale(a, b, unit):
    np.testing.assert_allclose(
        fisher_rao_distance(unit * a, unit * b), fisher_rao_distance(a, b), rtol=1e-6, atol=1e-7
    )


def test_equal_ends_are_a_point():
    pixel = (100.0, 3.0)
    assert fisher_rao_distance(pixel, pixel) == wasserstein1_distance(pixel, pixel) == 0
    for geodesic in (fisher_rao_geodesic, wasserstein1_geodesic):
        np.testing.assert_allclose(geodesic(pixel, pixel, T), np.tile(pixel, (len(T), 1)))


@pytest.mark.parametrize(
    ("geometry", "distance"),
    [(Wasserstein1, wasserstein1_distance), (FisherRao, fisher_rao_distance)],
)
def test_the_geometries_agree_with_the_closed_forms(geometry, distance):
    start, end = (np.array(ends, float) for ends in zip(*PAIRS, strict=True))
    z0, z1 = (encode_ramp(torch.from_numpy(pixels)) for pixels in (start, end))
    found = geometry(decode_ramp).distance(z0, z1)
    np.testing.assert_allclose(found.numpy(), distance(start, end), rtol=1e-10)


def test_encoding_inverts_the_decoder():
    pixels = torch.tensor([[28.0, 2.0], [200.0, 60.0]], dtype=torch.float64)
    decoded = decode_ramp(encode_ramp(pixels))
    torch.testing.assert_close(torch.cat((decoded.mean, decoded.stddev), -1), pixels)


@pytest.mark.parametrize(
    ("geometry", "distance", "solver"),
    [
        (Wasserstein1, wasserstein1_distance, LBFGS(max_iterations=1000, tolerance=1e-7)),
        (FisherRao, fisher_rao_distance, GaussNewton(tolerance=1e-7)),
    ],
)
def test_solved_geodesics_are_as_long_as_the_exact_ones(geometry, distance, solver):
    start, end = np.array([[60.0, 4.0]]), np.array([[180.0, 90.0]])
    paths = connecting_geodesics(
        geometry(decode_ramp),
        *(encode_ramp(torch.from_numpy(pixels)) for pixels in (start, end)),
        solver=solver,
        controls=12,
        points=48,
    )
    assert paths.converged.all()
    np.testing.assert_allclose(paths.length.numpy(), distance(start, end), rtol=2e-4)


def test_script_reports_what_the_closed_forms_say(tmp_path):
    main(["--table", str(tmp_path / "a.csv"), "--curves", str(tmp_path / "a.safetensors")])
    every = load_table(tmp_path / "a.csv").set_index(["case", "geometry"])
    assert (every["error"] < 1e-6).all()
    lengths = every["length"].unstack("geometry")
    spread = lengths.loc["spreading"]
    assert spread["euclidean"] == 0
    np.testing.assert_allclose(spread["wasserstein1"], 60 * np.sqrt(2 / np.pi), rtol=1e-6)
    np.testing.assert_allclose(spread["fisher-rao"], np.sqrt(2) * np.log(16), rtol=1e-6)
    ordered, relabelled = lengths.loc["ordered"], lengths.loc["relabelled"]
    np.testing.assert_allclose(ordered["fisher-rao"], relabelled["fisher-rao"])
    np.testing.assert_allclose(ordered[["wasserstein1", "euclidean"]].astype(float), 0.8 * 136)
    assert relabelled["wasserstein1"] < 0.3 * ordered["wasserstein1"]
    table = every.loc[["large", "small", "blurring"]]
    table = table[table.index.get_level_values("geometry") != "euclidean"]
    assert table["converged"].all()
    assert (table["error"] < 1e-6).all()
    assert (table["deviation"] < 1e-3).all()
    np.testing.assert_allclose(table["middle_scale"], table["exact_middle_scale"], rtol=1e-3)
    assert (table["other_excess"] > 0.05).all()
    costs = table["exact_length"].unstack("geometry")
    np.testing.assert_allclose(*costs.loc[["large", "small"], "fisher-rao"])
    np.testing.assert_allclose(costs.loc[["large", "small"], "wasserstein1"], [200, 2])
    # Halfway the sharp pixel stays sharp under W1; Fisher-Rao blurs it to the circle's radius.
    blur = np.sqrt(2**2 + 200**2 / 8)
    np.testing.assert_allclose(table.loc[("large", "fisher-rao"), "middle_scale"], blur, rtol=1e-3)
    np.testing.assert_allclose(table.loc[("large", "wasserstein1"), "middle_scale"], 2)
    arrays = load_arrays(tmp_path / "a.safetensors")
    assert arrays["fisher-rao_computed"].shape == arrays["fisher-rao_exact"].shape == (4, 257, 2)
