"""Arrays and tables on disk: exact, deterministic, whole or not at all."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from latent_transport.storage import (
    DataError,
    load_arrays,
    load_metadata,
    load_table,
    replacing,
    save_arrays,
    save_table,
)

DTYPES = [np.dtype(name) for name in ("u1", "i4", "i8", "f2", "f4", "f8", "?")]
PROPERTY = settings(deadline=None, derandomize=True)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
METADATA = {"seed": "0", "digits": "[1, 2]", "height": "28", "width": "28", "ünïcode": 'a "b"\n'}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("storage")


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


# --- replacing ---


def test_replacing_creates_folders_and_leaves_one_file(tmp_path):
    path = tmp_path / "a" / "b" / "table.csv"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert contents(path.parent) == ["table.csv"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_while_replacing_keeps_the_old_file(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert contents(tmp_path) == ["file.txt"]


def test_failed_writers_keep_the_old_file(tmp_path, monkeypatch):
    arrays, table = tmp_path / "a.safetensors", tmp_path / "t.parquet"
    save_arrays(arrays, {"x": np.ones(3)}, {})
    save_table(pd.DataFrame({"x": [1]}), table)
    before = [arrays.read_bytes(), table.read_bytes()]

    def write_half(self, *args, **kwargs):
        with (args[0] if isinstance(self, pd.DataFrame) else self).open("wb") as file:
            file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", write_half)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", write_half)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.safetensors'"):
        save_arrays(arrays, {"x": np.zeros(9)}, {})
    with pytest.raises(OSError, match=r"No space left on device: '.*t\.parquet'"):
        save_table(pd.DataFrame({"x": [2]}), table)
    monkeypatch.undo()
    assert [arrays.read_bytes(), table.read_bytes()] == before
    assert contents(tmp_path) == ["a.safetensors", "t.parquet"]


# --- arrays ---


@PROPERTY
@given(
    arrays=st.dictionaries(
        st.text(min_size=1).filter(lambda name: name != "__metadata__"),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
        ),
        max_size=4,
    ),
    metadata=st.dictionaries(st.text(), st.text(), max_size=4),
)
def test_arrays_and_metadata_come_back_bit_for_bit(folder, arrays, metadata):
    path = folder / "any.safetensors"
    save_arrays(path, arrays, metadata)
    loaded = load_arrays(path)
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()
    assert load_metadata(path) == metadata
    reference = safetensors.numpy.load_file(path)
    assert {name: a.tobytes() for name, a in reference.items()} == {
        name: a.tobytes() for name, a in arrays.items()
    }


@pytest.mark.parametrize(
    "view",
    [lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2], np.asfortranarray, lambda a: a[1:, 1]],
    ids=["transposed", "reversed", "strided", "fortran", "column"],
)
def test_arrays_of_any_memory_layout_keep_their_values(tmp_path, view):
    array = view(np.arange(12.0).reshape(3, 4))
    save_arrays(tmp_path / "a.safetensors", {"x": array}, {})
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.safetensors", "x")["x"], array)


def test_big_endian_arrays_keep_their_values(tmp_path):
    save_arrays(tmp_path / "a.safetensors", {"x": np.array([1, 258], dtype=">i4")}, {})
    assert load_arrays(tmp_path / "a.safetensors", "x")["x"].tolist() == [1, 258]


def test_only_the_named_arrays_are_loaded_and_they_are_writable(tmp_path):
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"x": np.arange(3), "y": np.arange(4), "z": np.arange(5)}, METADATA)
    loaded = load_arrays(path, "z", "x")
    assert list(loaded) == ["z", "x"]
    loaded["x"][0] = 7
    assert load_arrays(path, "x")["x"].tolist() == [0, 1, 2]


def test_array_files_have_the_same_bytes_in_every_process_and_order(tmp_path):
    # safetensors itself orders metadata differently from one process to the next.
    script = (
        "import json, sys, numpy as np\n"
        "from latent_transport.storage import save_arrays\n"
        "arrays = {'x': np.arange(6.).reshape(2, 3), 'n': np.uint8([1, 2, 3])}\n"
        "save_arrays(sys.argv[1], arrays, json.loads(sys.argv[2]))\n"
    )
    paths = [tmp_path / "0.safetensors", tmp_path / "1.safetensors"]
    for path in paths:
        command = [sys.executable, "-c", script, str(path), json.dumps(METADATA)]
        subprocess.run(command, env=ENVIRONMENT, check=True)
    reordered = tmp_path / "2.safetensors"
    arrays = {"n": np.uint8([1, 2, 3]), "x": np.arange(6.0).reshape(2, 3)}
    save_arrays(reordered, arrays, dict(reversed(METADATA.items())))
    digests = {hashlib.sha256(p.read_bytes()).hexdigest() for p in [*paths, reordered]}
    assert len(digests) == 1


@pytest.mark.parametrize(
    "bad", [np.array(["text"]), np.array([None]), np.zeros(2, dtype=np.longdouble)]
)
def test_dtypes_that_cannot_be_stored_are_named(tmp_path, bad):
    with pytest.raises(ValueError, match=r"a\.safetensors.*odd " + str(bad.dtype)):
        save_arrays(tmp_path / "a.safetensors", {"fine": np.ones(2), "odd": bad}, {})
    assert contents(tmp_path) == []


def test_metadata_must_be_strings(tmp_path):
    with pytest.raises(ValueError, match=r"'seed'.*a\.safetensors is 3; expected a string"):
        save_arrays(tmp_path / "a.safetensors", {}, {"seed": 3})


def test_missing_array_error_names_file_array_and_what_there_is(tmp_path):
    path = tmp_path / "codes.safetensors"
    save_arrays(path, {"mean": np.ones(2), "scale": np.ones(2)}, {})
    with pytest.raises(DataError, match=r"codes\.safetensors has no array 'split'") as error:
        load_arrays(path, "mean", "split")
    assert "mean, scale" in str(error.value)
    assert "delete it and run the workflow again" in str(error.value)


@pytest.mark.parametrize("load", [load_arrays, load_metadata])
@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 40, -1])
def test_truncated_array_file_error_names_the_file(tmp_path, load, cut):
    path = tmp_path / "codes.safetensors"
    save_arrays(path, {"mean": np.ones(5)}, METADATA)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"codes\.safetensors \(\d+ bytes\).*delete it and run"):
        load(path)


@PROPERTY
@given(junk=st.binary(max_size=80))
def test_junk_gives_no_other_error(folder, junk):
    path = folder / "junk.safetensors"
    path.write_bytes(junk)
    with pytest.raises(DataError, match=r"junk\.safetensors"):
        load_arrays(path)


@pytest.mark.parametrize("name", ["none.safetensors", "none.csv", "none.parquet"])
def test_missing_file_error_names_the_file(tmp_path, name):
    load = load_arrays if name.endswith("safetensors") else load_table
    with pytest.raises(DataError, match=rf"{name} is missing.*run the workflow again"):
        load(tmp_path / name)


# --- tables ---


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@PROPERTY
@given(
    single=st.lists(st.floats(width=32), min_size=1, max_size=20),
    double=st.floats(),
    count=st.integers(-(2**63), 2**63 - 1),
)
def test_floats_come_back_exactly(folder, suffix, single, double, count):
    frame = pd.DataFrame(
        {
            "single": np.array(single, dtype=np.float32),
            "double": np.full(len(single), double),
            "count": np.full(len(single), count),
            "converged": np.arange(len(single)) % 2 == 0,
        }
    )
    path = folder / f"table{suffix}"
    save_table(frame, path)
    loaded = load_table(path)
    assert list(loaded) == list(frame)
    for column in frame:
        np.testing.assert_array_equal(
            loaded[column].to_numpy().astype(frame[column].dtype), frame[column].to_numpy()
        )


def test_random_doubles_come_back_exactly_from_csv(tmp_path):
    # Many digits: readers that are off by one unit in the last place show it here.
    bits = np.random.default_rng(0).integers(0, 2**62, 20_000, dtype=np.int64)
    values = bits.view(np.float64)
    save_table(pd.DataFrame({"x": values}), tmp_path / "t.csv")
    np.testing.assert_array_equal(load_table(tmp_path / "t.csv")["x"].to_numpy(), values)


def test_text_that_looks_like_missing_values_stays_text(tmp_path):
    frame = pd.DataFrame({"kind": ["nan", "None", "NA", "a,b", 'c"d'], "x": [1.0, np.nan, 3, 4, 5]})
    save_table(frame, tmp_path / "t.csv")
    loaded = load_table(tmp_path / "t.csv")
    assert loaded["kind"].tolist() == frame["kind"].tolist()
    assert loaded["x"].isna().tolist() == [False, True, False, False, False]


def test_csv_is_plain_text_without_the_index(tmp_path):
    frame = pd.DataFrame({"x": np.float32([0.1, 1e-30]), "n": [1, 2]}, index=[5, 6])
    save_table(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b"x,n\n0.1,1\n1e-30,2\n"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_have_the_same_bytes_every_time(tmp_path, suffix):
    frame = pd.DataFrame({"x": [0.1, 0.2], "kind": ["random", "far"], "ok": [True, False]})
    paths = [tmp_path / f"{n}{suffix}" for n in range(2)]
    for path in paths:
        save_table(frame.copy(), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_truncated_table_error_names_the_file(tmp_path, name, share):
    path = tmp_path / name
    save_table(pd.DataFrame({"x": np.arange(100) + 1000, "y": np.arange(100) + 1000}), path)
    content = path.read_bytes()
    cut = int(share * len(content))
    path.write_bytes(content[: cut - 2 if content[cut - 1 : cut] == b"\n" else cut])
    with pytest.raises(DataError, match=rf"{name} \(\d+ bytes\).*delete it and run"):
        load_table(path)


@pytest.mark.parametrize("use", [lambda path: save_table(pd.DataFrame(), path), load_table])
def test_other_suffixes_are_refused(tmp_path, use):
    with pytest.raises(ValueError, match=r"ends in '\.pkl'; expected \.csv or \.parquet"):
        use(tmp_path / "t.pkl")


def test_storage_does_not_import_torch():
    script = "import sys, latent_transport.storage; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT).returncode == 0
