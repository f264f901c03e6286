"""Curves between pairs of points, as they are stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from latent_transport.storage import DataError, load_arrays, save_arrays

ARRAYS = ("pair", "t", "points")


@dataclass(frozen=True, eq=False)
class Curves:
    """Points on the curves of some pairs, at the same parameters on each.

    Attributes
    ----------
    pair : ndarray of int64, shape (m,)
        The pair that each curve joins, each once.
    t : ndarray of float32, shape (T,)
        Parameters of the points, from 0 to 1.
    points : ndarray of float32, shape (m, T, d)
        Points on each curve.
    source : str
        What errors call the curves: the file they were read from.

    Raises
    ------
    DataError
        If the arrays do not fit each other, or a pair has two curves.
    """

    pair: np.ndarray
    t: np.ndarray
    points: np.ndarray
    source: str = "a set of curves"

    def __post_init__(self) -> None:
        lengths = self.pair.shape + self.t.shape
        if self.pair.ndim != 1 or self.points.ndim != 3 or lengths != self.points.shape[:2]:
            raise DataError(
                f"{self.source} holds pairs of shape {self.pair.shape}, t of shape {self.t.shape} "
                f"and points of shape {self.points.shape}; expected (m,), (T,) and (m, T, d): "
                "solve them again"
            )
        pairs, counts = np.unique(self.pair, return_counts=True)
        if (counts > 1).any():
            raise DataError(
                f"{self.source} holds {counts.max()} curves of pair {pairs[counts.argmax()]}; "
                "expected one of each pair: solve them again"
            )

    def __len__(self) -> int:
        return len(self.pair)

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

    @classmethod
    def gather(cls, parts: Sequence[Self]) -> Self:
        """Join the curves of several parts, one or more, in the order of their pairs.

        Raises
        ------
        DataError
            If parts have different parameters or dimensions, or share a pair.
        """
        first = parts[0]
        for part in parts:
            same = np.array_equal(part.t, first.t)
            if not same or part.points.shape[2] != first.points.shape[2]:
                raise DataError(
                    f"{part.source} and {first.source} have points at other parameters, or of "
                    "other latent spaces: solve all chunks again"
                )
        pair, points = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("pair", "points")
        )
        order = np.argsort(pair)
        return cls(pair[order], first.t, points[order])

    def of(self, pairs: Sequence[int] | np.ndarray) -> Self:
        """Return the curves of some pairs, in their order.

        Raises
        ------
        DataError
            If a pair has no curve.
        """
        row_of = {pair: row for row, pair in enumerate(self.pair.tolist())}
        wanted = np.asarray(pairs).tolist()
        missing = [pair for pair in wanted if pair not in row_of]
        if missing:
            raise DataError(
                f"{self.source} lacks {len(missing)} pairs, such as {missing[0]}; the table of "
                "pairs and the curves must come from the same run: solve them"
            )
        rows = np.array([row_of[pair] for pair in wanted], dtype=np.int64)  # (k,)
        return replace(self, pair=self.pair[rows], points=self.points[rows])
