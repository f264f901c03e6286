"""Errors of peers' distances against the seconds that they take, a panel a problem."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from latent_transport.evidence.plotting.arrays import expect_columns, expect_finite
from latent_transport.evidence.plotting.style import (
    BLUE,
    INK,
    SHADE,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    styled,
)

LEAST = 1e-9
"""Errors below it are drawn there: the distances are known to about that."""

_COLUMNS = 4  # panels in a row
_HEIGHT = 1.25  # inches a row
_MARKERS = ("o", "s", "D", "^", "v", "<", ">", "P", "X", "p", "h", "8")
_COLOURS = (BLUE, INK, SHADE)


@styled
def plot_peers(table: pd.DataFrame) -> Figure:
    """Draw what each peer's distance is worth, and what it costs.

    A marker is the error of the distance that a peer tells, filled where it says that it converged;
    a line joins it to that of its curve as measured, a short stroke. A marker far from its stroke
    is a wrong measure, both far up a curve that is not the shortest. A bar is the range of seconds.

    Parameters
    ----------
    table : DataFrame
        Columns ``problem, peer, error, curve_error, converged, seconds, least, largest``; rows
        without seconds, of peers that did not solve a problem, are not drawn. The first peer stands
        out; the others' colours are those of their packages.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the table lacks a column, has no rows to draw, or is not finite.
    """
    numbers = ["error", "curve_error", "seconds", "least", "largest"]
    expect_columns("the benchmark of peers", table, ["problem", "peer", "converged", *numbers])
    problems, peers = list(table["problem"].unique()), list(table["peer"].unique())
    solved = table.dropna(subset="seconds")
    expect_columns("the benchmark of peers, of what was solved,", solved, numbers)
    expect_finite("the numbers in the benchmark of peers", solved[numbers].to_numpy(float))
    styles = _make_styles(peers)
    rows = math.ceil(len(problems) / _COLUMNS)
    figure = Figure(
        figsize=(TEXT_WIDTH, rows * _HEIGHT + 0.8),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02),
    )
    grid = figure.subplots(
        rows, min(_COLUMNS, len(problems)), squeeze=False, sharex=True, sharey=True
    ).ravel()
    for axes in grid[len(problems) :]:
        axes.remove()
    for axes, problem in zip(grid, problems, strict=False):
        for row in solved[solved["problem"] == problem].itertuples():
            _draw_row(axes, row, *styles[row.peer])
        axes.set_title(problem, fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set(xscale="log", yscale="log")
    for axis in (grid[0].xaxis, grid[0].yaxis):
        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_locator(NullLocator())
    figure.supxlabel("seconds a geodesic, one thread", fontsize=8)
    figure.supylabel("relative error of the distance", fontsize=8)
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=3.5, linestyle="none")
        for colour, marker in styles.values()
    ]
    figure.legend(
        handles,
        peers,
        loc="outside upper center",
        ncols=4,
        fontsize=7,
        handletextpad=0.1,
        columnspacing=1,
        borderpad=0,
    )
    return freeze_layout(figure)


def _make_styles(peers: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour of each peer's package, the first word of its name, and a marker of its own."""
    packages = list(dict.fromkeys(map(_package_of, peers)))
    colours = dict(zip(packages, [VERMILION, *_COLOURS * len(packages)], strict=False))
    return {
        peer: (colours[_package_of(peer)], _MARKERS[number % len(_MARKERS)])
        for number, peer in enumerate(peers)
    }


def _package_of(peer: str) -> str:
    return peer.split()[0].rstrip(",")


def _draw_row(axes: Axes, row: "pd.core.frame._PandasNamedTuple", colour: str, marker: str) -> None:
    told, measured = (max(abs(error), LEAST) for error in (row.error, row.curve_error))
    axes.plot([row.seconds] * 2, [told, measured], color=colour, linewidth=0.6, zorder=2)
    axes.plot(row.seconds, measured, color=colour, marker="_", markersize=4, zorder=2)
    axes.plot([row.least, row.largest], [told] * 2, color=colour, linewidth=0.6, zorder=2)
    face = colour if np.equal(row.converged, 1) else "white"
    axes.plot(
        row.seconds,
        told,
        color=colour,
        marker=marker,
        markersize=3.5,
        markerfacecolor=face,
        markeredgewidth=0.6,
        zorder=4 if colour == VERMILION else 3,
    )
