"""What ours takes in time and memory, beside the published way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from latent_transport.datasets.classes import DIGITS
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
from latent_transport.evidence.vocabulary import model_label

_HEIGHT = 5.2  # inches
_MARKERS = ("o", "s", "^", "D", "v", "P")
_COLOURS = (BLUE, VERMILION, INK, SHADE)
_MEGABYTE = 1e6
_SECONDS = ["seconds_a_geodesic", "least", "largest"]
_CPU_SECONDS = ["cpu_seconds_a_geodesic", "least_cpu", "largest_cpu"]
_PLAIN = FuncFormatter(lambda value, _: f"{value:,g}")


@styled
def plot_benchmark(
    wasserstein1: pd.DataFrame,
    solvers: pd.DataFrame,
    scaling: pd.DataFrame,
    *,
    classes: Sequence[str] = DIGITS,
) -> Figure:
    """Draw what W1 and the geodesics take, with the spread over the rounds.

    Above: how many times faster than the first contender W1 is evaluated and differentiated, and
    the memory it takes. Middle: seconds a geodesic of each solver, with the median excess of its
    energy over the best that was found. Below: seconds a geodesic and memory against the number
    of pairs that are solved at once, by the fewest threads. Seconds are of the processor, but of
    the clock in a table that lacks some of those, as a GPU's does.

    Parameters
    ----------
    wasserstein1 : DataFrame
        Columns ``components, contender, speedup, least_speedup, largest_speedup, bytes_a_pair,
        threads, processor``; the first contender is the reference.
    solvers : DataFrame
        Columns ``model, solver, seconds_a_geodesic, least, largest, cpu_seconds_a_geodesic,
        least_cpu, largest_cpu, median_energy_excess``; rows without seconds are not drawn.
    scaling : DataFrame
        Columns ``model, pairs, threads, memory`` (bytes) and those of seconds.
    classes : sequence of str
        Names of the classes of the data, by label.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a table has no rows, lacks a column or is not finite.
    """
    speedup = ["speedup", "least_speedup", "largest_speedup"]
    _check("W1", wasserstein1, [*speedup, "bytes_a_pair"], ["components", "contender"])
    expect_columns("the benchmark of W1", wasserstein1, ["threads", "processor"])
    expect_columns("the benchmark of solvers", solvers, _SECONDS)
    solvers = solvers.dropna(subset="seconds_a_geodesic")
    _check("solvers", solvers, [*_SECONDS, "median_energy_excess"], ["model", "solver"])
    _check("scaling", scaling, [*_SECONDS, "threads", "memory"], ["model", "pairs"])
    expect_columns("the benchmark of solvers", solvers, _CPU_SECONDS)
    expect_columns("the benchmark of scaling", scaling, _CPU_SECONDS)
    scaling = scaling[scaling["threads"] == scaling["threads"].min()]
    (solvers, clock), (scaling, scaling_clock) = map(_charge, (solvers, scaling))

    figure = Figure(
        figsize=(TEXT_WIDTH, _HEIGHT),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.04, hspace=0.04),
    )
    rows = figure.add_gridspec(3, 1, height_ratios=[1.0, 1.25, 1.15])
    faster, lighter = figure.add_subfigure(rows[0]).subplots(1, 2, sharey=True)
    slow = figure.add_subfigure(rows[1]).subplots()
    cost, memory = figure.add_subfigure(rows[2]).subplots(1, 2)

    _draw_contenders(faster, wasserstein1, speedup)
    faster.axvline(1, color=SHADE, linewidth=0.6, linestyle=":")
    faster.set_xlabel("times as fast as by Eq. 5")
    _draw_contenders(lighter, wasserstein1, ["bytes_a_pair"] * 3)
    lighter.set_xlabel("bytes a pixel pair")
    lighter.set_title("All the memory it takes", loc="left")
    handles = [
        Line2D([], [], color=INK, marker=marker, markersize=3.5, linestyle="none")
        for _, marker in zip(wasserstein1["components"].unique(), _MARKERS, strict=False)
    ]
    labels = [f"$K$ = {k}" for k in wasserstein1["components"].unique()]
    machine = wasserstein1.iloc[0]
    plural = "" if machine["threads"] == 1 else "s"
    place = f"{machine['processor']}, {machine['threads']} thread{plural}"
    faster.set_title(f"W1 and its gradient ({place})", loc="left")
    lighter.legend(handles, labels, loc="best", handletextpad=0.1, borderpad=0.2, fontsize=7)

    models = list(dict.fromkeys([*solvers["model"], *scaling["model"]]))
    colours = dict(zip(models, _COLOURS * len(models), strict=False))
    _draw_solvers(slow, solvers, colours, classes)
    beside = "beside them the median excess of its energy over the least found"
    slow.set_title(f"{clock[0].upper()}{clock[1:]} a geodesic; {beside}", loc="left")
    _draw_scaling(cost, memory, scaling, colours)
    cost.set_title(f"Gauss-Newton: {scaling_clock} a geodesic", loc="left")
    for axes in (faster, lighter, slow, cost, memory):
        axes.spines[["top", "right"]].set_visible(False)
    return freeze_layout(figure)


def _charge(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Put processor time in the place of the clock's, where all of it is known, and its name."""
    if table[_CPU_SECONDS].isna().any(axis=None):
        return table, "seconds"
    charged = dict(zip(_SECONDS, (table[column] for column in _CPU_SECONDS), strict=True))
    return table.assign(**charged), "CPU seconds"


def _check(name: str, table: pd.DataFrame, numbers: Sequence[str], keys: Sequence[str]) -> None:
    expect_columns(f"the benchmark of {name}", table, [*keys, *numbers])
    expect_finite(f"the numbers in the benchmark of {name}", table[[*numbers]].to_numpy(float))


def _draw_contenders(axes: Axes, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """A row a contender, a marker a number of components; columns: median, least, largest."""
    names = list(table["contender"].unique())
    components = list(table["components"].unique())
    offsets = np.linspace(-0.22, 0.22, len(components)) if len(components) > 1 else [0]
    for row in table.itertuples():
        place = names.index(row.contender)
        which = components.index(row.components)
        value, least, largest = (getattr(row, column) for column in columns)
        at = place + offsets[which]
        colour = INK if row.contender.startswith("ours") else SHADE
        axes.plot([least, largest], [at, at], color=colour, linewidth=0.8)
        axes.plot(value, at, color=colour, marker=_MARKERS[which % len(_MARKERS)], markersize=3.5)
    _name_rows(axes, names)


def _draw_solvers(
    axes: Axes, table: pd.DataFrame, colours: dict[str, str], classes: Sequence[str]
) -> None:
    names = list(table["solver"].unique())
    models = list(table["model"].unique())
    offsets = np.linspace(-0.2, 0.2, len(models)) if len(models) > 1 else [0]
    for row in table.itertuples():
        at = names.index(row.solver) + offsets[models.index(row.model)]
        colour = colours[row.model]
        axes.plot([row.least, row.largest], [at, at], color=colour, linewidth=0.8)
        axes.plot(row.seconds_a_geodesic, at, color=colour, marker="o", markersize=3.5)
        axes.annotate(
            _format_excess(row.median_energy_excess),
            (row.largest, at),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=6.5,
            color=colour,
        )
    _name_rows(axes, names)
    # Room for the text behind the slowest.
    left, right = table["least"].min(), table["largest"].max()
    axes.set_xlim(left / 1.4, right * (right / left) ** 0.13 * 1.4)
    handles = [
        Line2D([], [], color=c, marker="o", markersize=3.5, linewidth=0.8) for c in colours.values()
    ]
    labels = [model_label(model, classes) for model in colours]
    axes.legend(handles, labels, loc="lower right", borderpad=0.2)


def _draw_scaling(cost: Axes, memory: Axes, table: pd.DataFrame, colours: dict[str, str]) -> None:
    for model, part in table.groupby("model", sort=False):
        part = part.sort_values("pairs")
        style: dict[str, Any] = {
            "color": colours[model],
            "marker": "o",
            "markersize": 3,
            "linewidth": 0.9,
        }
        cost.plot(part["pairs"], part["seconds_a_geodesic"], **style)
        cost.vlines(
            part["pairs"], part["least"], part["largest"], color=colours[model], linewidth=0.8
        )
        memory.plot(part["pairs"], part["memory"] / _MEGABYTE, **style)
    ticks = sorted(table["pairs"].unique())
    for axes in (cost, memory):
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("pairs solved at once")
    cost.set_yscale("log")
    cost.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    cost.yaxis.set_minor_locator(NullLocator())
    cost.yaxis.set_major_formatter(_PLAIN)
    low, high = table["least"].min(), table["largest"].max()
    cost.set_ylim(low / 1.5, high * 1.5)
    memory.set_ylim(bottom=0)
    memory.set_title("Memory (MB)", loc="left")


def _format_excess(excess: float) -> str:
    percent = 100 * max(excess, 0)
    return f"+{percent:.2f} %" if percent < 1 else f"+{percent:.2g} %"


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows of a logarithmic plot from top to bottom."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params("y", length=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_PLAIN)
