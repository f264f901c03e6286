"""Encoded images of a subset: where a model's latent space has data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from latent_transport.datasets.subsets import rows_of
from latent_transport.storage import DataError, load_arrays, save_arrays

ACTIVE_VARIANCE = 0.01  # Burda et al. (2016): a dimension whose posterior mean varies by more

ARRAYS = ("mean", "scale", "labels", "indices", "split")


@dataclass(frozen=True, eq=False)
class Codes:
    """Posteriors of the images of a subset, in the rows of the subset.

    Attributes
    ----------
    mean : ndarray of float32, shape (n, d)
        Means of the posteriors, which stand for the images in the latent space.
    scale : ndarray of float32, shape (n, d)
        Standard deviations of the posteriors.
    labels : ndarray of uint8, shape (n,)
        Digits.
    indices : ndarray of int64, shape (n,)
        Position in the IDX file of the image's split.
    split : ndarray of uint8, shape (n,)
        Numbers of the splits in :data:`latent_transport.datasets.subsets.SPLITS`.
    source : str
        What errors call the codes: the file they were read from.

    Raises
    ------
    DataError
        If the arrays do not fit each other.
    """

    mean: np.ndarray
    scale: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    split: np.ndarray
    source: str = "a set of codes"

    def __post_init__(self) -> None:
        shapes = {name: getattr(self, name).shape for name in ARRAYS}
        rows = self.mean.shape[:1]
        if self.mean.ndim != 2 or [*shapes.values()] != [self.mean.shape] * 2 + [rows] * 3:
            found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise DataError(
                f"{self.source} holds arrays of shapes {found}; expected (n, d) twice, then (n,): "
                "encode the images again"
            )

    def __len__(self) -> int:
        return len(self.mean)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file."""
        save_arrays(path, {name: getattr(self, name) for name in ARRAYS}, {})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing or damaged, lacks an array, or its arrays do not fit.
        """
        return cls(**load_arrays(path, *ARRAYS), source=str(path))

    def take(self, rows: np.ndarray) -> Self:
        """Return the codes of some rows (k,), in their order."""
        return replace(self, **{name: getattr(self, name)[rows] for name in ARRAYS})

    def rows(self, split: str) -> np.ndarray:
        """Rows (k,) of the images of a split.

        Raises
        ------
        DataError
            If there is no split of that name.
        """
        return rows_of(split, self.split)

    def of(self, split: str) -> Self:
        """Return the codes of the images of a split.

        Raises
        ------
        DataError
            If there is no split of that name.
        """
        return self.take(self.rows(split))

    def find(self, split: str, indices: Sequence[int] | np.ndarray) -> Self:
        """Return the codes of the images at some positions in their split's file.

        Parameters
        ----------
        split : str
            Split of all of them: positions of the training and of the test images overlap.
        indices : sequence of int, shape (k,)
            Positions; the codes come in their order.

        Raises
        ------
        DataError
            If there is no split of that name, or there are no codes of an image.
        """
        rows = self.rows(split)  # (m,)
        row_of = dict(zip(self.indices[rows].tolist(), rows.tolist(), strict=True))
        wanted = np.asarray(indices).tolist()
        missing = sorted(set(wanted) - set(row_of))
        if missing:
            raise DataError(
                f"{self.source} has no codes of {len(missing)} {split} images of those asked for, "
                f"such as image {missing[0]}: choose among the data the model was trained for"
            )
        return self.take(np.array([row_of[index] for index in wanted], dtype=np.int64))


def active_dimensions(mean: np.ndarray) -> np.ndarray:
    r"""Latent dimensions that the posterior uses: those whose mean varies over the images.

    By Burda et al. (2016), *Importance weighted autoencoders*: :math:`\operatorname{Var}_x
    E[z_i | x] > 0.01`. In the others the posterior has collapsed to the prior.

    Parameters
    ----------
    mean : ndarray, shape (n, d)
        Posterior means of n images.

    Returns
    -------
    ndarray of int, shape (k,)
        In ascending order.

    Raises
    ------
    DataError
        If the means are no (n, d), n > 0, or are not finite.
    """
    if mean.ndim != 2 or len(mean) == 0:
        raise DataError(f"posterior means have shape {mean.shape}; expected (n, d), n > 0")
    if not np.isfinite(mean).all():
        raise DataError("posterior means are not finite; encode the images again")
    return np.flatnonzero(mean.var(0) > ACTIVE_VARIANCE)
