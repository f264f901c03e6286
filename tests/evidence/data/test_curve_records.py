"""Curves between pairs: by pair, never by row, to files and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from latent_transport.evidence.data.curves import Curves
from latent_transport.storage import DataError

PROPERTY = settings(deadline=None, derandomize=True, max_examples=50)
T = np.linspace(0, 1, 4, dtype=np.float32)


def make_curves(pairs, dims=2):
    """Curves whose every number is that of their pair."""
    pair = np.array(pairs, dtype=np.int64)
    points = np.broadcast_to(pair.astype(np.float32)[:, None, None], (len(pair), len(T), dims))
    return Curves(pair, T, points)


@PROPERTY
@given(
    st.lists(st.integers(0, 99), unique=True).flatmap(
        lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs), st.integers(0, len(pairs)))
    )
)
def test_curves_come_in_the_order_of_the_pairs_asked_for(given):
    pairs, order, count = given
    found = make_curves(pairs).of(order[:count])
    assert found.pair.tolist() == order[:count]
    assert found.points.shape == (count, 4, 2)
    assert (found.points == found.pair[:, None, None]).all()
    np.testing.assert_array_equal(found.t, T)


@pytest.mark.parametrize("missing", [3, 6, 99])
def test_a_pair_without_a_curve_is_refused_and_not_given_its_neighbours(missing, tmp_path):
    make_curves([2, 5, 9]).save(tmp_path / "curves.safetensors")
    curves = Curves.load(tmp_path / "curves.safetensors")
    with pytest.raises(
        DataError, match=rf"curves\.safetensors lacks 1 pairs, such as {missing}; .*same run"
    ):
        curves.of([2, missing, 9])


@PROPERTY
@given(st.lists(st.integers(0, 99), unique=True), st.integers(1, 5))
def test_chunks_are_gathered_in_the_order_of_the_pairs(pairs, chunks):
    parts = [make_curves([pair for pair in pairs if pair % chunks == n]) for n in range(chunks)]
    curves = Curves.gather(parts)
    assert curves.pair.tolist() == sorted(pairs)
    assert (curves.points == curves.pair[:, None, None]).all()


def test_chunks_that_do_not_fit_are_refused():
    first = make_curves([1, 2])
    with pytest.raises(DataError, match="at other parameters"):
        Curves.gather([first, Curves(first.pair + 2, T**2, first.points)])
    with pytest.raises(DataError, match="of other latent spaces"):
        Curves.gather([first, make_curves([3], dims=3)])
    with pytest.raises(DataError, match="holds 2 curves of pair 2"):
        Curves.gather([first, make_curves([2, 3])])


def test_a_file_holds_the_arrays_and_gives_them_back(tmp_path):
    curves, path = make_curves([4, 1]), tmp_path / "curves.safetensors"
    curves.save(path)
    arrays, loaded = load_file(path), Curves.load(path)
    assert set(arrays) == {"pair", "t", "points"}
    for name, array in arrays.items():
        for found in (array, getattr(loaded, name)):
            np.testing.assert_array_equal(found, getattr(curves, name))
            assert found.dtype == getattr(curves, name).dtype


@pytest.mark.parametrize(
    "changed",
    [
        {"pair": np.arange(2)},
        {"pair": np.zeros((3, 1))},
        {"t": T[1:]},
        {"points": np.zeros((3, 4))},
    ],
)
def test_arrays_that_do_not_fit_are_refused(changed):
    arrays = {"pair": np.arange(3), "t": T, "points": np.zeros((3, 4, 2))}
    with pytest.raises(DataError, match=r"expected \(m,\), \(T,\) and \(m, T, d\)"):
        Curves(**(arrays | changed))
