"""Panels that show a measure on every path: means with intervals, for each kind of pairs."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latent_transport.evidence.keys import FAR, LINE, RANDOM
from latent_transport.evidence.plotting.arrays import expect_finite
from latent_transport.evidence.plotting.style import BLUE, INK, SHADE, VERMILION
from latent_transport.evidence.vocabulary import KINDS_OF_PAIRS, PATHS, Measure, path_label
from latent_transport.storage import DataError

STYLES = {RANDOM: (BLUE, "o"), FAR: (VERMILION, "s")}
"""Colour and marker of each kind of pairs."""

COLUMNS = ("model", "kind", "path", "measure", "mean", "mean_low", "mean_high")
ROW = 0.155  # inches a path
_APART = 0.3  # of a row, between the kinds


def select(summary: pd.DataFrame, model: str, measures: Collection[str]) -> pd.DataFrame:
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


def order_paths(part: pd.DataFrame) -> list[str]:
    """Paths of a table: the known ones in their order, then the others."""
    found = list(part["path"].unique())
    return [name for name in PATHS if name in found] + [n for n in found if n not in PATHS]


def arrow(measure: Measure) -> str:
    """Sign after a title that says whether higher or lower is better."""
    return {1: r" $\uparrow$", -1: r" $\downarrow$", 0: ""}[measure.sign]


def draw_measure(axes: Axes, part: pd.DataFrame, measure: str, names: Sequence[str]) -> None:
    """Draw means and intervals of a measure, a row a path; a dotted line for the straight one."""
    table = part[part["measure"] == measure]
    kinds = [kind for kind in KINDS_OF_PAIRS if kind in part["kind"].to_numpy()]
    offsets = _APART * (np.arange(len(kinds)) - (len(kinds) - 1) / 2)
    for kind, offset in zip(kinds, offsets, strict=True):
        colour, marker = STYLES[kind]
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
        if LINE in found.index:
            mean = found.loc[LINE, "mean"]
            axes.axvline(mean, color=colour, linewidth=0.6, linestyle=":", zorder=1)
    for edge in range(1, len(names)):
        axes.axhline(edge - 0.5, color=SHADE, linewidth=0.3, alpha=0.4, zorder=0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def draw_legend(figure: Figure, part: pd.DataFrame, *, boundary: bool = False) -> None:
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
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), borderpad=0.3)
