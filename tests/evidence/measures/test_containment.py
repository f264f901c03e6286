"""The region of the codes: calibrated as stated, and what leaves it is found."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.curves import Curves
from latent_transport.evidence.measures.containment import (
    LatentRegion,
    draw_codes,
    draw_floors,
    load_paths,
    measure_containment,
    measure_norms,
)
from latent_transport.storage import DataError


def draw_points(count, dims=2, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dims)).astype(np.float32)


@pytest.mark.parametrize("dims", [1, 2, 3, 20])
@pytest.mark.parametrize("neighbours", [1, 7])
def test_scores_are_distances_to_the_kth_nearest_code(dims, neighbours):
    codes, points = draw_points(80, dims), draw_points(30, dims, seed=1).reshape(5, 6, dims)
    region = LatentRegion.fit(codes, points[0], neighbours=neighbours)
    distances = np.sort(cdist(points.reshape(-1, dims), codes), axis=1)[:, neighbours - 1]
    np.testing.assert_allclose(region.scores(points), distances.reshape(5, 6), rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 60), st.sampled_from([0.5, 0.9, 0.99, 1.0]), st.integers(0, 5), st.integers(1, 9)
)
def test_the_region_is_the_smallest_that_holds_the_share(count, share, seed, neighbours):
    codes, held_out = draw_points(50), draw_points(count, seed=seed + 1)
    region = LatentRegion.fit(codes, held_out, share=share, neighbours=neighbours)
    assert region.contains(held_out).mean() >= share - 1e-12
    assert (region.scores(held_out) < region.boundary).mean() < share


def test_about_the_share_of_fresh_codes_lies_inside():
    region = LatentRegion.fit(draw_points(4000), draw_points(4000, seed=1), share=0.9)
    assert region.contains(draw_points(4000, seed=2)).mean() == pytest.approx(0.9, abs=0.02)


def test_a_hole_between_the_codes_is_outside():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 500)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    region = LatentRegion.fit(ring[:400], ring[400:])
    assert not region.contains(np.zeros(2))
    assert region.contains(np.array([1.0, 0.0]))


def test_containment_of_known_curves():
    # Codes on an interval: a point beyond its end is as far from the second nearest code as it
    # stands off, plus their spacing.
    codes = np.linspace(0, 1, 101)[:, None]
    region = LatentRegion.fit(codes, np.array([[1.025]]), neighbours=2)
    assert region.boundary == pytest.approx(0.035)
    inside, outside = np.linspace(0.2, 0.8, 11), np.linspace(1.0, 1.1, 11)
    found = measure_containment(region, np.stack([inside, outside])[..., None])
    np.testing.assert_allclose(found["share_inside"], [1, 0.25], rtol=1e-5)  # from 1.000 to 1.025
    np.testing.assert_allclose(found["points_inside"], [1, 3 / 11])
    assert found["worst_excursion"][0] < 1
    assert found["worst_excursion"][1] == pytest.approx(0.11 / 0.035)


def test_share_inside_does_not_depend_on_the_speed():
    region = LatentRegion.fit(np.linspace(0, 1, 101)[:, None], np.array([[1.025]]), neighbours=2)
    t = np.linspace(0, 1, 201)
    found = measure_containment(region, np.stack([0.9 + 0.2 * t, 0.9 + 0.2 * t**3])[..., None])
    np.testing.assert_allclose(found["share_inside"], 0.625, atol=0.01)
    assert found["points_inside"][0] == pytest.approx(0.625, abs=0.01)
    assert found["points_inside"][1] == pytest.approx(0.625 ** (1 / 3), abs=0.01)
    still = measure_containment(region, np.full((1, 5, 1), 0.5))
    np.testing.assert_allclose(still["share_inside"], 1)


def make_codes(count, dims, seed):
    """Codes of which all dimensions but two have collapsed, as a trained encoder makes them."""
    rng = np.random.default_rng(seed)
    mean = (0.9 * rng.standard_normal((count, dims))).astype(np.float32)
    scale = np.full((count, dims), (1 - 0.9**2) ** 0.5, np.float32)
    mean[:, 2:], scale[:, 2:] = 0, 1
    other = np.zeros(count, np.uint8)
    return Codes(mean, scale, other, np.arange(count), other)


def test_a_region_of_posterior_samples_holds_them_and_one_of_the_means_does_not():
    train, validation, test = (make_codes(3000, 5, seed) for seed in range(3))
    rng = np.random.default_rng(3)
    region = LatentRegion.fit(draw_codes(train, rng), draw_codes(validation, rng))
    of_means = LatentRegion.fit(train.mean, validation.mean)
    floors = draw_floors(test, rng, (100, 50))
    assert list(floors) == ["images", "posterior", "prior"]
    assert {points.shape for points in floors.values()} == {(100, 50, 5)}
    assert region.contains(floors["posterior"]).mean() == pytest.approx(0.99, abs=0.01)
    assert region.contains(floors["prior"]).mean() == pytest.approx(0.99, abs=0.01)
    assert region.contains(floors["images"]).mean() > 0.99
    assert of_means.contains(floors["images"]).mean() == pytest.approx(0.99, abs=0.01)
    assert of_means.contains(floors["posterior"]).mean() < 0.2
    assert {points.dtype for points in floors.values()} == {np.dtype(np.float32)}


def test_norms_are_means_over_the_length():
    t = np.linspace(0, 1, 2001)[:, None]
    straight = t * np.array([[3.0, 4.0]])  # from 0 to 5 evenly
    hurried = t**4 * np.array([[3.0, 4.0]])
    still = np.full((2001, 2), [0.6, 0.8])
    found = measure_norms(np.stack([straight, hurried, still]))
    np.testing.assert_allclose(found, [2.5, 2.5, 1], rtol=1e-3)


def test_excursion_is_at_most_one_where_the_curve_stays_inside():
    region = LatentRegion.fit(draw_points(200), draw_points(100, seed=1), share=0.9)
    curves = 2 * draw_points(400, seed=2).reshape(100, 4, 2)
    found = measure_containment(region, curves)
    wholly = np.isclose(found["share_inside"], 1)
    assert 0 < wholly.sum() < 100
    np.testing.assert_array_equal(wholly, found["worst_excursion"] <= 1)
    np.testing.assert_array_equal(wholly, region.contains(curves).all(-1))


def test_points_and_codes_are_left_as_they_are():
    codes, held_out = draw_points(50), draw_points(20, seed=1)
    copies = codes.copy(), held_out.copy()
    LatentRegion.fit(codes, held_out).contains(held_out)
    assert np.array_equal(codes, copies[0])
    assert np.array_equal(held_out, copies[1])


@pytest.mark.parametrize(
    ("codes", "held_out", "options", "message"),
    [
        (draw_points(20), draw_points(5, 3), {}, r"held-out codes have shape \(5, 3\)"),
        (draw_points(20), draw_points(0), {}, r"held-out codes have shape \(0, 2\)"),
        (draw_points(20)[0], draw_points(5), {}, r"codes have shape \(2,\)"),
        (draw_points(20), draw_points(5) * np.nan, {}, "held-out codes are not finite"),
        (draw_points(20), draw_points(5), {"share": 0}, "share is 0"),
        (draw_points(20), draw_points(5), {"share": 1.1}, "share is 1.1"),
        (draw_points(20), draw_points(5), {"neighbours": 21}, "neighbours is 21; expected 1 to 20"),
        (draw_points(20), draw_points(5), {"neighbours": 0}, "neighbours is 0"),
    ],
)
def test_what_does_not_fit_is_refused(codes, held_out, options, message):
    with pytest.raises(DataError, match=message):
        LatentRegion.fit(codes, held_out, **options)


# --- The paths between pairs ---

T = np.linspace(0, 1, 5, dtype=np.float32)


@pytest.fixture
def files(tmp_path):
    points = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    bent = points + np.sin(np.linspace(0, np.pi, 5, dtype=np.float32))[:, None]
    Curves(np.array([4, 7, 9]), T, points).save(tmp_path / "a.safetensors")
    Curves(np.array([9, 7, 4]), T, bent[::-1]).save(tmp_path / "b.safetensors")
    return [tmp_path / "a.safetensors", tmp_path / "b.safetensors"], points, bent


def pairs_of(*numbers):
    return pd.DataFrame({"pair": numbers, "kind": "far"})


def test_paths_come_in_the_order_of_the_pairs_and_the_line_joins_their_ends(files):
    names, points, bent = files
    paths = load_paths(["a", "b"], names, pairs_of(7, 4))
    assert list(paths) == ["a", "b", "line"]
    np.testing.assert_array_equal(paths["a"], points[[1, 0]])
    np.testing.assert_array_equal(paths["b"], bent[[1, 0]])
    np.testing.assert_allclose(
        paths["line"], np.linspace(points[[1, 0], 0], points[[1, 0], -1], 5, axis=1), atol=1e-6
    )
    assert paths["line"].dtype == np.float32


def test_a_path_may_have_the_first_pairs_of_each_kind_alone(files, tmp_path):
    names, points, bent = files
    pairs = pd.DataFrame({"pair": [9, 4, 7], "kind": ["far", "random", "far"]})
    short = tmp_path / "short.safetensors"
    Curves(np.array([9, 4]), T, bent[[2, 0]]).save(short)
    paths = load_paths(["b", "a"], [short, names[0]], pairs, {"b": 1})
    np.testing.assert_array_equal(paths["a"], points[[2, 0, 1]])
    np.testing.assert_array_equal(paths["b"], [bent[2], bent[0], np.full((5, 2), np.nan)])
    assert np.isfinite(paths["line"]).all()
    with pytest.raises(DataError, match="lacks 1 pairs, such as 7"):
        load_paths(["a", "b"], [names[0], short], pairs)
    with pytest.raises(DataError, match="none of the paths b has all pairs"):
        load_paths(["b"], [short], pairs, {"b": 1})


def test_paths_that_do_not_fit_are_refused(files, tmp_path):
    names, points, _ = files
    pairs = pairs_of(4, 7)
    for chosen, message in (
        (["a"], "1 names for 2 files"),
        (["a", "line"], "'line' not at all"),
        (["a", "a"], "expected each once"),
    ):
        with pytest.raises(DataError, match=message):
            load_paths(chosen, names, pairs)
    with pytest.raises(DataError, match="lacks 1 pairs, such as 5"):
        load_paths(["a", "b"], names, pairs_of(4, 5))
    moved = tmp_path / "moved.safetensors"
    Curves(np.array([4, 7, 9]), T, points + 1).save(moved)
    with pytest.raises(DataError, match="paths a and c join other ends"):
        load_paths(["a", "c"], [names[0], moved], pairs)
