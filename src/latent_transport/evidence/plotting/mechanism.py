"""What goes with implausible images: nearness to the cross-fade, and where in the latent space."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latent_transport.evidence.keys import ALL, FLOORS, LINE, OURS, POSTERIOR, RANDOM
from latent_transport.evidence.plotting.arrays import expect_columns
from latent_transport.evidence.plotting.marks import MARKS, mark
from latent_transport.evidence.plotting.panels import order_paths
from latent_transport.evidence.plotting.style import SHADE, TEXT_WIDTH, freeze_layout, styled
from latent_transport.evidence.vocabulary import CONTAINMENT, DETOURS, PLAUSIBILITY, path_label
from latent_transport.storage import DataError

KEYS = ("model", "kind", "pair", "path")
ALONG = {
    "fade_distance": DETOURS["fade_distance"],
    "norm": CONTAINMENT["norm"],
    "share_inside": CONTAINMENT["share_inside"],
}
"""Measures along the panels."""

UP = "confidence"
_CLOUDS = (LINE, OURS, "active")  # paths of which every pair is a dot


@styled
def plot_mechanism(
    plausibility: pd.DataFrame,
    containment: pd.DataFrame,
    model: str = ALL,
    *,
    kind: str = RANDOM,
) -> Figure:
    """Draw the confidence in the images of each path against what may explain it.

    From left to right: their distance to the cross-fade of the reconstructed ends; the path's mean
    distance to the origin, where a dashed line marks that of samples of the posteriors; and the
    share of the path inside the region of the codes. A large mark is the mean of a path over the
    pairs, a dot is one pair, of three paths.

    Parameters
    ----------
    plausibility : DataFrame
        Columns ``model, kind, pair, path, confidence, fade_distance``, a row a pair and path.
    containment : DataFrame
        Columns ``model, kind, pair, path, norm, share_inside``, of the same pairs.
    model : str
        Model to draw.
    kind : str
        Kind of pairs to draw.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a table lacks a column, or no pair and path is in both.
    """
    expect_columns("the table of plausibility", plausibility, (*KEYS, UP, "fade_distance"))
    expect_columns("the table of containment", containment, (*KEYS, "norm", "share_inside"))
    chosen = containment[(containment["model"] == model) & (containment["kind"] == kind)]
    place = chosen[[*KEYS, "norm", "share_inside"]]
    table = plausibility[[*KEYS, UP, "fade_distance"]].merge(place, on=list(KEYS))
    table = table[~table["path"].isin(FLOORS)].dropna()
    if table.empty:
        raise DataError(
            f"the tables have no {kind} pairs of the model {model!r} in common; measure both on "
            "the same pairs"
        )
    figure = Figure(
        figsize=(TEXT_WIDTH, 2.6),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03),
    )
    grid = figure.subplots(1, len(ALONG), sharey=True)
    names = order_paths(table)
    for axes, (along, measure) in zip(grid, ALONG.items(), strict=True):
        _draw_panel(axes, table, along, names)
        axes.set_xlabel(measure.title)
    grid[0].set_ylabel(PLAUSIBILITY[UP].title)
    samples = chosen.loc[chosen["path"] == POSTERIOR, "norm"]
    if len(samples):
        grid[1].axvline(samples.mean(), color=SHADE, linewidth=0.7, linestyle="--", zorder=0)
    handles = [Line2D([], [], linestyle="none", **mark(name, hollow=False)) for name in names]
    labels = list(map(path_label, names))
    if len(samples):
        handles.append(Line2D([], [], color=SHADE, linewidth=0.7, linestyle="--"))
        labels.append(path_label(POSTERIOR))
    figure.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=4,
        fontsize=7,
        columnspacing=1.2,
        handletextpad=0.4,
        labelspacing=0.3,
        borderpad=0.2,
    )
    return freeze_layout(figure)


def _draw_panel(axes: Axes, table: pd.DataFrame, along: str, names: list[str]) -> None:
    for name in names:
        part = table[table["path"] == name]
        if name in _CLOUDS:
            colour, _ = MARKS[name]
            dots: dict[str, Any] = {"color": colour, "marker": ".", "markersize": 2.2}
            dots |= {"markeredgewidth": 0, "linestyle": "none", "alpha": 0.5}
            axes.plot(part[along], part[UP], **dots, zorder=1)
        style = mark(name, hollow=False) | {"markersize": 5, "markeredgecolor": "white"}
        axes.plot(part[along].mean(), part[UP].mean(), **style, linestyle="none", zorder=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
