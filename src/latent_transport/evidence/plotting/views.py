"""How a surface in space looks from a direction: projection, what hides what, the best view."""

import itertools

import numpy as np
from scipy.ndimage import zoom

_AZIMUTHS = np.radians(np.arange(0, 360, 15))
# Both from above and from below: the sign of a principal component means nothing.
_ELEVATIONS = np.radians([-60, -45, -30, -15, 15, 30, 45, 60])
_CELLS = 80  # of the depth buffer, along its longer side
_JUDGED_CELLS = 40  # the same, where many views are compared
_SAMPLES = 4  # of the surface for each of these cells, along each of its two parameters
_TOLERANCE = 0.03  # of the surface's diagonal: how deep a point may lie and still be seen


def make_view(azimuth: float, elevation: float) -> np.ndarray:
    """Return the rotation to (right, up, towards the viewer), for angles in radians.

    Returns
    -------
    ndarray, shape (3, 3)
        Orthonormal; ``points @ view.T`` are positions on the page and, last, nearness.
    """
    viewer = np.array(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ]
    )
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    return np.stack([right, np.cross(viewer, right), viewer])


def find_visible(points: np.ndarray, surface: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Tell which points the surface does not hide, by a depth buffer.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Points on the surface or off it.
    surface : ndarray, shape (H, W, 3)
        Grid of points of the surface.
    view : ndarray, shape (3, 3)
        From `make_view`.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    return _find_visible(points, _sample(surface, _CELLS), view, _CELLS)


def _sample(surface: np.ndarray, cells: int) -> np.ndarray:
    """Return bilinear samples of a surface, dense enough to leave no hole in a depth buffer."""
    scale = (_SAMPLES * cells / surface.shape[0], _SAMPLES * cells / surface.shape[1], 1)
    return zoom(surface, scale, order=1).reshape(-1, 3)


def _find_visible(
    points: np.ndarray, samples: np.ndarray, view: np.ndarray, cells: int
) -> np.ndarray:
    samples, seen = samples @ view.T, points @ view.T  # (s, 3), (n, 3)
    low = np.minimum(samples.min(axis=0), seen.min(axis=0))
    span = np.maximum(samples.max(axis=0), seen.max(axis=0)) - low
    cell = span[:2].max() / cells

    def cells_of(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        column, row = ((places[:, :2] - low[:2]) / cell).astype(int).T
        return row, column

    nearest = np.full((cells + 1, cells + 1), -np.inf)
    np.maximum.at(nearest, cells_of(samples), samples[:, 2])
    return seen[:, 2] >= nearest[cells_of(seen)] - _TOLERANCE * np.linalg.norm(span)


def choose_view(surface: np.ndarray, curve: np.ndarray, chord: np.ndarray) -> np.ndarray:
    """Choose the direction from which the curve is best told from the chord.

    The measure is the mean distance on the page between curve and chord, times the chord's length
    on the page, times the surface's spread on the page (the root of the determinant of its
    covariance), times the squared share of curve and chord that is not hidden.

    Parameters
    ----------
    surface : ndarray, shape (H, W, 3)
        Grid of points of the surface.
    curve : ndarray, shape (T, 3)
        Curve on the surface.
    chord : ndarray, shape (2, 3)
        Its ends.

    Returns
    -------
    ndarray, shape (3, 3)
        As of `make_view`.
    """
    samples = _sample(surface, _JUDGED_CELLS)
    covariance = np.cov(surface.reshape(-1, 3), rowvar=False)
    both = np.concatenate([curve, np.linspace(chord[0], chord[1], len(curve))])  # (2 T, 3)

    def judge(view: np.ndarray) -> float:
        start, end = chord @ view[:2].T
        along = end - start
        across = (curve @ view[:2].T - start) @ np.array([-along[1], along[0]])
        area = np.abs(across).mean()  # distance times the chord's length
        spread = np.sqrt(max(np.linalg.det(view[:2] @ covariance @ view[:2].T), 0))
        return area * spread * _find_visible(both, samples, view, _JUDGED_CELLS).mean() ** 2

    views = itertools.starmap(make_view, itertools.product(_AZIMUTHS, _ELEVATIONS))
    return max(views, key=judge)
