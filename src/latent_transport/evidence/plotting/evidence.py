"""Summaries of what was measured on paths: means with intervals, path by path."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latent_transport.evidence.plotting.arrays import expect_columns, expect_finite
from latent_transport.evidence.plotting.names import PATHS
from latent_transport.evidence.plotting.style import (
    BLUE,
    INK,
    SHADE,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    model_title,
    styled,
)
from latent_transport.storage import DataError

KINDS = {"random": (BLUE, "o"), "far": (VERMILION, "s")}
"""Colour and marker of each kind of pairs."""

CONTAINMENT = {
    "share_inside": "share of the curve inside",
    "worst_excursion": "worst excursion",
}
PLAUSIBILITY = {
    "confidence": "confidence",
    "least_confidence": "least confidence",
    "entropy": "entropy (nats)",
    "label_switches": "label switches",
    "nearest_distance": "distance to the data",
    "log_likelihood": "log-likelihood (bits/dim)",
    "grey_share": "grey share of the ink",
    "pixel_entropy": "pixel entropy (nats)",
}
"""What the figures call the measures, in their order."""

HIGHER_IS_BETTER = ("share_inside", "confidence", "least_confidence", "log_likelihood")

_COLUMNS = ("model", "kind", "path", "measure", "mean", "mean_low", "mean_high")
_ROW = 0.155  # inches a path
_APART = 0.3  # of a row, between the kinds


@styled
def plot_containment(summary: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Draw how far the paths keep to the region of the codes: means and 95 % intervals.

    A row of panels a model, a panel a measure; a dashed line marks the boundary of the region in
    the panel of the worst excursion, dotted lines the mean of the straight latent line. An arrow
    says whether higher or lower is better.

    Parameters
    ----------
    summary : DataFrame
        Columns ``model, kind, path, measure, mean, mean_low, mean_high`` (table of containment).
    models : sequence of str, optional
        Models to draw, from top to bottom; all planes and all digits, as far as they are there,
        without.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the table lacks a column or a model, or a number is not finite.
    """
    expect_columns("the summary of containment", summary, _COLUMNS)
    if models is None:
        pooled = [model for model in ("all planes", "all") if model in summary["model"].to_numpy()]
        models = pooled or list(summary["model"].unique())
    parts = [_select(summary, model, CONTAINMENT) for model in models]
    paths = [_order_paths(part) for part in parts]
    heights = [len(names) * _ROW for names in paths]
    figure = Figure(
        figsize=(TEXT_WIDTH, sum(heights) + 0.45 * len(models) + 0.35), layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03)
    grid = figure.subplots(len(models), len(CONTAINMENT), squeeze=False, height_ratios=heights)
    for row, model, part, names in zip(grid, models, parts, paths, strict=True):
        title = {"all planes": "planes of single digits"}.get(model, model_title(model))
        for axes, (measure, label) in zip(row, CONTAINMENT.items(), strict=True):
            _draw_measure(axes, part, measure, names)
            axes.set_title(f"{title}: {label}{_arrow(measure)}")
            if measure == "worst_excursion":
                axes.axvline(1, color=INK, linewidth=0.5, linestyle="--", zorder=0)
        row[0].set_yticks(range(len(names)), [PATHS.get(name, name) for name in names])
    _draw_legend(figure, parts[0], boundary=True)
    return freeze_layout(figure)


@styled
def plot_plausibility(summary: pd.DataFrame, model: str = "all") -> Figure:
    """Draw how plausible the images on the paths are: a panel a measure, means and intervals.

    Dotted lines mark the mean of the straight latent line, the reference; an arrow says whether
    higher or lower is better.

    Parameters
    ----------
    summary : DataFrame
        Columns ``model, kind, path, measure, mean, mean_low, mean_high`` (table of plausibility).
    model : str
        Model to draw.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the table lacks a column or the model, or a number is not finite.
    """
    expect_columns("the summary of plausibility", summary, _COLUMNS)
    part = _select(summary, model, PLAUSIBILITY)
    measures = [name for name in PLAUSIBILITY if name in part["measure"].to_numpy()]
    names = _order_paths(part)
    columns = min(4, len(measures))
    rows = math.ceil(len(measures) / columns)
    figure = Figure(
        figsize=(TEXT_WIDTH, rows * (len(names) * _ROW + 0.45) + 0.35), layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(measures) :]:
        axes.remove()
    for number, measure in enumerate(measures):
        axes = grid.ravel()[number]
        _draw_measure(axes, part, measure, names)
        axes.set_title(PLAUSIBILITY[measure] + _arrow(measure), fontsize=7.5)
        if number % columns == 0:
            axes.set_yticks(range(len(names)), [PATHS.get(name, name) for name in names])
    _draw_legend(figure, part)
    return freeze_layout(figure)


def _select(summary: pd.DataFrame, model: str, measures: Mapping[str, str]) -> pd.DataFrame:
    """Rows of a model and of known measures, one a kind, path and measure."""
    part = summary[(summary["model"] == model) & summary["measure"].isin(list(measures))]
    if part.empty:
        raise DataError(
            f"the summary has no {' or '.join(measures)} of the model {model!r}; it has the models "
            f"{', '.join(map(str, summary['model'].unique()))}"
        )
    means = part[["mean", "mean_low", "mean_high"]]
    expect_finite(f"the means of {model}", means.to_numpy(dtype=float))
    # The mean stands once for each reference that the path is compared with.
    return part.drop_duplicates(["kind", "path", "measure"])


def _order_paths(part: pd.DataFrame) -> list[str]:
    found = list(part["path"].unique())
    return [name for name in PATHS if name in found] + [n for n in found if n not in PATHS]


def _arrow(measure: str) -> str:
    return r" $\uparrow$" if measure in HIGHER_IS_BETTER else r" $\downarrow$"


def _draw_measure(axes: Axes, part: pd.DataFrame, measure: str, names: Sequence[str]) -> None:
    table = part[part["measure"] == measure]
    kinds = [kind for kind in KINDS if kind in part["kind"].to_numpy()]
    offsets = _APART * (np.arange(len(kinds)) - (len(kinds) - 1) / 2)
    for kind, offset in zip(kinds, offsets, strict=True):
        colour, marker = KINDS[kind]
        rows = table[table["kind"] == kind].set_index("path")
        found = rows.reindex([name for name in names if name in rows.index])
        axes.errorbar(
            found["mean"],
            [names.index(name) + offset for name in found.index],
            xerr=[found["mean"] - found["mean_low"], found["mean_high"] - found["mean"]],
            color=colour,
            marker=marker,
            markersize=2.6,
            markeredgewidth=0,
            elinewidth=0.9,
            linestyle="none",
            zorder=3,
        )
        if "line" in found.index:
            mean = found.loc["line", "mean"]
            axes.axvline(mean, color=colour, linewidth=0.6, linestyle=":", zorder=1)
    for edge in range(1, len(names)):
        axes.axhline(edge - 0.5, color=SHADE, linewidth=0.3, alpha=0.4, zorder=0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _draw_legend(figure: Figure, part: pd.DataFrame, *, boundary: bool = False) -> None:
    kinds = [kind for kind in KINDS if kind in part["kind"].to_numpy()]
    handles = [
        Line2D([], [], color=KINDS[kind][0], marker=KINDS[kind][1], markersize=3.5, linewidth=0.9)
        for kind in kinds
    ]
    handles.append(Line2D([], [], color=SHADE, linewidth=0.8, linestyle=":"))
    labels = [f"{kind} pairs" for kind in kinds] + ["mean of the straight latent line"]
    if boundary:
        handles.append(Line2D([], [], color=INK, linewidth=0.5, linestyle="--"))
        labels.append("boundary of the region")
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), borderpad=0.3)
