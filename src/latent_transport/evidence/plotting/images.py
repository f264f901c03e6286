"""Figures 3 and 4: images along geodesics, above the linear interpolation of their ends."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from latent_transport.datasets.classes import DIGITS
from latent_transport.evidence.keys import OURS
from latent_transport.evidence.plotting.arrays import expect_finite, expect_shape
from latent_transport.evidence.plotting.style import INK, SHADE, TEXT_WIDTH, freeze_layout, styled
from latent_transport.evidence.vocabulary import DISTANCES, PATHS, Path
from latent_transport.storage import DataError

ROWS = {
    "geodesic": Path(DISTANCES[OURS].label, short="geodesic"),
    **PATHS,
}
"""The rows a strip can have, and what the figures call them."""

_GAP = 0.1  # of a tile, between tiles
_FRACTIONS = (0, 0.25, 0.5, 0.75, 1)


@styled
def plot_image_path(
    paths: Mapping[str, np.ndarray],
    index: int = 0,
    *,
    rows: Sequence[str] = ("geodesic", "interpolation"),
    confidence: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Draw one pair's images: a row on the geodesic, a row of linear interpolation.

    Every row begins and ends with the data set's own images, in frames; between them stand decoder
    means (or interpolated pixels), each at its fraction of the way.

    Parameters
    ----------
    paths : mapping of str to ndarray
        ``ends`` (m, 2, side^2) and, for each of `rows`, (m, T, side^2) images at T interior points
        equally spaced, all in grey levels 0..255.
    index : int
        Which of the m pairs.
    rows : sequence of str
        From top to bottom, of the keys of `ROWS`: ``"geodesic"`` of W1, ``"line"``,
        ``"interpolation"``, or the name of another geometry.
    confidence : mapping of str to ndarray, shape (m,), optional
        By row, a classifier's mean confidence in its images between the ends, which is written
        beside it.

    Returns
    -------
    Figure
        Paper, Figure 3.

    Raises
    ------
    DataError
        If there is no such pair or row, or arrays do not fit each other.
    """
    count, tiles = _check_paths(paths, rows, confidence)
    if not 0 <= index < count:
        raise DataError(f"pair {index} asked for; there are {count}, counted from 0")
    tile = (TEXT_WIDTH - 1.1) / tiles  # inches; the rest is for the rows' names
    figure = Figure(
        figsize=(TEXT_WIDTH, tile * len(rows) + 0.42),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.02),
    )
    axes = figure.subplots()
    _draw_strip(axes, paths, index, rows, confidence)
    _name_rows(axes, [ROWS[row].label for row in rows], fontsize=8)
    _draw_fractions(axes)
    axes.set_xlabel("fraction of the path")
    return freeze_layout(figure)


@styled
def plot_image_paths(
    paths: Mapping[str, np.ndarray],
    *,
    rows: Sequence[str] = ("geodesic", "interpolation"),
    classes: Sequence[str] = DIGITS,
    confidence: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Draw a strip as in Figure 3 for every pair, in two columns, named by the ends' classes.

    Parameters
    ----------
    paths : mapping of str to ndarray
        As for `plot_image_path`, and ``labels`` (m, 2).
    rows : sequence of str
        As for `plot_image_path`.
    classes : sequence of str
        Names of the classes, by label.
    confidence : mapping of str to ndarray, shape (m,), optional
        As for `plot_image_path`.

    Returns
    -------
    Figure
        Paper, Figure 4.

    Raises
    ------
    DataError
        If there is no pair, no such row, or arrays do not fit each other.
    """
    count, tiles = _check_paths(paths, rows, confidence)
    expect_shape("labels of the paths", _find(paths, "labels"), count, 2)
    columns = min(2, count)
    lines = math.ceil(count / 2)
    tile = (TEXT_WIDTH - 0.6) / (columns * tiles)
    height = lines * (tile * len(rows) + 0.18) + 0.35
    figure = Figure(
        figsize=(TEXT_WIDTH, height),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.02, wspace=0.02, hspace=0.0),
    )
    grid = figure.subplots(lines, columns, squeeze=False)
    for index, axes in enumerate(grid.ravel()):
        if index >= count:
            axes.remove()
            continue
        _draw_strip(axes, paths, index, rows, confidence)
        first, last = (classes[label].replace("$", r"\$") for label in paths["labels"][index])
        axes.set_title(rf"{first} $\rightarrow$ {last}", pad=1.5)
        names = [ROWS[row].short or ROWS[row].label for row in rows]
        _name_rows(axes, names if index % columns == 0 else [""] * len(rows), 7)
        if index + columns >= count:
            _draw_fractions(axes)
    figure.supxlabel("fraction of the path", fontsize=8)
    return freeze_layout(figure)


def _find(paths: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in paths:
        raise DataError(f"the paths have no array {name!r}; they have {', '.join(paths)}")
    return paths[name]


def _check_paths(
    paths: Mapping[str, np.ndarray],
    rows: Sequence[str],
    confidence: Mapping[str, np.ndarray] | None,
) -> tuple[int, int]:
    """Return the numbers of pairs and of tiles' places in a row, or say what does not fit."""
    unknown = [row for row in rows if row not in ROWS]
    if unknown or not rows:
        raise DataError(f"rows are {list(rows)}; choose at least one of {', '.join(ROWS)}")
    ends = _find(paths, "ends")
    expect_shape("ends of the paths", ends, "m", 2, "pixels")
    count, _, pixels = ends.shape
    if count == 0:
        raise DataError("the paths hold no pairs; nothing to draw")
    if math.isqrt(pixels) ** 2 != pixels:
        raise DataError(f"images have {pixels} pixels; expected a square number, e.g. 784")
    between = _find(paths, rows[0]).shape[1]
    for row in rows:
        expect_shape(f"{row} of the paths", _find(paths, row), count, between, pixels)
        expect_finite(f"{row} of the paths", paths[row])
    if confidence is None:
        return count, between + 2
    for row in rows:
        expect_shape(f"confidence of {row}", _find(confidence, row), count)
    return count, between + 3  # as wide as a tile, the numbers


def _draw_strip(
    axes: Axes,
    paths: Mapping[str, np.ndarray],
    index: int,
    rows: Sequence[str],
    confidence: Mapping[str, np.ndarray] | None,
) -> None:
    """Draw rows of images; a tile's centre is its fraction of the way, a row is a tile high."""
    first, last = paths["ends"][index]
    side = math.isqrt(len(first))
    tile = 1 / (len(paths[rows[0]][index]) + 1)
    half = tile * (1 - _GAP) / 2
    for line, row in enumerate(rows):
        middle = -(line + 0.5) * tile
        images = [first, *paths[row][index], last]
        for number, image in enumerate(images):
            centre = number * tile
            box = (centre - half, centre + half, middle - half, middle + half)
            axes.imshow(
                np.reshape(image, (side, side)),
                extent=box,
                cmap="gray_r",
                vmin=0,
                vmax=255,
                interpolation="none",
            )
            if number in (0, len(images) - 1):
                axes.add_patch(
                    Rectangle(
                        (box[0], box[2]), 2 * half, 2 * half, fill=False, ec=INK, lw=0.6, zorder=3
                    )
                )
        if confidence is not None:
            note = f"{confidence[row][index]:.2f}".removeprefix("0")
            place = (1 + 0.62 * tile, middle)
            axes.text(*place, note, fontsize=6.5, color=SHADE, ha="left", va="center_baseline")
    margin = 0.02 * tile  # room for the frames' lines
    notes = 0 if confidence is None else tile
    axes.set(
        xlim=(-tile / 2 - margin, 1 + tile / 2 + margin + notes),
        ylim=(-len(rows) * tile - margin, margin),
        aspect="equal",
        xticks=[],
    )
    axes.spines[:].set_visible(False)


def _name_rows(axes: Axes, names: Sequence[str], fontsize: float) -> None:
    low, high = axes.get_ylim()
    middles = high - (np.arange(len(names)) + 0.5) / len(names) * (high - low)
    axes.set_yticks(middles, names, fontsize=fontsize)
    axes.tick_params(axis="y", length=0)


def _draw_fractions(axes: Axes) -> None:
    axes.set_xticks(_FRACTIONS, [f"{fraction:g}" for fraction in _FRACTIONS])
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_bounds(0, 1)
