"""Sequences whose intermediates are known: the errors along paths, and images on them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from latent_transport.evidence.keys import FADE, IMAGES, LINE, OURS
from latent_transport.evidence.plotting.arrays import expect_finite, expect_shape
from latent_transport.evidence.plotting.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    SHADE,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    styled,
)
from latent_transport.evidence.vocabulary import PATHS, path_label
from latent_transport.storage import DataError

STYLES: dict[str, tuple[str, Any]] = {
    LINE: (INK, (0, (3, 1.5))),
    OURS: (VERMILION, "-"),
    "wasserstein2": (GREEN, "-"),
    "fisher-rao": (BLUE, "-"),
    "euclidean": (ORANGE, (0, (1, 1))),
    FADE: (SHADE, (0, (5, 1, 1, 1))),
}
"""Colour and dashes of each path."""

_TILES = 7  # images in a row, of the fractions there are
_DEVIATIONS = 1.96  # standard errors of a 95 % interval


@styled
def plot_sequences(sequences: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw a column a sequence: above, errors along the paths; below, images of one example.

    Parameters
    ----------
    sequences : mapping of str to mapping of str to ndarray
        By the sequences' names: ``fractions`` (T,), from 0 to 1; for each path ``{path}_error``
        (B, T), in grey levels; and ``{path}_images`` (T, side^2), with ``images_images``, the true
        ones, among them.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If there is no sequence, or arrays are missing or do not fit.
    """
    if not sequences:
        raise DataError("no sequence to draw; give at least one")
    first = next(iter(sequences.values()))
    paths = [path for path in STYLES if f"{path}_error" in first]
    rows = [IMAGES, *paths]
    for name, arrays in sequences.items():
        _check(name, arrays, rows)
    tile = (TEXT_WIDTH - 0.8) / (len(sequences) * _TILES)
    figure = Figure(
        figsize=(TEXT_WIDTH, 1.5 + len(rows) * tile + 0.75),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02),
    )
    grid = figure.subplots(2, len(sequences), squeeze=False, height_ratios=(1.5, len(rows) * tile))
    for number, (name, arrays) in enumerate(sequences.items()):
        above, below = grid[:, number]
        _draw_errors(above, arrays, paths)
        above.set_title(name)
        if number == 0:
            above.set_ylabel("error (grey levels)")
        _draw_images(below, arrays, rows, named=number == 0)
    handles = [
        Line2D([], [], color=STYLES[path][0], linestyle=STYLES[path][1], linewidth=1.1)
        for path in paths
    ]
    figure.legend(
        handles, list(map(path_label, paths)), loc="outside upper center", ncols=6, borderpad=0
    )
    figure.supxlabel("fraction of the path", fontsize=8)
    return freeze_layout(figure)


def _check(name: str, arrays: Mapping[str, np.ndarray], rows: Sequence[str]) -> None:
    wanted = [
        "fractions",
        *(f"{row}_images" for row in rows),
        *(f"{row}_error" for row in rows[1:]),
    ]
    missing = [key for key in wanted if key not in arrays]
    if missing or len(rows) == 1:
        raise DataError(
            f"the sequence {name} lacks {', '.join(missing) or 'errors of any path'}; it has "
            f"{', '.join(arrays)}"
        )
    count = len(arrays["fractions"])
    pixels = arrays[f"{IMAGES}_images"].shape[-1]
    for row in rows:
        expect_shape(f"{row}_images of {name}", arrays[f"{row}_images"], count, pixels)
        expect_finite(f"{row}_images of {name}", arrays[f"{row}_images"])
    for row in rows[1:]:
        expect_shape(f"{row}_error of {name}", arrays[f"{row}_error"], "B", count)
        expect_finite(f"{row}_error of {name}", arrays[f"{row}_error"])


def _draw_errors(axes: Axes, arrays: Mapping[str, np.ndarray], paths: Sequence[str]) -> None:
    fractions = arrays["fractions"]
    for path in paths:
        errors = arrays[f"{path}_error"]  # (B, T)
        colour, dashes = STYLES[path]
        mean = errors.mean(0)
        half = _DEVIATIONS * errors.std(0, ddof=1) / math.sqrt(len(errors))
        axes.fill_between(fractions, mean - half, mean + half, color=colour, alpha=0.15, lw=0)
        axes.plot(fractions, mean, color=colour, linestyle=dashes, linewidth=1.1)
    axes.set(xlim=(0, 1), ylim=(0, None), xticks=(0, 0.5, 1))
    axes.spines[["top", "right"]].set_visible(False)


def _draw_images(
    axes: Axes, arrays: Mapping[str, np.ndarray], rows: Sequence[str], *, named: bool
) -> None:
    chosen = np.linspace(0, len(arrays["fractions"]) - 1, _TILES).round().astype(int)
    for line, row in enumerate(rows):
        images = arrays[f"{row}_images"][chosen]
        side = math.isqrt(images.shape[-1])
        for place, image in enumerate(images):
            axes.imshow(
                image.reshape(side, side),
                extent=(place + 0.04, place + 0.96, -line - 0.96, -line - 0.04),
                cmap="gray_r",
                vmin=0,
                vmax=255,
                interpolation="none",
            )
    axes.set(xlim=(0, _TILES), ylim=(-len(rows), 0), aspect="equal", xticks=[])
    names = ["true images", *(PATHS[row].short or path_label(row) for row in rows[1:])]
    middles = -np.arange(len(rows)) - 0.5
    axes.set_yticks(middles, names if named else [""] * len(rows), fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
