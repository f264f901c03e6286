"""What distances are worth: how stable they are, and whether they tell labels apart."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latent_transport.evidence.plotting.arrays import expect_columns, expect_finite
from latent_transport.evidence.plotting.names import PATHS
from latent_transport.evidence.plotting.style import (
    INK,
    SHADE,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    model_title,
    styled,
)
from latent_transport.storage import DataError

GEOMETRIES = {**PATHS, "latent": "latent Euclidean"}
"""What the figure of stability calls the geometries; others have their own names."""

DISTANCES = {
    "wasserstein1": "$W_1$ geodesic",
    "latent": "latent Euclidean",
    "line": "$W_1$ of the straight line",
    "direct": "$W_1$, no path",
}
"""What the figure of neighbours calls the distances; others have their own names."""

MEASURES = {"accuracy": "label accuracy of nearest neighbours", "purity": "purity of k-medoids"}

_COLUMNS = 4
_SUMMARY = ("model", "path", "measure", "mean", "mean_low", "mean_high")


@styled
def plot_stability(
    table: pd.DataFrame, summary: pd.DataFrame, *, measure: str = "coefficient"
) -> Figure:
    """Draw each pair's coefficient of variation under each distance, a panel a model.

    Thin lines join the coefficients of one pair; the mean over pairs has its 95 % interval.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, pair, geometry`` and the measure.
    summary : DataFrame
        Columns ``model, path, measure, mean, mean_low, mean_high``.
    measure : str
        ``"coefficient"`` or ``"relative_coefficient"``.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a table lacks a column, or rows of a model and geometry, or is not finite.
    """
    expect_columns("the table of stability", table, ("model", "pair", "geometry", measure))
    expect_columns("the summary of stability", summary, _SUMMARY)
    expect_finite(f"{measure} of the pairs", table[measure].to_numpy())
    models, geometries = table["model"].unique(), list(table["geometry"].unique())
    rows = math.ceil(len(models) / _COLUMNS)
    columns = math.ceil(len(models) / rows)
    figure = Figure(figsize=(TEXT_WIDTH, rows * 1.7 + 0.5), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in grid[len(models) :]:
        axes.remove()
    places = np.arange(len(geometries))
    for axes, model in zip(grid, models, strict=False):
        part = table[table["model"] == model]
        wide = part.pivot(index="pair", columns="geometry", values=measure)[geometries]
        axes.plot(places, wide.to_numpy().T, color=SHADE, linewidth=0.4, alpha=0.35, zorder=1)
        means = _find_means(summary, model, measure, geometries)
        axes.errorbar(
            places, means["mean"], yerr=_bars(means), **_MEAN_STYLE, linestyle="none", zorder=3
        )
        axes.set_title(model_title(model))
        axes.set_xticks(places, [GEOMETRIES.get(name, name) for name in geometries])
        axes.tick_params(axis="x", rotation=35)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
        axes.set(xlim=(-0.4, len(geometries) - 0.6), ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    figure.supylabel("coefficient of variation", fontsize=8)
    figure.legend(
        [Line2D([], [], color=SHADE, linewidth=0.6), Line2D([], [], **_MEAN_STYLE)],
        ["one pair of images", "mean, 95 % interval"],
        loc="outside upper center",
        ncols=2,
        borderpad=0,
    )
    return freeze_layout(figure)


@styled
def plot_neighbours(summary: pd.DataFrame) -> Figure:
    """Draw how well distances tell the labels apart: means and 95 % intervals, a panel a measure.

    Parameters
    ----------
    summary : DataFrame
        Of one model, with the columns ``model, path, measure, mean, mean_low, mean_high``; path
        is the distance, measure ``accuracy`` or ``purity``.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the table lacks a column, or rows of a measure and distance, or is not finite.
    """
    expect_columns("the summary of neighbours", summary, _SUMMARY)
    distances = list(summary["path"].unique())
    model = summary["model"].iloc[0]
    figure = Figure(figsize=(TEXT_WIDTH, 0.2 * len(distances) + 0.55), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.04)
    grid = figure.subplots(1, len(MEASURES), sharey=True)
    places = np.arange(len(distances))
    for axes, (measure, title) in zip(grid, MEASURES.items(), strict=True):
        means = _find_means(summary, model, measure, distances)
        axes.errorbar(
            means["mean"], places, xerr=_bars(means), **_MEAN_STYLE, linestyle="none", zorder=3
        )
        axes.set_title(title)
        axes.set_yticks(places, [DISTANCES.get(name, name) for name in distances])
        axes.set_ylim(len(distances) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=SHADE, linewidth=0.3, alpha=0.4)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    return freeze_layout(figure)


_MEAN_STYLE = {
    "color": VERMILION,
    "marker": "o",
    "markersize": 3.2,
    "markeredgewidth": 0.5,
    "markeredgecolor": INK,
    "linewidth": 1.1,
}


def _find_means(summary: pd.DataFrame, model: str, measure: str, paths: list[str]) -> pd.DataFrame:
    """Means and intervals of one measure, a row a path in the given order."""
    part = summary[(summary["model"] == model) & (summary["measure"] == measure)]
    # The mean stands once for each reference that the path is compared with.
    part = part.drop_duplicates("path").set_index("path")
    missing = [path for path in paths if path not in part.index]
    if missing:
        raise DataError(
            f"the summary has no {measure} of {', '.join(missing)} for the model {model!r}; "
            "summarise the same table that is drawn"
        )
    means = part.loc[paths, ["mean", "mean_low", "mean_high"]]
    expect_finite(f"{measure} of {model}", means.to_numpy(dtype=float))
    return means


def _bars(means: pd.DataFrame) -> np.ndarray:
    """Lengths (2, n) of the error bars below and above the means."""
    return np.stack((means["mean"] - means["mean_low"], means["mean_high"] - means["mean"]))
