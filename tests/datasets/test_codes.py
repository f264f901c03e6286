"""Codes of a subset: by split and by image, to a file and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from latent_transport.datasets.codes import Codes, active_dimensions
from latent_transport.datasets.subsets import SPLITS
from latent_transport.storage import DataError, save_arrays

PROPERTY = settings(deadline=None, derandomize=True, max_examples=50)


def make_codes(count=12, seed=0):
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(count, 2)).astype(np.float32)
    return Codes(
        mean=mean,
        scale=np.exp(mean),
        labels=rng.integers(10, size=count).astype(np.uint8),
        indices=rng.permutation(10 * count)[:count],
        split=rng.integers(3, size=count).astype(np.uint8),
    )


@PROPERTY
@given(count=st.integers(0, 30), seed=st.integers(0, 1000))
def test_the_splits_share_out_all_rows(count, seed):
    codes = make_codes(count, seed)
    rows = np.concatenate([codes.rows(split) for split in SPLITS])
    np.testing.assert_array_equal(np.sort(rows), np.arange(count))
    for number, split in enumerate(SPLITS):
        part = codes.of(split)
        assert len(part) == (codes.split == number).sum()
        for name in ("mean", "scale", "labels", "indices", "split"):
            expected = getattr(codes, name)[codes.split == number]
            np.testing.assert_array_equal(getattr(part, name), expected)


@pytest.mark.parametrize("method", ["of", "rows"])
def test_an_unknown_split_is_answered_with_the_known_ones(method):
    with pytest.raises(DataError, match="'tset'; expected one of train, validation, test"):
        getattr(make_codes(), method)("tset")


def test_codes_are_found_by_the_position_of_their_image_in_its_split():
    codes = make_codes()
    # The first training and the first test image have the same position, in two files.
    codes.split[:4] = [0, 2, 2, 2]
    codes.indices[1] = codes.indices[0]
    found = codes.find("test", codes.indices[[3, 1, 3]])
    np.testing.assert_array_equal(found.mean, codes.mean[[3, 1, 3]])
    np.testing.assert_array_equal(codes.find("train", codes.indices[[0]]).mean, codes.mean[[0]])
    assert len(codes.find("test", [])) == 0


def test_an_image_without_codes_is_named_and_the_file_too(tmp_path):
    codes = make_codes()
    codes.save(tmp_path / "codes.safetensors")
    loaded = Codes.load(tmp_path / "codes.safetensors")
    test = codes.of("test").indices
    with pytest.raises(
        DataError, match=r"codes\.safetensors has no codes of 2 test images .*, such as image 500"
    ):
        loaded.find("test", [*test, 501, 500])
    training = codes.of("train").indices[0]
    with pytest.raises(DataError, match=f"such as image {training}"):
        loaded.find("test", [training])


def test_a_file_holds_the_arrays_and_gives_them_back(tmp_path):
    codes, path = make_codes(), tmp_path / "codes.safetensors"
    codes.save(path)
    loaded, arrays = Codes.load(path), load_file(path)
    assert set(arrays) == {"mean", "scale", "labels", "indices", "split"}
    for name, array in arrays.items():
        for found in (array, getattr(loaded, name)):
            np.testing.assert_array_equal(found, getattr(codes, name))
            assert found.dtype == getattr(codes, name).dtype
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "shape"), [("mean", (12,)), ("scale", (12, 3)), ("labels", (11,)), ("split", (12, 1))]
)
def test_arrays_that_do_not_fit_are_refused(name, shape, tmp_path):
    arrays = {key: getattr(make_codes(), key) for key in ("mean", "scale", "labels", "indices")}
    arrays |= {"split": make_codes().split, name: np.zeros(shape, np.float32)}
    save_arrays(tmp_path / "codes.safetensors", arrays, {})
    with pytest.raises(DataError, match=r"codes\.safetensors holds arrays .* " + name):
        Codes.load(tmp_path / "codes.safetensors")


def test_active_dimensions_are_those_whose_means_vary():
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(5000, 4)) * np.sqrt([1.0, 0.001, 0.02, 0.005]) + [0, 7, 0, 0]
    np.testing.assert_array_equal(active_dimensions(mean), [0, 2])
    assert len(active_dimensions(mean[:1])) == 0
    for bad in (mean[0], mean[:0], np.full((3, 2), np.nan)):
        with pytest.raises(DataError, match="posterior means"):
            active_dimensions(bad)
