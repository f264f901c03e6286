"""Nearest neighbours by geodesic distances, certified by bounds of those that are not solved."""

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from tqdm import tqdm

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.base import Geometry
from latent_transport.maps.logarithm import warn_of_failures
from latent_transport.memory import count_rows

PAIRS_AT_ONCE = 1024
COPIES = 8  # of a row of bounds, while it is searched
SHARE = 2  # part of the neighbours that are looked for, by which a later round asks for more


def nearest_distances(
    geometry: Geometry,
    rows: Tensor,
    columns: Tensor,
    count: int,
    *,
    symmetric: bool,
    progress: str | None,
    options: dict[str, Any],
    stacklevel: int,
) -> csr_matrix:
    """Geodesic distances of points from their nearest others.

    In the order of lower bounds, until no bound that is left is below the distance of the last
    neighbour.

    Parameters
    ----------
    geometry : Geometry
        Measures the distances.
    rows, columns : Tensor, shape (n, d) and (m, d)
        Points, and those among which their neighbours are.
    count : int
        Number of neighbours k, at most m, or m - 1 where the points are the same.
    symmetric : bool
        Whether they are: a point is no neighbour of its own, but has an entry, 0.
    progress, options
        As for :func:`distance_matrix`.
    stacklevel : int
        As for :func:`warn_of_failures`.

    Returns
    -------
    csr_matrix, shape (n, m)
        With k entries a row, or k + 1 with the point itself, from the nearest on.
    """
    size = count_rows(COPIES * len(columns) * columns.element_size())
    known: dict[int, float] = {}
    outcomes: list[Tensor] = []
    found = []
    with tqdm(desc=progress, unit="pair", disable=progress is None) as bar:
        for start in range(0, len(rows), size):
            numbers = torch.arange(start, min(len(rows), start + size), device=rows.device)  # (b,)
            bounds = geometry.lower_bound(rows[numbers][:, None], columns[None])  # (b, m)
            lower = bounds.nan_to_num(nan=0.0).double().cpu().numpy()  # (b, m)
            if symmetric:
                lower[np.arange(len(lower)), numbers.cpu().numpy()] = np.inf
            search = _Search(geometry, rows, columns, symmetric, known, outcomes, bar, options)
            found.append(search.find(start, lower, count))
    if outcomes:
        warn_of_failures(torch.cat(outcomes), stacklevel=stacklevel)
    return _assemble(found, len(columns), symmetric, rows.cpu().numpy().dtype)


class _Search:
    """Rounds of geodesics between points and what may be their neighbours."""

    def __init__(
        self,
        geometry: Geometry,
        rows: Tensor,
        columns: Tensor,
        symmetric: bool,
        known: dict[int, float],
        outcomes: list[Tensor],
        bar: "tqdm[Any]",
        options: dict[str, Any],
    ) -> None:
        self.geometry, self.rows, self.columns = geometry, rows, columns
        self.symmetric, self.known, self.outcomes = symmetric, known, outcomes
        self.bar, self.options = bar, options

    def find(self, start: int, lower: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Numbers and distances (b, k) of the neighbours of the points from ``start`` on."""
        order = lower.argsort(1, kind="stable")  # (b, m)
        distance = np.full(lower.shape, np.inf)  # (b, m), of those that are solved
        done = np.zeros(len(lower), dtype=int)  # (b,), how many of the order
        last = np.full(len(lower), np.inf)  # (b,), distances of the last neighbours
        step = count
        while True:
            i, j = [], []
            for row in range(len(lower)):
                ahead = order[row, done[row] : done[row] + step]
                ahead = ahead[lower[row, ahead] < last[row]]
                i += [row] * len(ahead)
                j += ahead.tolist()
                done[row] += len(ahead)
            if not i:
                break
            distance[i, j] = self._solve(start + np.array(i), np.array(j))
            last = np.partition(distance, count - 1, axis=1)[:, count - 1]
            step = max(1, count // SHARE)
        nearest = distance.argsort(1, kind="stable")[:, :count]  # (b, k)
        return nearest, np.take_along_axis(distance, nearest, 1), start

    def _solve(self, i: np.ndarray, j: np.ndarray) -> list[float]:
        """Distances (p,) of pairs, each of which is solved once."""
        first, second = (np.minimum(i, j), np.maximum(i, j)) if self.symmetric else (i, j)
        keys = first * len(self.columns) + second  # (p,)
        new = [int(key) for key in np.unique(keys) if int(key) not in self.known]
        for begin in range(0, len(new), PAIRS_AT_ONCE):
            part = torch.tensor(new[begin : begin + PAIRS_AT_ONCE], device=self.rows.device)
            ends = self.rows[part // len(self.columns)], self.columns[part % len(self.columns)]
            paths = connecting_geodesics(self.geometry, *ends, **self.options)
            lengths = paths.length.nan_to_num(nan=torch.inf)
            self.known.update(zip(part.tolist(), lengths.tolist(), strict=True))
            self.outcomes.append(paths.report.outcome)
            self.bar.update(len(part))
        return [self.known[int(key)] for key in keys]


def _assemble(
    found: list[tuple[np.ndarray, np.ndarray, int]], columns: int, symmetric: bool, dtype: Any
) -> csr_matrix:
    """Sparse matrix of numbers and distances (b, k) of blocks of rows."""
    numbers, distances = (np.concatenate([part[k] for part in found]) for k in (0, 1))  # (n, k)
    if symmetric:
        own = np.arange(len(numbers))[:, None]  # (n, 1)
        numbers = np.concatenate((own, numbers), 1)  # (n, k + 1)
        distances = np.concatenate((np.zeros_like(own, dtype=float), distances), 1)
    pointers = np.arange(len(numbers) + 1) * numbers.shape[1]  # (n + 1,)
    data = distances.astype(dtype).ravel()
    return csr_matrix((data, numbers.ravel(), pointers), shape=(len(numbers), columns))
