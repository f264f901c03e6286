"""One pixel on a ramp of intensities: geodesics that shift it, and geodesics that blur it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from scipy.stats import norm

from latent_transport.evidence.keys import OURS, RIVAL
from latent_transport.evidence.plotting.arrays import expect_finite, expect_shape
from latent_transport.evidence.plotting.style import (
    BLUE,
    INK,
    SHADE,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    styled,
)
from latent_transport.evidence.vocabulary import path_label
from latent_transport.storage import DataError

COLOURS = {OURS: VERMILION, RIVAL: BLUE}
"""Geometries that are drawn, and their colours."""

_PIXELS = (24, 96)  # of a strip, down and along
_MARKS = 17  # of the exact curve
_GREY_LEVELS = (0, 255)
_DOTS: dict[str, Any] = {
    "marker": "o",
    "markersize": 2.5,
    "markerfacecolor": "white",
    "markeredgewidth": 0.6,
    "linestyle": "none",
}


@styled
def plot_ramp(
    curves: Mapping[str, np.ndarray], cases: Sequence[str], *, shown: Sequence[str], strip: str
) -> Figure:
    """Draw geodesics of a normal pixel in the plane of its parameters, and the pixel on its way.

    On the left, computed curves as lines and exact ones as dots. On the right, for one case, a
    strip a geometry: each column holds the quantiles of the pixel at that fraction of the length,
    shuffled, as a patch of a surface of such pixels would look.

    Parameters
    ----------
    curves : mapping of str to ndarray
        For ``wasserstein1`` and ``fisher-rao``: ``{geometry}_computed`` and ``{geometry}_exact``
        (m, T, 2), curves of (mean, standard deviation) in grey levels; the exact ones run through
        at constant speed.
    cases : sequence of str
        Names of the m pairs of ends.
    shown : sequence of str
        Cases to draw in the plane.
    strip : str
        Case to draw as strips.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a case or an array is missing, or the arrays do not fit.
    """
    rows = [_find(cases, case) for case in (*shown, strip)]
    for name in COLOURS:
        for kind in ("computed", "exact"):
            key = f"{name}_{kind}"
            if key not in curves:
                raise DataError(f"no array {key}; the curves have {', '.join(curves) or 'none'}")
            expect_shape(key, curves[key], len(cases), "T", 2)
            expect_finite(key, curves[key])

    figure = Figure(
        figsize=(TEXT_WIDTH, 2.1),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.04, hspace=0.06),
    )
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.15))
    plane = figure.add_subplot(grid[:, 0])
    for row in rows[:-1]:
        for name, colour in COLOURS.items():
            _draw_curve(
                plane, curves[f"{name}_computed"][row], curves[f"{name}_exact"][row], colour
            )
    plane.set(
        xlim=_GREY_LEVELS,
        ylim=(0, None),
        xlabel="mean (grey levels)",
        ylabel="standard deviation (grey levels)",
    )
    plane.spines[["top", "right"]].set_visible(False)
    for place, (name, colour) in enumerate(COLOURS.items()):
        axes = figure.add_subplot(grid[place, 1])
        _draw_strip(axes, curves[f"{name}_exact"][rows[-1]])
        axes.set_title(path_label(name), color=colour)
        if place == len(COLOURS) - 1:
            axes.set_xlabel("fraction of the path")
        else:
            axes.set_xticklabels([])
    dots = Line2D([], [], color=INK, **_DOTS)
    lines = [Line2D([], [], color=colour, linewidth=1.1) for colour in COLOURS.values()]
    figure.legend(
        [*lines, dots],
        [*(f"{path_label(name)} geodesic" for name in COLOURS), "exact"],
        loc="outside upper center",
        ncols=3,
        borderpad=0,
    )
    return freeze_layout(figure)


def _find(cases: Sequence[str], case: str) -> int:
    if case not in cases:
        raise DataError(f"no case {case!r}; the curves have {', '.join(cases) or 'none'}")
    return list(cases).index(case)


def _draw_curve(axes: Axes, computed: np.ndarray, exact: np.ndarray, colour: str) -> None:
    axes.plot(*computed.T, color=colour, linewidth=1.1, zorder=2)
    marks = np.linspace(0, len(exact) - 1, _MARKS).round().astype(int)
    axes.plot(
        *exact[marks].T,
        color=colour,
        **_DOTS,
        clip_on=False,
        zorder=3,
    )


def _draw_strip(axes: Axes, curve: np.ndarray) -> None:
    draws, columns = _PIXELS
    quantiles = (np.arange(draws)[:, None] + 0.5) / draws  # (draws, 1)
    at = np.linspace(0, len(curve) - 1, columns).round().astype(int)
    pixels = norm.ppf(quantiles, *curve[at].T[:, None])  # (draws, columns)
    pixels = np.random.default_rng(0).permuted(pixels, axis=0)
    axes.imshow(
        pixels,
        cmap="gray",
        vmin=_GREY_LEVELS[0],
        vmax=_GREY_LEVELS[1],
        extent=(0, 1, 0, 1),
        aspect="auto",
        interpolation="nearest",
    )
    axes.set(xticks=(0, 0.25, 0.5, 0.75, 1), yticks=())
    axes.spines[:].set(edgecolor=SHADE)
