"""The front of plausible images against lengths: what each path gains, and what it costs."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from latent_transport.evidence.keys import (
    ALL,
    FAMILIES,
    FLOORS,
    LINE,
    RANDOM,
    RECONSTRUCTIONS,
    split_member,
)
from latent_transport.evidence.plotting.arrays import expect_columns
from latent_transport.evidence.plotting.marks import MARKS, mark
from latent_transport.evidence.plotting.panels import COLUMNS, arrow, order_paths, select
from latent_transport.evidence.plotting.style import (
    INK,
    SHADE,
    TEXT_WIDTH,
    freeze_layout,
    styled,
)
from latent_transport.evidence.vocabulary import DETOURS, PLAUSIBILITY, path_label

UP, ALONG = ("confidence", "log_likelihood"), ("length_ratio", "latent_ratio")
"""Measures up and along the panels."""

EXCESS = ("latent_ratio",)
"""Of these what exceeds 1, the straight line's own, is shown, which is from a hundredth to hundreds
where a decoder ignores a part of the latent space."""

_LEAST_EXCESS = 1e-3
_LABELS = {"density": (0, 7), "latent-density": (8, -5), "regularised": (-5, 7), "blurred": (4, -8)}


@styled
def plot_frontier(summary: pd.DataFrame, model: str = ALL, *, kind: str = RANDOM) -> Figure:
    """Draw measures of plausibility against lengths: a point a path, means and 95 % intervals.

    Members of a family of geometries are joined in the order of their values; the ends of a
    family's line are marked by the values there. Dotted lines are those of the straight latent
    line: above and to the left of both, a path would be better in both. No path is shorter in the
    latent space, so that there the excess is shown. A dashed line is the mean of the
    reconstructions.

    Parameters
    ----------
    summary : DataFrame
        Columns ``model, kind, path, measure, mean, mean_low, mean_high`` (table of the front).
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
        If the table lacks a column or the model, or a number is not finite.
    """
    expect_columns("the summary of the front", summary, COLUMNS)
    part = select(summary[summary["kind"] == kind], model, (*UP, *ALONG))
    names = order_paths(part)
    paths = [name for name in names if name not in FLOORS]
    single = [name for name in paths if split_member(name)[1] is None]
    families = {
        family: sorted(
            (name for name in paths if split_member(name)[0] == family and name not in single),
            key=lambda name: split_member(name)[1] or 0,
        )
        for family in FAMILIES
    }
    families = {family: members for family, members in families.items() if members}
    figure = Figure(
        figsize=(TEXT_WIDTH, 4.75),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03),
    )
    grid = figure.subplots(len(UP), len(ALONG), sharex="col", sharey="row")
    for row, up in zip(grid, UP, strict=True):
        for axes, along in zip(row, ALONG, strict=True):
            means = [
                part[part["measure"] == name].set_index("path")[["mean", "mean_low", "mean_high"]]
                for name in (along, up)
            ]
            if along in EXCESS:
                means[0] = (means[0] - 1).clip(lower=_LEAST_EXCESS).drop(LINE, errors="ignore")
                axes.set_xscale("log")
            _draw_panel(axes, means[0], means[1], families, single)
        row[0].set_ylabel(PLAUSIBILITY[up].title + arrow(PLAUSIBILITY[up]))
    for axes, along in zip(grid[-1], ALONG, strict=True):
        less = ", less 1" if along in EXCESS else ""
        axes.set_xlabel(DETOURS[along].title + less + arrow(DETOURS[along]))
    _draw_legend(figure, families, single)
    return freeze_layout(figure)


def _draw_panel(
    axes: Axes,
    along: pd.DataFrame,
    up: pd.DataFrame,
    families: dict[str, list[str]],
    single: Sequence[str],
) -> None:
    if LINE in up.index:
        dots: dict[str, Any] = {"color": INK, "linewidth": 0.6, "linestyle": ":", "zorder": 0}
        axes.axhline(up.loc[LINE, "mean"], **dots)
        if LINE in along.index:
            axes.axvline(along.loc[LINE, "mean"], **dots)
    if RECONSTRUCTIONS in up.index:
        axes.axhline(up.loc[RECONSTRUCTIONS, "mean"], color=SHADE, lw=0.6, linestyle="--", zorder=0)
    for family, members in families.items():
        colour, _ = MARKS[family]
        axes.plot(
            along.loc[members, "mean"], up.loc[members, "mean"], color=colour, lw=1.0, zorder=2
        )
        _draw_points(axes, along.loc[members], up.loc[members], family)
        for name in (members[0], members[-1]):
            axes.annotate(
                f"{split_member(name)[1]:g}",
                (along.loc[name, "mean"], up.loc[name, "mean"]),
                xytext=_LABELS[family],
                textcoords="offset points",
                fontsize=6.5,
                color=colour,
                ha="center",
                va="center",
                path_effects=[withStroke(linewidth=1.2, foreground="white")],
                zorder=5,
            )
    for name in single:
        if name in along.index and name in up.index:
            _draw_points(axes, along.loc[[name]], up.loc[[name]], name, hollow=True)
    axes.spines[["top", "right"]].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "linear":
            axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _draw_points(
    axes: Axes, along: pd.DataFrame, up: pd.DataFrame, path: str, *, hollow: bool = False
) -> None:
    style = mark(path, hollow=hollow)
    axes.errorbar(
        along["mean"],
        up["mean"],
        xerr=[along["mean"] - along["mean_low"], along["mean_high"] - along["mean"]],
        yerr=[up["mean"] - up["mean_low"], up["mean_high"] - up["mean"]],
        color=style["color"],
        marker="none",
        elinewidth=0.4,
        alpha=0.45,
        linestyle="none",
        zorder=1,
    )
    axes.plot(
        along["mean"],
        up["mean"],
        **style,
        linestyle="none",
        zorder=4,
    )


def _draw_legend(figure: Figure, families: dict[str, list[str]], single: Sequence[str]) -> None:
    handles = [Line2D([], [], lw=1.0, **mark(family, hollow=False)) for family in families]
    handles += [Line2D([], [], linestyle="none", **mark(name, hollow=True)) for name in single]
    handles.append(Line2D([], [], color=SHADE, lw=0.6, linestyle="--"))
    names = [*families, *single, RECONSTRUCTIONS]
    figure.legend(
        handles,
        [path_label(name) for name in names],
        loc="outside upper center",
        ncols=4,
        fontsize=7,
        columnspacing=1.2,
        handletextpad=0.5,
        labelspacing=0.3,
        borderpad=0.2,
    )
