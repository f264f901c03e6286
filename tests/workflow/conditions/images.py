"""Images and names of classes as people have them: taken as they are meant, or refused."""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from conditions.harness import Box, Condition, Job

from latent_transport.datasets.catalogue import FILES
from latent_transport.datasets.idx import write_idx

Arrays = dict[str, np.ndarray]  # x_train, y_train, x_test, y_test
MEDMNIST = {"x": "images", "y": "labels"}
RAW = Job("data/raw", 0, "data")


def read_arrays(folder: Path) -> Arrays:
    """Return the images and labels in their order."""
    with np.load(folder / "mine.npz") as archive:
        return {name: archive[name] for name in archive.files}


def fetch(change: Callable[[Path, Arrays], None]) -> Callable[[Box], None]:
    """Give the folder of data another content, and fetch it."""

    def prepare(box: Box) -> None:
        change(box.data, read_arrays(box.data))
        output = box.results / "data" / "raw"
        box.run_script("fetch", "--source=folder", "--data-folder", box.data, "--output", output)

    return prepare


def change_arrays(**changes: Callable[[np.ndarray], np.ndarray]) -> Callable[[Box], None]:
    """Fetch an archive some of whose arrays are changed; ``x`` and ``y`` stand for both parts."""

    def change(folder: Path, arrays: Arrays) -> None:
        for name in arrays:
            edit = changes.get(name) or changes.get(name[0])
            arrays[name] = edit(arrays[name]) if edit else arrays[name]
        np.savez_compressed(folder / "mine.npz", **arrays)

    return fetch(change)


def rename_arrays(folder: Path, arrays: Arrays) -> None:
    """Names as MedMNIST has them, with some of the images for training apart."""
    named = {}
    for name, array in arrays.items():
        kind, part = name.split("_")
        named[f"{part}_{MEDMNIST[kind]}"] = array
    for kind in MEDMNIST.values():
        named[f"train_{kind}"], named[f"val_{kind}"] = np.split(named[f"train_{kind}"], [7000])
    np.savez(folder / "mine.npz", **named)


def write_raw(folder: Path, arrays: Arrays, names: Iterable[str] = FILES) -> None:
    """The four files instead."""
    (folder / "mine.npz").unlink()
    folder.mkdir(exist_ok=True)
    for path, array in zip(names, arrays.values(), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_idx(folder / path, array)


def write_zipped_raw(folder: Path, arrays: Arrays) -> None:
    """As torchvision leaves them, gzipped, with a dot in their names."""
    names = [f"MNIST/raw/{name.replace('-idx', '.idx')}" for name in FILES]
    write_raw(folder, arrays, names)
    for name in names:
        path = folder / name
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def come_from_a_mac(folder: Path, arrays: Arrays) -> None:
    """Files that a Mac puts beside each file on a foreign disk."""
    for name in ("._mine.npz", "._classes.txt", ".DS_Store"):
        (folder / name).write_bytes(b"\0\5\x16\7")


def write_by_an_editor(encoding: str) -> Callable[[Path, Arrays], None]:
    """Names of classes as an editor of Windows stores them."""

    def write(folder: Path, arrays: Arrays) -> None:
        path = folder / "classes.txt"
        text = path.read_text(encoding="utf-8").replace("\n", "\r\n")
        path.write_bytes(text.encode(encoding))

    return write


def cut_off(folder: Path, arrays: Arrays) -> None:
    path = folder / "mine.npz"
    path.write_bytes(path.read_bytes()[:100_000])


def write_pictures(folder: Path, arrays: Arrays) -> None:
    (folder / "mine.npz").unlink()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")


def double(folder: Path, arrays: Arrays) -> None:
    np.savez(folder / "mine (1).npz", **arrays)


IMAGES = [
    Condition("npz: names of MedMNIST", RAW, fetch(rename_arrays)),
    Condition(
        "npz: 64 bits, an axis of channels, a column of labels",
        RAW,
        change_arrays(x=lambda x: x.astype(int)[..., None], y=lambda y: y.astype(int)[:, None]),
    ),
    Condition(
        "npz: big-endian, in Fortran's order",
        RAW,
        change_arrays(x=lambda x: np.asfortranarray(x.astype(">i2")), y=lambda y: y.astype(">u4")),
    ),
    Condition("IDX: plain", RAW, fetch(write_raw)),
    Condition("IDX: gzipped, with dots, in MNIST/raw", RAW, fetch(write_zipped_raw)),
    Condition("folder: from a Mac", RAW, fetch(come_from_a_mac)),
    Condition("classes: BOM and CRLF", RAW, fetch(write_by_an_editor("utf-8-sig"))),
    Condition(
        "classes: UTF-16",
        RAW,
        fetch(write_by_an_editor("utf-16")),
        refused="classes.txt cannot be read as text in UTF-8",
    ),
    Condition(
        "images: 0 to 1",
        RAW,
        change_arrays(x=lambda x: x / 255),
        refused="float64, from 0.0 to 1.0; expected grey levels 0 to 255",
    ),
    Condition(
        "images: -1 to 1, whole",
        RAW,
        change_arrays(x=lambda x: (x // 128).astype(int) * 2 - 1),
        refused="values -1 to 1; expected grey levels",
    ),
    Condition(
        "images: colour",
        RAW,
        change_arrays(x=lambda x: np.stack([x] * 3, -1)),
        refused="holds colour images of shape (8000, 12, 12, 3)",
    ),
    Condition(
        "images: not square",
        RAW,
        change_arrays(x=lambda x: x[:, 2:]),
        refused="images of 10 x 12 pixels; expected square ones",
    ),
    Condition(
        "images: of two sizes",
        RAW,
        change_arrays(x_test=lambda x: x[:, 2:, 2:]),
        refused="have 12 pixels a side, those for tests 10; expected the same",
    ),
    Condition(
        "images: in rows",
        RAW,
        change_arrays(x=lambda x: x.reshape(len(x), -1)),
        refused="shape (8000, 144); expected images (n, side, side)",
    ),
    Condition(
        "labels: words",
        RAW,
        change_arrays(y=lambda y: y.astype(str)),
        refused="type <U3; expected (n,) integers",
    ),
    Condition(
        "labels: one of each class",
        RAW,
        change_arrays(y=lambda y: np.eye(2, dtype=int)[y]),
        refused="labels of shape (8000, 2)",
    ),
    Condition(
        "labels: fewer than images",
        RAW,
        change_arrays(y_train=lambda y: y[:-1]),
        refused="8000 images, and there are 7999 labels",
    ),
    Condition(
        "npz: objects",
        RAW,
        change_arrays(y=lambda y: y.astype(object)),
        refused="expected an .npz file of numeric arrays",
    ),
    Condition("npz: cut off", RAW, fetch(cut_off), refused="mine.npz cannot be read"),
    Condition("folder: pictures", RAW, fetch(write_pictures), refused="or one .npz file"),
    Condition("folder: two archives", RAW, fetch(double), refused="expected one set of the files"),
]
