"""Figure 2: latent spaces with their geodesics, over the volume of the pulled-back metric."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator

from latent_transport.evidence.keys import FAR, OURS, RANDOM
from latent_transport.evidence.plotting.arrays import expect_columns, expect_finite, expect_shape
from latent_transport.evidence.plotting.style import (
    BLUE,
    INK,
    SHADE,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    styled,
    volume_colormap,
)
from latent_transport.evidence.vocabulary import KINDS_OF_PAIRS, distance_label
from latent_transport.storage import DataError

VOLUME_LABEL = "metric volume (grey levels$^2$ per unit area)"

_COLUMNS = 5
_LARGEST_PANEL = 2.2  # inches
_OUTLIERS = 0.005  # share of the codes at either end of an axis that may be cut off
_MARGIN = 0.03  # of the larger range, on each side

CODES_STYLE: dict[str, Any] = {
    "color": SHADE,
    "marker": "o",
    "markersize": 0.7,
    "alpha": 0.4,
    "linestyle": "none",
}
# White casings keep curves apart from the dots beneath, and from each other where they cross.
GEODESIC_STYLE: dict[str, Any] = {
    "color": VERMILION,
    "linewidth": 1.1,
    "solid_capstyle": "round",
    "path_effects": [withStroke(linewidth=1.6, foreground="white")],
}
LINE_STYLE: dict[str, Any] = {
    "color": INK,
    "linewidth": 0.6,
    "linestyle": (0, (3, 2)),
    "path_effects": [withStroke(linewidth=1.0, foreground="white")],
}
ENDS_STYLE: dict[str, Any] = {
    "color": INK,
    "marker": "o",
    "markersize": 2.2,
    "markerfacecolor": "white",
    "markeredgewidth": 0.5,
    "linestyle": "none",
}

_END_MARKERS = {RANDOM: "o", FAR: "s"}
_BOUNDARY: dict[str, Any] = {"colors": BLUE, "linewidths": 0.9}


@dataclass(frozen=True)
class LatentSpace:
    """A two-dimensional latent space, as one panel shows it.

    Parameters
    ----------
    title : str
        Over the panel, e.g. ``"digit 3"``.
    x, y : ndarray, shapes (X,) and (Y,)
        Grid of the volume field, increasing; it should cover the curves.
    volume : ndarray, shape (Y, X)
        Volume density of the pulled-back metric, in grey levels^2 per unit of latent area.
    codes : ndarray, shape (n, 2)
        Latent codes of the data.
    curves : ndarray, shape (m, T, 2)
        Geodesics, at least one.
    far : ndarray of bool, shape (m,), optional
        Whether a curve joins a far pair, whose ends are squares; by default none does.
    excursion : ndarray, shape (Y, X), optional
        At most 1 within the region of the codes, whose boundary is then drawn.

    Raises
    ------
    DataError
        If a shape does not fit the others, a value is not finite, or there is no curve.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    volume: np.ndarray
    codes: np.ndarray
    curves: np.ndarray
    far: np.ndarray | None = None
    excursion: np.ndarray | None = None

    def __post_init__(self) -> None:
        expect_shape(f"x of {self.title}", self.x, "X")
        expect_shape(f"y of {self.title}", self.y, "Y")
        expect_shape(f"volume of {self.title}", self.volume, len(self.y), len(self.x))
        expect_shape(f"codes of {self.title}", self.codes, "n", 2)
        expect_shape(f"curves of {self.title}", self.curves, "m", "T", 2)
        for name in ("x", "y", "volume", "codes", "curves"):
            expect_finite(f"{name} of {self.title}", getattr(self, name))
        if self.far is not None:
            expect_shape(f"far of {self.title}", self.far, len(self.curves))
        if self.excursion is not None:
            expect_shape(f"excursion of {self.title}", self.excursion, *self.volume.shape)
            expect_finite(f"excursion of {self.title}", self.excursion)
        if len(self.curves) == 0:
            raise DataError(f"{self.title} has no curves; give at least one pair of endpoints")
        if not np.any(self.volume > 0):
            raise DataError(
                f"volume of {self.title} is nowhere positive; does its decoder depend on z?"
            )


def draw_curve_pairs(geodesics: pd.DataFrame, count: int, *, seed: int) -> np.ndarray:
    """Draw the pairs whose curves are shown by chance alone: half far apart, half random.

    The draw depends on the seed and on which pairs there are, not on the order of the rows nor on
    how the geodesics came out. Of an odd number the larger half is random; where one kind runs
    out, the other fills up.

    Parameters
    ----------
    geodesics : DataFrame
        With the columns ``pair`` (unique) and ``kind`` (``"far"`` or ``"random"``).
    count : int
        How many pairs, at least one.
    seed : int
        Non-negative seed.

    Returns
    -------
    ndarray, shape (count,)
        Values of ``pair``: the far ones first, each kind in increasing order.

    Raises
    ------
    DataError
        If `count` is not positive, or the table has fewer pairs.
    """
    if count < 1:
        raise DataError(f"{count} pairs asked for; at least one is needed")
    expect_columns("the table of geodesics", geodesics, ("pair", "kind"))
    far, random = (
        np.sort(geodesics.loc[geodesics["kind"] == kind, "pair"].to_numpy())
        for kind in (FAR, RANDOM)
    )
    if count > len(far) + len(random):
        raise DataError(
            f"{count} pairs asked for, the table has {len(far)} far and {len(random)} random ones; "
            "draw fewer, or compute more geodesics"
        )
    of_far = min(max(count // 2, count - len(random)), len(far))
    generator = np.random.default_rng(seed)
    drawn = [
        np.sort(generator.choice(pairs, size=size, replace=False))
        for pairs, size in ((far, of_far), (random, count - of_far))
    ]
    return np.concatenate(drawn)


@styled
def plot_latent_spaces(spaces: Sequence[LatentSpace]) -> Figure:
    """Draw a panel per latent space: codes, geodesics, straight lines and metric volume.

    All panels share one logarithmic colour scale, cut off at the first and the last percentile of
    all volumes. Each panel is a square of equal scales that holds its curves, and its codes but for
    the outermost 0.5 % at either end of each axis. Ends of random pairs are circles, of far ones
    squares; where it is known, the boundary of the region of 99 % of the codes is drawn.

    Parameters
    ----------
    spaces : sequence of LatentSpace
        In the order of the panels, at most five a row.

    Returns
    -------
    Figure
        Paper, Figure 2.

    Raises
    ------
    DataError
        If there is no latent space.
    """
    if not spaces:
        raise DataError("no latent space to draw; give at least one")
    rows = math.ceil(len(spaces) / _COLUMNS)
    columns = math.ceil(len(spaces) / rows)
    panel = min(TEXT_WIDTH / columns, _LARGEST_PANEL)
    figure = Figure(
        figsize=(TEXT_WIDTH, rows * (panel + 0.12) + 0.8),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0.04, hspace=0.02),
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(spaces) :]:
        axes.remove()

    norm = volume_norm([space.volume for space in spaces])
    for axes, space in zip(grid, spaces, strict=False):
        draw_background(axes, space, norm)
        for curve in space.curves:
            axes.plot(*curve[[0, -1]].T, **LINE_STYLE, zorder=2)
        for curve in space.curves:
            axes.plot(*curve.T, **GEODESIC_STYLE, zorder=3)
        far = np.zeros(len(space.curves), bool) if space.far is None else space.far
        for chosen, marker in ((~far, RANDOM), (far, FAR)):
            ends = space.curves[chosen][:, [0, -1]].reshape(-1, 2)
            axes.plot(*ends.T, **ENDS_STYLE | {"marker": _END_MARKERS[marker]}, zorder=4)
        if space.excursion is not None:
            contour = axes.contour(
                space.x, space.y, space.excursion, [1.0], **_BOUNDARY, zorder=1.5
            )
            contour.set_path_effects([withStroke(linewidth=1.8, foreground="white")])
        axes.set_title(space.title)
    used = list(grid[: len(spaces)])
    for axes in used[::columns]:
        axes.set_ylabel("$z_2$", labelpad=1)
    for axes in used[-columns:]:
        axes.set_xlabel("$z_1$", labelpad=1)
    draw_volume_bar(figure, used, norm, shrink=0.6, aspect=45)
    figure.legend(
        handles=list(_explain(spaces)),
        loc="outside upper center",
        ncols=6,
        handletextpad=0.4,
        columnspacing=1.0,
        handlelength=1.6,
        fontsize=7.5,
        borderpad=0,
    )
    return freeze_layout(figure)


def _explain(spaces: Sequence[LatentSpace]) -> Iterator[Line2D]:
    """Yield the handles of the legend, of what is drawn in a panel at least."""
    yield Line2D([], [], **CODES_STYLE | {"markersize": 2, "alpha": 0.8}, label="latent codes")
    if any(space.excursion is not None for space in spaces):
        colour, width = _BOUNDARY["colors"], _BOUNDARY["linewidths"]
        yield Line2D([], [], color=colour, linewidth=width, label="region of 99 %")
    yield Line2D([], [], **GEODESIC_STYLE, label=distance_label(OURS))
    yield Line2D([], [], **LINE_STYLE, label="straight line")
    if all(space.far is None for space in spaces):
        yield Line2D([], [], **ENDS_STYLE, label="endpoints")
        return
    for kind, marker in _END_MARKERS.items():
        label = KINDS_OF_PAIRS[kind].label
        yield Line2D([], [], **ENDS_STYLE | {"marker": marker}, label=label)


def volume_norm(volumes: Sequence[np.ndarray]) -> LogNorm:
    """Return a colour scale from the first to the last percentile of all positive volumes.

    It spans at least a factor of ten, lest a nearly flat space look curved.
    """
    values = np.concatenate([np.ravel(volume) for volume in volumes])
    low, high = np.percentile(values[values > 0], (1, 99))
    widening = max(1, np.sqrt(10 * low / high))
    return LogNorm(low / widening, high * widening, clip=True)


def draw_background(axes: Axes, space: LatentSpace, norm: LogNorm) -> None:
    """Draw the metric's volume and the codes, in a square around nearly all codes and the curves.

    The square has a margin, and lies within the grid if that is large enough. Codes further out
    are cut off.
    """
    draw_volume(axes, space.x, space.y, space.volume, norm)
    draw_codes(axes, space.codes)
    points = space.curves.reshape(-1, 2)
    codes = np.quantile(space.codes, (_OUTLIERS, 1 - _OUTLIERS), axis=0)
    low = np.minimum(codes[0], points.min(axis=0))
    high = np.maximum(codes[1], points.max(axis=0))
    margin = (high - low).max() * _MARGIN
    low, high = low - margin, high + margin
    half = (high - low).max() / 2
    # Where a square about the centre stood out of the grid, there would be no background.
    lowest = np.minimum([space.x[0], space.y[0]], low)
    highest = np.maximum([space.x[-1], space.y[-1]], high)
    middle, slack = (lowest + highest) / 2, np.maximum((highest - lowest) / 2 - half, 0)
    frame_square(axes, np.clip((low + high) / 2, middle - slack, middle + slack), half)


def draw_volume(
    axes: Axes, x: np.ndarray, y: np.ndarray, volume: np.ndarray, norm: LogNorm
) -> None:
    """Draw the metric's volume (Y, X) over its grid, in colours."""
    axes.pcolormesh(
        x,
        y,
        np.maximum(volume, cast(float, norm.vmin)),
        norm=norm,
        cmap=volume_colormap(),
        shading="gouraud",
        rasterized=True,
        zorder=0,
    )


def draw_codes(axes: Axes, codes: np.ndarray) -> None:
    """Draw latent codes (n, 2) as dots."""
    axes.plot(*codes.T, **CODES_STYLE, markeredgewidth=0, rasterized=True, zorder=1)


def frame_square(axes: Axes, centre: np.ndarray, half: float) -> None:
    """Show a square of the plane, in equal scales, with few round ticks."""
    axes.set(
        xlim=(centre[0] - half, centre[0] + half),
        ylim=(centre[1] - half, centre[1] + half),
        aspect="equal",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))


def draw_volume_bar(
    figure: Figure,
    axes: Sequence[Axes],
    norm: LogNorm,
    *,
    shrink: float,
    aspect: float,
    location: str = "bottom",
) -> None:
    """Draw the colour bar of the metric's volume beside panels, `shrink` times as long as they."""
    low, high = np.log10(cast(float, norm.vmin)), np.log10(cast(float, norm.vmax))
    powers = np.floor(high) - np.ceil(low) + 1
    bar = figure.colorbar(
        ScalarMappable(norm, volume_colormap()),
        ax=axes,
        location=location,
        shrink=shrink,
        aspect=aspect,
        pad=0.02,
        extend="both",
        ticks=LogLocator(subs=(1,) if powers >= 2 else (1, 2, 5)),
        format=LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)),
    )
    bar.minorticks_off()
    bar.set_label(VOLUME_LABEL)
    bar.outline.set_linewidth(0.4)
