"""A folder of one's own data: where its files are, and whether its images can be used."""

import hashlib
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from latent_transport.datasets.catalogue import FILES, PARTS
from latent_transport.datasets.classes import FILE, read_classes
from latent_transport.datasets.idx import read_idx, write_idx
from latent_transport.storage import DataError

logger = logging.getLogger(__name__)

# Names of the arrays in an .npz, as Keras and as MedMNIST have them: for training, for tests.
ARRAYS = (
    {"train": (("x_train", "y_train"),), "t10k": (("x_test", "y_test"),)},
    {
        "train": (("train_images", "train_labels"), ("val_images", "val_labels")),
        "t10k": (("test_images", "test_labels"),),
    },
)
DARK = 16  # the largest grey level of images that are scaled otherwise, such as scikit-learn's
LARGEST = 255  # of grey levels and of labels, which are bytes
LEVELS = "grey levels 0 to 255"

Part = tuple[np.ndarray, np.ndarray]  # images (n, side, side) and labels (n,), both uint8


def find_variant(folder: Path, name: str) -> Path | None:
    """Find a raw file under one of its usual names: plain or gzipped, with a dash or a dot."""
    return next((path for path in list_variants(folder, name) if path.is_file()), None)


def list_variants(folder: Path, name: str) -> list[Path]:
    """Return the usual paths of a raw file."""
    dotted = name.replace("-idx", ".idx")
    return [folder / variant for variant in (name, f"{name}.gz", dotted, f"{dotted}.gz")]


def find_data(folder: str | Path) -> dict[str, Path]:
    """Find the files of the data in a folder.

    Parameters
    ----------
    folder : path
        It has the four raw files of :data:`latent_transport.datasets.catalogue.FILES` (plain or
        gzipped, in it, in its ``raw`` or in the only ``*/raw``, where torchvision puts them), or
        else one ``.npz``; and, beside them, ``classes.txt`` where the classes have names.

    Returns
    -------
    dict of str to Path
        The raw files by their names, or ``npz``; and ``classes`` if it is there.

    Raises
    ------
    DataError
        If there is no such folder, or no data in it, or more than one set of them.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; name one that exists")
    places = [
        place
        for place in (folder, folder / "raw", *sorted(folder.glob("*/raw")))
        if any(find_variant(place, name) for name in FILES)
    ]
    # A Mac puts a file ._NAME beside each on a foreign disk.
    archives = [] if places else sorted(folder.glob("[!.]*.npz"))
    if len(places) + len(archives) != 1:
        found = ", ".join(map(str, [*places, *archives])) or "neither"
        raise DataError(
            f"{folder} has {found}; expected one set of the files {', '.join(FILES)} (plain or "
            ".gz, in it or in one folder raw/ below), or one .npz file"
        )
    files = {"npz": archives[0]} if archives else _find_raw(places[0])
    for place in (folder, *places):
        if (place / FILE).is_file():
            files["classes"] = place / FILE
    return files


def convert_folder(source: str | Path, target: Path) -> None:
    """Write the four raw IDX files of the data in a folder; the SHA-256 of each goes to the log.

    Parameters
    ----------
    source : path
        As in :func:`find_data`. Images are grey levels 0 to 255 of any integer type, (n, side,
        side) with any side; labels (n,) or (n, 1), integers from 0 to 255. An ``.npz`` has arrays
        ``x_train``, ``y_train``, ``x_test`` and ``y_test``, or ``train_images``, ``train_labels``,
        ``test_images`` and ``test_labels``; ``val_images`` join the images for training.
    target : Path
        Where to write.

    Raises
    ------
    DataError
        If something is missing, or is not as above; names the file, what was found and expected,
        and what to do.
    """
    files = find_data(source)
    for path in files.values():
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        logger.info("SHA-256 %s  %s", checksum, path)
    parts = _read_npz(files["npz"]) if "npz" in files else _read_raw(files)
    sides = {part: images.shape[1] for part, (images, _) in parts.items()}
    if len(set(sides.values())) > 1:
        raise DataError(
            f"images for training in {source} have {sides['train']} pixels a side, those for tests "
            f"{sides['t10k']}; expected the same: resize them"
        )
    for part, (images, labels) in parts.items():
        write_idx(target / f"{part}-images-idx3-ubyte", images)
        write_idx(target / f"{part}-labels-idx1-ubyte", labels)


def name_classes(source: str | Path, largest: int) -> tuple[str, ...]:
    """Names of the classes of a folder's data: its ``classes.txt``, or their numbers.

    Parameters
    ----------
    source : path
        As in :func:`find_data`.
    largest : int
        Largest label.

    Raises
    ------
    DataError
        If the file is no list of names.
    """
    files = find_data(source)
    if "classes" in files:
        return read_classes(files["classes"])
    return tuple(f"class {label}" for label in range(largest + 1))


def _find_raw(place: Path) -> dict[str, Path]:
    files = {name: find_variant(place, name) for name in FILES}
    for name, path in files.items():
        if path is None:
            *others, last = (variant.name for variant in list_variants(place, name))
            raise DataError(f"{place} has no file {', '.join(others)} or {last}")
    return {name: path for name, path in files.items() if path is not None}


def _read_raw(files: Mapping[str, Path]) -> dict[str, Part]:
    parts = {}
    for part in PARTS:
        paths = [files[f"{part}-{kind}-ubyte"] for kind in ("images-idx3", "labels-idx1")]
        images, labels = (
            check(str(path), read_idx(path))
            for check, path in zip((_check_images, _check_labels), paths, strict=True)
        )
        parts[part] = _match(str(paths[0]), images, labels)
    return parts


def _read_npz(path: Path) -> dict[str, Part]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read ({error}); expected an .npz file of numeric arrays"
        ) from error
    for names in ARRAYS:
        needed = [name for pairs in names.values() for name in pairs[0]]
        if all(name in arrays for name in needed):
            return {part: _join(path, arrays, pairs) for part, pairs in names.items()}
    sets = " or ".join(
        ", ".join(name for pairs in names.values() for name in pairs[0]) for names in ARRAYS
    )
    raise DataError(
        f"{path} has the arrays {', '.join(arrays) or '(none)'}; expected {sets}: rename them"
    )


def _join(path: Path, arrays: Mapping[str, np.ndarray], pairs: tuple[tuple[str, str], ...]) -> Part:
    found = []
    for images_name, labels_name in pairs:
        if images_name in arrays and labels_name in arrays:
            images = _check_images(f"{path}, array {images_name},", arrays[images_name])
            labels = _check_labels(f"{path}, array {labels_name},", arrays[labels_name])
            found.append(_match(f"{path}, array {images_name},", images, labels))
    sides = {images.shape[1] for images, _ in found}
    if len(sides) > 1:
        raise DataError(f"{path} has images of {sides} pixels a side; expected one: resize them")
    return (
        np.concatenate([images for images, _ in found]),
        np.concatenate([labels for _, labels in found]),
    )


def _check_images(where: str, images: np.ndarray) -> np.ndarray:
    """Images (n, side, side) as bytes, or an error that says what is wrong and what to do."""
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    shape, dtype = images.shape, images.dtype
    if images.ndim == 4 and ({3, 4} & {shape[1], shape[3]}):
        raise DataError(
            f"{where} holds colour images of shape {shape}; expected {LEVELS}, (n, side, side): "
            "convert them, such as by Pillow's convert('L')"
        )
    if images.ndim != 3 or 0 in shape:
        raise DataError(
            f"{where} holds an array of shape {shape}; expected images (n, side, side), n > 0: "
            "give each image its rows and columns"
        )
    if shape[1] != shape[2]:
        raise DataError(
            f"{where} holds images of {shape[1]} x {shape[2]} pixels; expected square ones: pad or "
            "crop them"
        )
    if dtype.kind not in "iu":
        range_found = f", from {images.min()} to {images.max()}" if dtype.kind in "fb" else ""
        raise DataError(
            f"{where} holds images of type {dtype}{range_found}; expected {LEVELS} as uint8: scale "
            "them to that range, round, and store them as uint8"
        )
    low, high = int(images.min()), int(images.max())
    if low < 0 or high > LARGEST or high <= DARK:
        raise DataError(
            f"{where} holds images of values {low} to {high}; expected {LEVELS}: scale them "
            "to that range"
        )
    return images.astype(np.uint8)


def _check_labels(where: str, labels: np.ndarray) -> np.ndarray:
    """Labels (n,) as bytes, or an error that says what is wrong and what to do."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) == 0:
        raise DataError(
            f"{where} holds labels of shape {labels.shape} and type {labels.dtype}; expected (n,) "
            "integers, one an image: number the classes from 0"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > LARGEST:
        raise DataError(
            f"{where} holds labels from {low} to {high}; expected 0 to {LARGEST}: number the "
            "classes from 0"
        )
    return labels.astype(np.uint8)


def _match(where: str, images: np.ndarray, labels: np.ndarray) -> Part:
    if len(images) != len(labels):
        raise DataError(
            f"{where} holds {len(images)} images, and there are {len(labels)} labels; expected as "
            "many: a label for each image"
        )
    return images, labels
