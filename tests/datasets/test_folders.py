"""Folders of one's own data: layouts, formats, names of classes, and what is refused."""

import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torchvision

from latent_transport.datasets.catalogue import DATA_SETS, FILES, SOURCES, DataSet
from latent_transport.datasets.classes import read_classes, write_classes
from latent_transport.datasets.folders import convert_folder, find_data
from latent_transport.datasets.idx import read_idx, write_idx
from latent_transport.datasets.sources import fetch, find_classes
from latent_transport.datasets.subsets import make_subset
from latent_transport.storage import DataError

KERAS = ("x_train", "y_train", "x_test", "y_test")
MEDMNIST = ("train_images", "train_labels", "test_images", "test_labels")


@pytest.fixture
def arrays():
    """Images of 12 x 12 pixels in 13 classes: training, then tests."""
    rng = np.random.default_rng(1)
    return [
        *(rng.integers(0, 256, (60, 12, 12), dtype=np.uint8), np.arange(60, dtype=np.uint8) % 13),
        *(rng.integers(0, 256, (26, 12, 12), dtype=np.uint8), np.arange(26, dtype=np.uint8) % 13),
    ]


def write_raw(place, arrays, *, compress=False, dotted=False):
    place.mkdir(parents=True, exist_ok=True)
    for name, array in zip(FILES, arrays, strict=True):
        path = place / (name.replace("-idx", ".idx") if dotted else name)
        write_idx(path, array)
        if compress:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()


def assert_converted(target, arrays):
    assert sorted(path.name for path in target.iterdir()) == sorted(FILES)
    for name, array in zip(FILES, arrays, strict=True):
        np.testing.assert_array_equal(read_idx(target / name), array)


# --- What is taken ---


@pytest.mark.parametrize("below", [".", "raw", "KMNIST/raw"])
@pytest.mark.parametrize(("compress", "dotted"), [(False, False), (True, False), (True, True)])
def test_raw_files_are_found_as_people_have_them(tmp_path, arrays, below, compress, dotted):
    write_raw(tmp_path / "mine" / below, arrays, compress=compress, dotted=dotted)
    fetch(tmp_path / "raw", source="folder", data_folder=tmp_path / "mine")
    assert_converted(tmp_path / "raw", arrays)


@pytest.mark.parametrize("names", [KERAS, MEDMNIST])
@pytest.mark.parametrize("form", ["plain", "int64", "channel", "column"])
def test_archives_of_arrays_are_converted(tmp_path, arrays, names, form):
    given = dict(zip(names, arrays, strict=True))
    if form == "int64":
        given = {name: array.astype(np.int64) for name, array in given.items()}
    elif form == "channel":
        given = {name: a[..., None] if a.ndim == 3 else a for name, a in given.items()}
    elif form == "column":
        given = {name: a[:, None] if a.ndim == 1 else a for name, a in given.items()}
    (tmp_path / "mine").mkdir()
    np.savez(tmp_path / "mine" / "data.npz", **given)
    fetch(tmp_path / "raw", source="folder", data_folder=tmp_path / "mine")
    assert_converted(tmp_path / "raw", arrays)


def test_validation_images_of_an_archive_join_those_for_training(tmp_path, arrays):
    extra = {"val_images": arrays[2][:5], "val_labels": arrays[3][:5]}
    np.savez(tmp_path / "data.npz", **dict(zip(MEDMNIST, arrays, strict=True)), **extra)
    convert_folder(tmp_path, tmp_path / "raw")
    images = read_idx(tmp_path / "raw" / FILES[0])
    np.testing.assert_array_equal(images, np.concatenate((arrays[0], arrays[2][:5])))
    assert read_idx(tmp_path / "raw" / FILES[1])[60:].tolist() == [0, 1, 2, 3, 4]


def test_checksums_of_the_files_are_recorded(tmp_path, arrays, caplog):
    write_raw(tmp_path / "mine", arrays, compress=True)
    caplog.set_level("INFO")
    convert_folder(tmp_path / "mine", tmp_path / "raw")
    for name in FILES:
        path = tmp_path / "mine" / f"{name}.gz"
        assert f"SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}  {path}" in caplog.text


def test_subsets_have_the_side_and_the_classes_of_the_data(tmp_path, arrays):
    write_raw(tmp_path, arrays)
    subset = make_subset(tmp_path, None, 0.3, 0)
    assert subset.side == 12
    assert subset.images.shape == (86, 144)
    assert subset.digits == tuple(range(13))
    last = make_subset(tmp_path, [12], 0.3, 0)
    np.testing.assert_array_equal(last.images, subset.images[subset.labels == 12])


# --- Names of classes ---


def test_names_of_classes_are_read_from_the_folder_or_numbered(tmp_path, arrays):
    source = tmp_path / "mine"
    write_raw(source / "raw", arrays)
    fetch(tmp_path / "raw", source="folder", data_folder=source)
    options = {"source": "folder", "data_folder": source}
    assert find_classes(tmp_path / "raw", **options) == tuple(f"class {i}" for i in range(13))
    names = tuple(f"größe {i}" for i in range(13))
    write_classes(source / "raw" / "classes.txt", names)
    assert find_classes(tmp_path / "raw", **options) == names
    assert find_data(source)["classes"] == source / "raw" / "classes.txt"


@pytest.mark.parametrize("content", ["", "\n", "a\n\nb\n", "a\na\n", b"\xff\xfe"])
def test_lists_that_are_no_names_are_refused(tmp_path, content):
    path = tmp_path / "classes.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=r"classes\.txt"):
        read_classes(path)


def test_names_of_known_data_are_those_of_torchvision():
    for data_set in DATA_SETS.values():
        theirs = getattr(torchvision.datasets, data_set.torchvision)
        ours = [name.split(" - ")[0] for name in theirs.classes]
        assert list(data_set.classes) == ours
        assert [f"{name}.gz" for name in FILES] == [name for name, _ in theirs.resources]
        assert set(data_set.sums or data_set.archive_sums) == set(FILES)
    assert set(SOURCES) == {*DATA_SETS, "sample", "folder"}
    assert find_classes("nowhere", source="sample") == tuple("0123456789")


# --- What is refused ---


IMAGES = np.random.default_rng(0).integers(0, 256, (60, 12, 12), dtype=np.uint8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": IMAGES / 255}, r"float64, from 0\.0 to 1\.0; expected grey levels 0 to 255"),
        ({"x_train": IMAGES.astype("f4")}, r"float32, from 0\.0 to 255\.0; expected .*as uint8"),
        ({"x_train": IMAGES > 99}, "type bool, from False to True; expected grey levels"),
        ({"x_train": IMAGES // 128}, "values 0 to 1; expected grey levels 0 to 255: scale them"),
        ({"x_train": IMAGES // 16}, "values 0 to 15; expected grey levels 0 to 255: scale them"),
        ({"x_train": IMAGES.astype(int) - 128}, "values -128 to 12[0-9]; expected grey levels"),
        ({"x_train": IMAGES.astype(int) * 257}, "to 65535; expected grey levels"),
        ({"x_train": np.stack([IMAGES] * 3, -1)}, r"colour images of shape \(60, 12, 12, 3\)"),
        ({"x_train": np.stack([IMAGES] * 3, 1)}, r"colour images of shape \(60, 3, 12, 12\)"),
        ({"x_train": IMAGES[:, :8]}, "images of 8 x 12 pixels; expected square ones: pad or crop"),
        ({"x_train": IMAGES.reshape(60, -1)}, r"shape \(60, 144\); expected images \(n, side"),
        ({"x_train": IMAGES[:0]}, r"shape \(0, 12, 12\); expected images"),
        ({"x_train": IMAGES[:, :8, :8]}, "have 8 pixels a side, those for tests 12; .* resize"),
        ({"x_train": IMAGES[:50]}, "50 images, and there are 60 labels; expected as many"),
        ({"x_train": np.array([{}] * 60)}, "cannot be read .*expected an .npz file of numeric"),
        ({"y_train": np.arange(60) * 10}, "labels from 0 to 590; expected 0 to 255: number the"),
        ({"y_train": np.arange(60) - 1}, "labels from -1 to 58; expected 0 to 255"),
        ({"y_train": np.zeros(60)}, r"labels of shape \(60,\) and type float64; expected \(n,\)"),
        ({"y_train": np.eye(60, dtype=int)}, r"labels of shape \(60, 60\) and type int64"),
    ],
)
def test_data_that_do_not_fit_are_named_with_what_to_do(tmp_path, arrays, change, message):
    given = {**dict(zip(KERAS, arrays, strict=True)), **change}
    np.savez(tmp_path / "data.npz", **given)
    with pytest.raises(DataError, match=message) as error:
        fetch(tmp_path / "raw", source="folder", data_folder=tmp_path)
    assert str(tmp_path) in str(error.value)
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.npz", b"junk", "cannot be read"),
        ("data.npz", b"", "cannot be read"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x04", "has no file train-labels-idx1-ubyte, "),
        ("readme.txt", b"", r"has neither; expected one set of the files .* or one \.npz file"),
    ],
)
def test_folders_without_whole_data_say_what_is_missing(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        fetch(tmp_path / "raw", source="folder", data_folder=tmp_path)


def test_arrays_of_other_names_are_listed(tmp_path, arrays):
    np.savez(tmp_path / "data.npz", images=arrays[0], labels=arrays[1])
    with pytest.raises(DataError, match=r"arrays images, labels; expected x_train, .*rename"):
        convert_folder(tmp_path, tmp_path / "raw")


def test_more_than_one_set_of_data_is_ambiguous(tmp_path, arrays):
    for name in ("MNIST", "KMNIST"):
        write_raw(tmp_path / name / "raw", arrays)
    with pytest.raises(DataError, match=r"KMNIST/raw, .*/MNIST/raw; expected one set"):
        find_data(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        find_data(tmp_path / "nowhere")
    with pytest.raises(DataError, match="needs the folder"):
        fetch(tmp_path / "raw", source="folder")


@pytest.mark.parametrize("damage", ["colour", "floats", "cut"])
def test_raw_files_that_do_not_fit_are_named(tmp_path, arrays, damage):
    write_raw(tmp_path, arrays, compress=True)
    path = tmp_path / f"{FILES[0]}.gz"
    content = gzip.decompress(path.read_bytes())
    if damage == "colour":
        content = b"\0\0\x08\x04" + content[4:]
    elif damage == "floats":
        content = b"\0\0\x0d\x03" + content[4:]
    packed = gzip.compress(content)
    path.write_bytes(packed[:-12] if damage == "cut" else packed)
    expected = "cannot be read" if damage == "cut" else "convert images to grey levels 0 to 255"
    with pytest.raises(DataError, match=expected) as error:
        convert_folder(tmp_path, tmp_path / "raw")
    assert str(path) in str(error.value)


# --- Data sets that are known by name ---


@pytest.fixture
def served(tmp_path, monkeypatch, arrays):
    """A data set whose mirrors and system's folder are empty folders here: its gzipped files."""
    files = {}
    for name, array in zip(FILES, arrays, strict=True):
        write_idx(tmp_path / "originals" / name, array)
        buffer = io.BytesIO()
        with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream:
            stream.write((tmp_path / "originals" / name).read_bytes())
        files[name] = buffer.getvalue()
    for place in ("system", "mirror"):
        (tmp_path / place).mkdir()
    for theirs in (torchvision.datasets.FashionMNIST, torchvision.datasets.KMNIST):
        monkeypatch.setattr(theirs, "mirrors", [(tmp_path / "mirror").as_uri() + "/"])
    sums = {name: hashlib.sha256(gzip.decompress(data)).hexdigest() for name, data in files.items()}
    archive_sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    for name, further in {
        "fashion-mnist": {"sums": sums, "system": str(tmp_path / "system")},
        "kmnist": {"archive_sums": archive_sums},
    }.items():
        known = DATA_SETS[name]
        changed = DataSet(known.title, known.torchvision, known.classes, **further)
        monkeypatch.setitem(DATA_SETS, name, changed)
    return files


def put(place, files):
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / f"{name}.gz").write_bytes(content)


@pytest.mark.parametrize(
    ("source", "place", "title"),
    [
        ("fashion-mnist", "mine/FashionMNIST/raw", "folder .*mine"),
        ("fashion-mnist", "mine/raw", "folder .*mine"),
        ("fashion-mnist", "system", "folder .*system"),
        ("fashion-mnist", "mirror", "torchvision's mirror"),
        ("kmnist", "mine/KMNIST/raw", "folder .*mine"),
        ("kmnist", "mirror", "torchvision's mirror"),
    ],
)
def test_known_data_come_from_where_they_are(
    tmp_path, arrays, served, caplog, source, place, title
):
    (tmp_path / "mine").mkdir()
    put(tmp_path / place, served)
    caplog.set_level("INFO")
    fetch(tmp_path / "raw", source=source, data_folder=tmp_path / "mine")
    assert_converted(tmp_path / "raw", arrays)
    assert all(f"{name}: from" in caplog.text for name in FILES)
    assert "unverified" not in caplog.text
    served_by = [line for line in caplog.messages if ": from " in line]
    assert all(title.split(" .*")[0] in line for line in served_by)


@pytest.mark.parametrize("source", ["fashion-mnist", "kmnist"])
@pytest.mark.parametrize("place", ["mine", "mirror"])
def test_known_data_that_are_altered_are_refused(tmp_path, arrays, served, source, place):
    write_idx(tmp_path / "altered", arrays[0] ^ 1)
    put(tmp_path / place, {**served, FILES[0]: gzip.compress((tmp_path / "altered").read_bytes())})
    (tmp_path / "mine").mkdir(exist_ok=True)
    with pytest.raises(DataError, match=f"no source supplied every {DATA_SETS[source].title}") as e:
        fetch(tmp_path / "raw", source=source, data_folder=tmp_path / "mine")
    assert "has SHA-256" in str(e.value)
    assert "data.folder" in str(e.value)
    assert list((tmp_path / "raw").iterdir()) == []


def test_plain_files_without_known_sums_are_taken_from_a_folder_alone(
    tmp_path, arrays, served, caplog
):
    write_raw(tmp_path / "mine", arrays)
    fetch(tmp_path / "raw", source="kmnist", data_folder=tmp_path / "mine")
    assert_converted(tmp_path / "raw", arrays)
    assert caplog.text.count("unverified: its SHA-256 is") == 4
    # Gzipped ones beside them are verified, and so taken in their place.
    put(tmp_path / "mine", served)
    caplog.clear()
    fetch(tmp_path / "again", source="kmnist", data_folder=tmp_path / "mine")
    assert_converted(tmp_path / "again", arrays)
    assert caplog.text == ""


@pytest.mark.skipif(
    not Path(str(DATA_SETS["fashion-mnist"].system)).is_dir(),
    reason="Debian's dataset-fashion-mnist is not installed",
)
def test_fashion_mnist_as_debian_ships_it_is_verified(tmp_path):
    fetch(tmp_path, source="fashion-mnist")
    assert read_idx(tmp_path / FILES[0]).shape == (60_000, 28, 28)
    assert np.bincount(read_idx(tmp_path / FILES[3])).tolist() == [1000] * 10
