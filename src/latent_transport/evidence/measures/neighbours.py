"""Nearest neighbours by geodesic distance, solving no more geodesics than needed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import measure_curves

PAIRS_AT_ONCE = 1024
GEODESICS_AT_ONCE = 256
LINE_POINTS = 33  # on which lengths are compared, of lines and geodesics alike, if none are set
ROUNDING = 1e-5  # of sums of distances in float32, relative

Lengths = Callable[[np.ndarray, np.ndarray], np.ndarray]
Progress = Callable[[int], object]


def _count_points(settings: SolverSettings) -> int:
    """Points on which lengths are compared."""
    return LINE_POINTS if settings.points == "auto" else settings.points


def _ignore(count: int) -> None:
    """Tell nobody how many pairs are done."""


@dataclass(frozen=True, eq=False)
class Search:
    """What :func:`search_neighbours` found among N points.

    Attributes
    ----------
    distances : ndarray, shape (N, N)
        The distance where it was solved, the upper bound elsewhere.
    solved : ndarray of bool, shape (N, N)
        Where it was.
    certified : ndarray of bool, shape (N,)
        Points whose nearest neighbours are proved to be those of the full matrix of distances.
    """

    distances: np.ndarray
    solved: np.ndarray
    certified: np.ndarray

    @property
    def count(self) -> int:
        """Number of pairs whose distance was solved."""
        return int(np.triu(self.solved, 1).sum())


def measure_bounds(
    geometry: Geometry,
    codes: Tensor,
    *,
    segments: int,
    progress: Progress = _ignore,
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the geodesic distances between all points.

    Parameters
    ----------
    geometry : Geometry
        Measures the distances.
    codes : Tensor, shape (N, d)
        Latent points.
    segments : int
        Segments on which the straight latent lines are measured.
    progress : callable, optional
        Told the number of pairs done since it was last called.

    Returns
    -------
    lower : ndarray, shape (N, N)
        Distance between the distributions: no curve is shorter.
    upper : ndarray, shape (N, N)
        Length of the straight latent line.
    """
    first, second = np.triu_indices(len(codes), 1)  # (P,) each
    t = torch.linspace(0, 1, segments + 1, dtype=codes.dtype, device=codes.device)[:, None]
    lower, upper = np.zeros((2, len(codes), len(codes)))
    for start in range(0, len(first), PAIRS_AT_ONCE):
        i, j = (rows[start : start + PAIRS_AT_ONCE] for rows in (first, second))  # (p,) each
        ends = torch.stack((codes[torch.from_numpy(i)], codes[torch.from_numpy(j)]), 1)
        lines = torch.lerp(ends[:, :1], ends[:, 1:], t)  # (p, segments + 1, d)
        for matrix, curves in ((lower, ends), (upper, lines)):
            lengths, _ = measure_curves(geometry, curves)  # (p,)
            matrix[i, j] = matrix[j, i] = lengths.to("cpu", torch.float64).numpy()
        progress(len(i))
    return lower, upper


def search_neighbours(
    lower: np.ndarray,
    upper: np.ndarray,
    solve: Lengths,
    *,
    neighbours: int,
    candidates: int | None = None,
) -> Search:
    r"""Find every point's nearest neighbours by a distance that is dear to compute.

    The distance of a pair is the smaller of ``upper`` and of what ``solve`` returns, which is
    never below ``lower``. Let :math:`\tau_i` be the k-th smallest upper bound of the distances
    from point i. Pairs whose lower bound exceeds :math:`\tau_i` cannot be among its k nearest;
    the others are solved, those with the smallest upper bounds first, which lowers
    :math:`\tau_i`, until none is left. The neighbours are then those of the full matrix.

    Parameters
    ----------
    lower, upper : ndarray, shape (N, N)
        Symmetric bounds of the distance.
    solve : callable
        Maps two arrays of points (P,), first below second, to the distances (P,) of those pairs.
    neighbours : int
        Nearest neighbours k of each point, 1 <= k < N.
    candidates : int, optional
        Solve at most this many pairs of each point, those with the smallest upper bounds. A point
        that would need others is not certified.

    Returns
    -------
    Search

    Raises
    ------
    ValueError
        If the bounds are no square matrices of one shape, a lower bound exceeds its upper bound,
        or a number is out of range.
    """
    count = _check_bounds(lower, upper, neighbours, candidates)
    distances, itself = upper.astype(np.float64), np.eye(count, dtype=bool)
    solved = itself.copy()
    rank = np.where(itself, np.inf, upper).argsort(1, kind="stable").argsort(1)  # (N, N)
    allowed = rank < (count if candidates is None else candidates)

    def find_open() -> np.ndarray:
        """Unsolved pairs (N, N) that may be among the row's nearest."""
        reach = np.partition(np.where(itself, np.inf, distances), neighbours - 1, axis=1)
        return ~solved & (lower * (1 - ROUNDING) <= reach[:, neighbours - 1 : neighbours])

    while (wanted := find_open() & allowed).any():
        turn = wanted & (np.cumsum(_sort_by(wanted, rank), 1)[_rows(rank), rank] <= neighbours)
        first, second = np.nonzero(np.triu(turn | turn.T))
        lengths = np.minimum(upper[first, second], solve(first, second))  # (P,)
        distances[first, second] = distances[second, first] = lengths
        solved[first, second] = solved[second, first] = True
    return Search(distances, solved, ~np.any(find_open(), axis=1))


@dataclass(frozen=True, eq=False)
class GeodesicLengths:
    """Geodesic distances between some of N points, as :func:`search_neighbours` asks for them.

    Attributes
    ----------
    geometry : Geometry
        Measures the distances.
    codes : Tensor, shape (N, d)
        Latent points.
    settings : SolverSettings
        How the geodesics are solved. Their lengths are measured at as many points as their
        energies, so that a straight geodesic is as long as the line of :func:`measure_bounds`.
    progress : callable, optional
        Told the number of geodesics done since it was last called.
    """

    geometry: Geometry
    codes: Tensor
    settings: SolverSettings
    progress: Progress = _ignore

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Solve the geodesics of pairs of points (P,) each: their lengths (P,)."""
        codes = self.codes
        count = _count_points(self.settings)
        t = torch.linspace(0, 1, count, dtype=codes.dtype, device=codes.device)  # (T,)
        lengths = []
        for start in range(0, len(first), GEODESICS_AT_ONCE):
            i, j = (
                torch.from_numpy(ends[start : start + GEODESICS_AT_ONCE])
                for ends in (first, second)
            )
            paths = self.settings.connect(self.geometry, codes[i], codes[j])
            lengths.append(measure_curves(self.geometry, paths(t))[0].cpu().numpy())
            self.progress(len(i))
        return np.concatenate(lengths)


@dataclass(frozen=True, eq=False)
class Distances:
    """What :func:`measure_distances` found among N points.

    Attributes
    ----------
    search : Search
        Of the nearest neighbours by geodesic distance.
    latent : ndarray, shape (N, N)
        Euclidean distances between the points.
    line : ndarray, shape (N, N)
        Lengths of the straight latent lines.
    direct : ndarray, shape (N, N)
        Distances between the distributions.
    """

    search: Search
    latent: np.ndarray
    line: np.ndarray
    direct: np.ndarray


def measure_distances(
    geometry: Geometry,
    codes: Tensor,
    settings: SolverSettings,
    *,
    neighbours: int,
    candidates: int | None = None,
    progress: bool = False,
) -> Distances:
    """Measure the distances between all points, geodesic ones as far as neighbours need them.

    Parameters
    ----------
    geometry : Geometry
        Measures the distances.
    codes : Tensor, shape (N, d)
        Latent points.
    settings : SolverSettings
        How the geodesics are solved.
    neighbours, candidates : int
        See :func:`search_neighbours`.
    progress : bool, optional
        Whether to show progress bars.

    Returns
    -------
    Distances
    """
    pairs = len(codes) * (len(codes) - 1) // 2
    options = {"unit": "pair", "mininterval": 5, "disable": not progress}
    with tqdm(desc="straight lines", total=pairs, **options) as bar:
        lower, upper = measure_bounds(
            geometry, codes, segments=_count_points(settings) - 1, progress=bar.update
        )
    with tqdm(desc="geodesics", **options) as bar:
        search = search_neighbours(
            lower,
            upper,
            GeodesicLengths(geometry, codes, settings, bar.update),
            neighbours=neighbours,
            candidates=candidates,
        )
    latent = torch.cdist(codes, codes).cpu().numpy().astype(np.float64)
    return Distances(search, latent, upper, lower)


def _rows(rank: np.ndarray) -> np.ndarray:
    return np.arange(len(rank))[:, None]


def _sort_by(values: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Each row of ``values`` (N, N) in the order of ``rank``."""
    ordered = np.empty_like(values)
    ordered[_rows(rank), rank] = values
    return ordered


def _check_bounds(
    lower: np.ndarray, upper: np.ndarray, neighbours: int, candidates: int | None
) -> int:
    count = len(upper)
    if lower.shape != (count, count) or upper.shape != (count, count):
        raise ValueError(f"bounds of shapes {lower.shape} and {upper.shape}; expected (N, N) both")
    if not 1 <= neighbours < count:
        raise ValueError(f"{neighbours} neighbours of {count} points; expected 1 to {count - 1}")
    if candidates is not None and candidates < neighbours:
        raise ValueError(
            f"{candidates} candidates for {neighbours} neighbours; expected at least as many"
        )
    wrong = ~(lower * (1 - ROUNDING) <= upper)
    if wrong.any():
        raise ValueError(
            f"{wrong.sum()} lower bounds are not below their upper bounds; measure both with one "
            "geometry"
        )
    return count
