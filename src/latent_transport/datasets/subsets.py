"""Subsets of the classes, split into training, validation and test images."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from latent_transport.datasets.idx import read_idx
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

LARGEST_LABEL = 255
SPLITS = ("train", "validation", "test")
ARRAYS = ("images", "labels", "indices", "split")  # of a subset, a row an image


@dataclass(frozen=True, eq=False)
class Subset:
    """Images of some classes; rows are ordered by split, then by index.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, side^2)
        Grey levels 0 to 255, rows of the square image one after another.
    labels : ndarray of uint8, shape (n,)
        Classes; of MNIST, digits.
    indices : ndarray of int64, shape (n,)
        Position in the IDX file: the train file for splits 0 and 1, the t10k file for split 2.
    split : ndarray of uint8, shape (n,)
        0 train, 1 validation, 2 test.
    digits : tuple of int
        The labels chosen, increasing; of MNIST, digits.
    validation_fraction : float
        Share of the whole train file that was set aside for validation.
    seed : int
        Seed of the division into train and validation.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    split: np.ndarray
    digits: tuple[int, ...]
    validation_fraction: float
    seed: int

    @property
    def side(self) -> int:
        """Height and width of the images, in pixels."""
        return math.isqrt(self.images.shape[1])

    def rows(self, split: str) -> np.ndarray:
        """Rows (k,) of the images of a split.

        Raises
        ------
        DataError
            If there is no split of that name.
        """
        return rows_of(split, self.split)

    def of(self, split: str) -> Self:
        """Return the images of a split.

        Raises
        ------
        DataError
            If there is no split of that name.
        """
        rows = self.rows(split)  # (k,)
        return replace(self, **{name: getattr(self, name)[rows] for name in ARRAYS})


def rows_of(split: str, numbers: np.ndarray) -> np.ndarray:
    """Rows (k,) of a split, by the number (n,) of each row's split in :data:`SPLITS`.

    Raises
    ------
    DataError
        If there is no split of that name.
    """
    if split not in SPLITS:
        raise DataError(f"no split is called {split!r}; expected one of {', '.join(SPLITS)}")
    return np.flatnonzero(numbers == SPLITS.index(split))


def make_subset(
    raw_folder: str | Path, digits: Iterable[int] | None, validation_fraction: float, seed: int
) -> Subset:
    """Choose the images of some classes from the raw files and split them.

    The train file is divided into train and validation images as a whole, before the classes are
    chosen: an image lands in the same split of every subset with the same fraction and seed. So
    a single class's validation share is the fraction only up to chance. The t10k file is the
    test split.

    Parameters
    ----------
    raw_folder : path
        Folder with the four files of :func:`latent_transport.datasets.fetch`.
    digits : iterable of int, or None
        Labels to choose, each 0 to 255; order and repetition do not matter. None takes all.
    validation_fraction : float
        Share of the train file set aside for validation, between 0 and 1, both excluded.
    seed : int
        Non-negative seed of the division.

    Raises
    ------
    DataError
        If an argument is out of range, a raw file is missing or damaged, images and labels do
        not fit each other, or a split would be empty.
    """
    labels = None if digits is None else sorted(set(digits))
    if labels is not None and not (labels and set(labels) <= set(range(LARGEST_LABEL + 1))):
        raise DataError(f"digits are {labels}; expected one or more of 0 to {LARGEST_LABEL}")
    if not 0 < validation_fraction < 1:
        raise DataError(
            f"validation fraction is {validation_fraction}; expected between 0 and 1, both excluded"
        )
    if seed < 0:
        raise DataError(f"seed is {seed}; expected 0 or more")

    train_images, train_labels = _read_part(Path(raw_folder), "train")
    test_images, test_labels = _read_part(Path(raw_folder), "t10k")
    if train_images.shape[1] != test_images.shape[1]:
        raise DataError(
            f"the train images in {raw_folder} have {train_images.shape[1]} pixels, those of t10k "
            f"{test_images.shape[1]}; expected the same: fetch them again"
        )
    classes = np.unique(train_labels).tolist()
    chosen_labels = classes if labels is None else labels
    count = len(train_labels)
    order = np.random.default_rng(seed).permutation(count)
    validation = np.zeros(count, dtype=bool)
    validation[order[: round(validation_fraction * count)]] = True
    chosen = np.isin(train_labels, chosen_labels)
    rows = [  # one a split
        np.flatnonzero(chosen & ~validation),
        np.flatnonzero(chosen & validation),
        np.flatnonzero(np.isin(test_labels, chosen_labels)),
    ]
    for name, indices in zip(SPLITS, rows, strict=True):
        if len(indices) == 0:
            raise DataError(
                f"no {name} images of digits {chosen_labels} in {raw_folder} at validation "
                f"fraction {validation_fraction}; choose among the labels {classes}, or another "
                "fraction"
            )
    train, held_out, test = rows
    return Subset(
        images=np.concatenate([train_images[train], train_images[held_out], test_images[test]]),
        labels=np.concatenate([train_labels[train], train_labels[held_out], test_labels[test]]),
        indices=np.concatenate(rows).astype(np.int64),
        split=np.repeat(np.arange(3, dtype=np.uint8), [len(indices) for indices in rows]),
        digits=tuple(int(label) for label in chosen_labels),
        validation_fraction=float(validation_fraction),
        seed=int(seed),
    )


def save_subset(subset: Subset, path: str | Path) -> None:
    """Write a subset as a safetensors file, its digits, fraction and seed as metadata."""
    save_arrays(
        path,
        {name: getattr(subset, name) for name in ARRAYS},
        {
            "digits": json.dumps(subset.digits),
            "validation_fraction": repr(subset.validation_fraction),
            "seed": str(subset.seed),
            "height": str(subset.side),
            "width": str(subset.side),
        },
    )


def load_subset(path: str | Path) -> Subset:
    """Read a subset that :func:`save_subset` wrote.

    Raises
    ------
    DataError
        If the file is missing, damaged, or not a subset.
    """
    arrays = load_arrays(path, *ARRAYS)
    metadata = load_metadata(path)
    try:
        return Subset(
            **arrays,
            digits=tuple(json.loads(metadata["digits"])),
            validation_fraction=float(metadata["validation_fraction"]),
            seed=int(metadata["seed"]),
        )
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path} has the metadata {metadata}, which is not a subset's: "
            "delete it and run the workflow again"
        ) from error


def _read_part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(folder / f"{part}-images-idx3-ubyte")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte")
    square = images.ndim == 3 and images.shape[1] == images.shape[2]
    if not square or labels.shape != images.shape[:1]:
        raise DataError(
            f"the {part} files in {folder} hold images of shape {images.shape} and labels of shape "
            f"{labels.shape}; expected square images (n, side, side), and (n,): fetch them again"
        )
    return images.reshape(len(images), -1), labels
