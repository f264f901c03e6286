"""Panels that show a measure on every path: means with intervals, for each kind of pairs."""

import math
from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latent_transport.evidence.keys import (
    FAR,
    IMAGES,
    LINE,
    POSTERIOR,
    PRIOR,
    RANDOM,
    RECONSTRUCTIONS,
)
from latent_transport.evidence.plotting.arrays import expect_finite
from latent_transport.evidence.plotting.style import BLUE, GREEN, INK, PURPLE, SHADE, VERMILION
from latent_transport.evidence.vocabulary import KINDS_OF_PAIRS, PATHS, Measure, path_label
from latent_transport.storage import DataError

STYLES = {RANDOM: (BLUE, "o"), FAR: (VERMILION, "s")}
"""Colour and marker of each kind of pairs."""

FLOOR_STYLES: dict[str, dict[str, Any]] = {
    IMAGES: {"color": GREEN, "linewidth": 0.9},
    RECONSTRUCTIONS: {"color": GREEN, "linewidth": 0.9, "linestyle": (0, (4, 1.5))},
    POSTERIOR: {"color": PURPLE, "linewidth": 0.9, "linestyle": (0, (4, 1.5))},
    PRIOR: {"color": PURPLE, "linewidth": 0.9},
}
"""Lines of what is on no path."""

COLUMNS = ("model", "kind", "path", "measure", "mean", "mean_low", "mean_high")
ROW = 0.155  # inches a path
_APART = 0.3  # of a row, between the kinds


def select(
    summary: pd.DataFrame, model: str, measures: Collection[str], reference: str | None = None
) -> pd.DataFrame:
    """Rows of a model and of known measures, one a kind, path and measure.

    Their differences are those to the reference, if one is given.
    """
    part = summary[(summary["model"] == model) & summary["measure"].isin(list(measures))]
    if reference is not None:
        part = part[part["reference"] == reference]
    if part.empty:
        raise DataError(
            f"the summary has no {' or '.join(measures)} of the model {model!r}; it has the models "
            f"{', '.join(map(str, summary['model'].unique()))}"
        )
    means = part[["mean", "mean_low", "mean_high"]]
    expect_finite(f"the means of {model}", means.to_numpy(dtype=float))
    # The mean stands once for each reference that the path is compared with.
    return part.drop_duplicates(["kind", "path", "measure"])


def order_paths(part: pd.DataFrame) -> list[str]:
    """Paths of a table: the known ones in their order, then the others."""
    found = list(part["path"].unique())
    return [name for name in PATHS if name in found] + [n for n in found if n not in PATHS]


def arrow(measure: Measure) -> str:
    """Sign after a title that says whether higher or lower is better."""
    return {1: r" $\uparrow$", -1: r" $\downarrow$", 0: ""}[measure.sign]


def draw_measure(
    axes: Axes,
    part: pd.DataFrame,
    measure: str,
    names: Sequence[str],
    values: Literal["mean", "difference"] = "mean",
) -> None:
    """Draw means and intervals of a measure, or of its differences, a row a path.

    A dotted line marks the mean of the straight one, or no difference.
    """
    columns = {values: "value", f"{values}_low": "low", f"{values}_high": "high"}
    table = part[part["measure"] == measure]
    table = table[["kind", "path", *columns]].rename(columns=columns).dropna()
    kinds = [kind for kind in KINDS_OF_PAIRS if kind in part["kind"].to_numpy()]
    offsets = _APART * (np.arange(len(kinds)) - (len(kinds) - 1) / 2)
    for kind, offset in zip(kinds, offsets, strict=True):
        colour, marker = STYLES[kind]
        rows = table[table["kind"] == kind].set_index("path")
        found = rows.reindex([name for name in names if name in rows.index])
        axes.errorbar(
            found["value"],
            [names.index(name) + offset for name in found.index],
            xerr=[found["value"] - found["low"], found["high"] - found["value"]],
            color=colour,
            marker=marker,
            markersize=2.6,
            markeredgewidth=0,
            elinewidth=0.9,
            linestyle="none",
            zorder=3,
        )
        if LINE in found.index:
            mean = found.loc[LINE, "value"]
            axes.axvline(mean, color=colour, linewidth=0.6, linestyle=":", zorder=1)
    if values == "difference":
        axes.axvline(0, color=SHADE, linewidth=0.6, linestyle=":", zorder=1)
    for edge in range(1, len(names)):
        axes.axhline(edge - 0.5, color=SHADE, linewidth=0.3, alpha=0.4, zorder=0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def draw_floors(axes: Axes, part: pd.DataFrame, measure: str) -> None:
    """Draw the means, over all kinds of pairs, of what is on no path: vertical lines."""
    table = part[part["measure"] == measure]
    for path, style in FLOOR_STYLES.items():
        means = table.loc[table["path"] == path, "mean"]
        if len(means):
            axes.axvline(means.mean(), **style, zorder=1)


def draw_legend(
    figure: Figure, part: pd.DataFrame, *, boundary: bool = False, floors: Sequence[str] = ()
) -> None:
    """Explain the kinds of pairs and the lines, above the panels."""
    kinds = [kind for kind in KINDS_OF_PAIRS if kind in part["kind"].to_numpy()]
    handles = [
        Line2D([], [], color=STYLES[kind][0], marker=STYLES[kind][1], markersize=3.5, linewidth=0.9)
        for kind in kinds
    ]
    handles.append(Line2D([], [], color=SHADE, linewidth=0.8, linestyle=":"))
    labels = [*(KINDS_OF_PAIRS[kind].label for kind in kinds), f"mean of the {path_label(LINE)}"]
    if boundary:
        handles.append(Line2D([], [], color=INK, linewidth=0.5, linestyle="--"))
        labels.append("boundary of the region")
    handles += [Line2D([], [], **FLOOR_STYLES[path]) for path in floors]
    labels += map(path_label, floors)
    columns = math.ceil(len(labels) / 2) if floors else len(labels)
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, borderpad=0.3)
