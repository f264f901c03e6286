"""The region of a latent space that holds the codes, and how far curves stray from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.curves import Curves
from latent_transport.evidence.data.pairs import take_first
from latent_transport.evidence.keys import IMAGES, LINE, POSTERIOR, PRIOR
from latent_transport.storage import DataError


@dataclass(frozen=True, eq=False)
class LatentRegion:
    """Region that holds a given share of the codes of data not seen in training.

    A point's score is its Euclidean distance to the k-th nearest training code, which falls as
    the density of the codes rises (Loftsgaarden & Quesenberry 1965); the region is where the score
    is at most ``boundary``.

    Attributes
    ----------
    boundary : float
        Largest score inside, in units of the latent space.
    """

    boundary: float
    _search: NearestNeighbors

    @classmethod
    def fit(
        cls, codes: np.ndarray, held_out: np.ndarray, *, share: float = 0.99, neighbours: int = 10
    ) -> "LatentRegion":
        """Fit a region to training codes and calibrate it on held-out ones.

        Samples of the posteriors are codes as well as their means are, and say where the decoder
        was trained: along dimensions that the encoder ignores the means lie in a slab around 0, in
        which no sample does.

        Parameters
        ----------
        codes : ndarray, shape (n, d)
            Training codes.
        held_out : ndarray, shape (m, d)
            Codes of other images; the boundary is the smallest score that at least `share` of
            them do not exceed.
        share : float
            Between 0 and 1.
        neighbours : int
            k, from 1 to n. A single neighbour would make an outlier among the codes count as
            data; ten of them do not, yet are few beside the hundreds of codes in a mode.

        Raises
        ------
        DataError
            If the codes do not fit each other or are not finite, or a setting is out of range.
        """
        for name, array in (("codes", codes), ("held-out codes", held_out)):
            if array.ndim != 2 or array.shape[1] != codes.shape[-1] or len(array) == 0:
                raise DataError(
                    f"{name} have shape {array.shape}; expected (n, {codes.shape[-1]}), n > 0"
                )
            if not np.isfinite(array).all():
                raise DataError(f"{name} are not finite; encode the images again")
        if not 0 < share <= 1:
            raise DataError(f"share is {share}; expected more than 0, and at most 1")
        if not 1 <= neighbours <= len(codes):
            raise DataError(f"neighbours is {neighbours}; expected 1 to {len(codes)}, the codes")
        # A tree in the plane, exhaustive search in many dimensions, where trees are slower.
        search = NearestNeighbors(n_neighbors=neighbours).fit(codes)
        scores = cls(np.inf, search).scores(held_out)  # (m,)
        return cls(float(np.quantile(scores, share, method="inverted_cdf")), search)

    def scores(self, points: np.ndarray) -> np.ndarray:
        """Distance of points (..., d) to their k-th nearest training code: shape (...)."""
        distances, _ = self._search.kneighbors(points.reshape(-1, points.shape[-1]))  # (p, k)
        return distances[:, -1].reshape(points.shape[:-1])

    def excursions(self, points: np.ndarray) -> np.ndarray:
        """Scores over the boundary, (..., d) to (...): above 1 outside the region."""
        return self.scores(points) / self.boundary

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether points lie in the region: (..., d) to booleans (...)."""
        return self.scores(points) <= self.boundary


def fit_region(codes: Codes, rng: np.random.Generator, *, share: float = 0.99) -> LatentRegion:
    """Fit a region to samples of the posteriors of training images, calibrated on validation ones.

    Parameters
    ----------
    codes : Codes
        Of all images.
    rng : Generator
        Draws the samples.
    share : float
        As for :meth:`LatentRegion.fit`.
    """
    train, validation = (draw_codes(codes.of(split), rng) for split in ("train", "validation"))
    return LatentRegion.fit(train, validation, share=share)


def measure_containment(region: LatentRegion, curves: np.ndarray) -> dict[str, np.ndarray]:
    """Measure how far curves keep to a region.

    Parameters
    ----------
    region : LatentRegion
        Of the same latent space.
    curves : ndarray, shape (m, N, d)
        Points of m curves, ends included.

    Returns
    -------
    dict of ndarray, shape (m,)
        ``share_inside``: share of the curve's Euclidean length in the latent space that is inside,
        which does not depend on how fast the curve is run through; each point stands for half of
        the two segments that meet there. ``points_inside``: share of its points.
        ``worst_excursion``: the largest score over the boundary, at most 1 for a curve that never
        leaves.
    """
    excursions = region.excursions(curves)  # (m, N)
    inside = excursions <= 1  # (m, N)
    return {
        "share_inside": np.average(inside, axis=-1, weights=_lengths_at(curves)),
        "points_inside": inside.mean(-1),
        "worst_excursion": excursions.max(-1),
    }


def measure_norms(curves: np.ndarray) -> np.ndarray:
    """Mean distance to the origin along curves (m, N, d), by their latent lengths: shape (m,)."""
    return np.average(np.linalg.norm(curves, axis=-1), axis=-1, weights=_lengths_at(curves))


def _lengths_at(curves: np.ndarray) -> np.ndarray:
    """Euclidean length (m, N) that each point of curves stands for; 1 on curves of no length."""
    halves = np.linalg.norm(np.diff(curves, axis=1), axis=-1) / 2  # (m, N - 1)
    weights = np.pad(halves, ((0, 0), (1, 0))) + np.pad(halves, ((0, 0), (0, 1)))  # (m, N)
    still = weights.sum(-1, keepdims=True) == 0  # (m, 1)
    return np.where(still, 1, weights)  # (m, N)


def draw_codes(codes: Codes, rng: np.random.Generator) -> np.ndarray:
    """Draw a sample of each image's posterior: shape (n, d), float32."""
    noise = rng.standard_normal(codes.mean.shape, dtype=np.float32)  # (n, d)
    return codes.mean + codes.scale * noise


def draw_floors(
    codes: Codes, rng: np.random.Generator, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Draw what curves are measured against: points that lie on none.

    Parameters
    ----------
    codes : Codes
        Of test images, at least one.
    rng : Generator
        Draws images with replacement, and samples.
    shape : tuple of int
        Points to draw.

    Returns
    -------
    dict of ndarray of float32, shape (*shape, d)
        ``images``, the codes of images; ``posterior``, a sample of each one's posterior; and
        ``prior``, samples of the prior.
    """
    chosen = codes.take(rng.integers(len(codes), size=shape).ravel())
    drawn = {
        IMAGES: chosen.mean,
        POSTERIOR: draw_codes(chosen, rng),
        PRIOR: rng.standard_normal(chosen.mean.shape, dtype=np.float32),
    }  # (p, d) each
    return {name: points.reshape(*shape, -1) for name, points in drawn.items()}


def load_paths(
    names: Sequence[str],
    files: Sequence[str | Path],
    pairs: pd.DataFrame,
    first: Mapping[str, int] | None = None,
) -> dict[str, np.ndarray]:
    """Read the curves between pairs of points, and draw the straight lines between their ends.

    Parameters
    ----------
    names : sequence of str
        What the paths are called.
    files : sequence of path
        Curves of each, in the order of the names.
    pairs : DataFrame
        The p pairs wanted, with columns ``pair`` and ``kind``.
    first : mapping of str to int, optional
        Paths that only so many pairs of each kind have, the first ones.

    Returns
    -------
    dict of ndarray, shape (p, N, d)
        By name, in the order of `pairs`, missing (NaN) where a path has none; last ``line``,
        between the ends of a path that has all.

    Raises
    ------
    DataError
        If there are not as many files as names, a file lacks a pair, no path has all of them, or
        paths join other ends.
    """
    if not names or len(names) != len(files):
        raise DataError(f"{len(names)} names for {len(files)} files of curves; expected as many")
    if LINE in names or len(set(names)) < len(names):
        raise DataError(
            f"paths are {', '.join(names)}; expected each once, and {LINE!r} not at all"
        )
    numbers = pairs["pair"].to_numpy()  # (p,)
    paths: dict[str, np.ndarray] = {}
    for name, file in zip(names, files, strict=True):
        wanted = take_first(pairs, (first or {}).get(name))["pair"].to_numpy()
        curves = Curves.load(file).of(wanted)
        paths[name] = np.full((len(numbers), *curves.points.shape[1:]), np.nan, np.float32)
        paths[name][np.isin(numbers, wanted)] = curves.points
    main = next((name for name, points in paths.items() if not np.isnan(points).any()), None)
    if main is None:
        raise DataError(
            f"none of the paths {', '.join(paths)} has all pairs; expected one that has"
        )
    whole = paths[main]  # (p, N, d)
    for name, points in paths.items():
        there = ~np.isnan(points).any((1, 2))  # (p,)
        if points.shape[2] != whole.shape[2] or not np.allclose(
            points[there][:, [0, -1]], whole[there][:, [0, -1]], rtol=1e-4, atol=1e-4
        ):
            raise DataError(
                f"paths {main} and {name} join other ends; expected files of the same pairs "
                "of one model"
            )
    t = np.linspace(0, 1, whole.shape[1], dtype=whole.dtype)[:, None]  # (N, 1)
    return {**paths, LINE: (1 - t) * whole[:, :1] + t * whole[:, -1:]}
