"""How stable distances are when a model is trained again."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from latent_transport.datasets.classes import DIGITS
from latent_transport.evidence.plotting.arrays import expect_columns, expect_finite
from latent_transport.evidence.plotting.intervals import COLUMNS, MEAN_STYLE, bars, find_means
from latent_transport.evidence.plotting.style import SHADE, TEXT_WIDTH, freeze_layout, styled
from latent_transport.evidence.vocabulary import STABILITY, model_label, path_label

_PANELS = 4  # in a row


@styled
def plot_stability(
    table: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    measure: str = "coefficient",
    classes: Sequence[str] = DIGITS,
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
    classes : sequence of str
        Names of the classes of the data, by label.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a table lacks a column, or rows of a model and geometry, or is not finite.
    """
    expect_columns("the table of stability", table, ("model", "pair", "geometry", measure))
    expect_columns("the summary of stability", summary, COLUMNS)
    expect_finite(f"{measure} of the pairs", table[measure].to_numpy())
    models, geometries = table["model"].unique(), list(table["geometry"].unique())
    rows = math.ceil(len(models) / _PANELS)
    columns = math.ceil(len(models) / rows)
    figure = Figure(
        figsize=(TEXT_WIDTH, rows * 1.7 + 0.5),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03),
    )
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in grid[len(models) :]:
        axes.remove()
    places = np.arange(len(geometries))
    for axes, model in zip(grid, models, strict=False):
        part = table[table["model"] == model]
        wide = part.pivot(index="pair", columns="geometry", values=measure)[geometries]
        axes.plot(places, wide.to_numpy().T, color=SHADE, linewidth=0.4, alpha=0.35, zorder=1)
        means = find_means(summary, model, measure, geometries)
        axes.errorbar(
            places, means["mean"], yerr=bars(means), **MEAN_STYLE, linestyle="none", zorder=3
        )
        axes.set_title(model_label(model, classes))
        axes.set_xticks(places, list(map(path_label, geometries)))
        axes.tick_params(axis="x", rotation=35)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
        axes.set(xlim=(-0.4, len(geometries) - 0.6), ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    figure.supylabel(STABILITY["coefficient"].label, fontsize=8)
    figure.legend(
        [Line2D([], [], color=SHADE, linewidth=0.6), Line2D([], [], **MEAN_STYLE)],
        ["one pair of images", "mean, 95 % interval"],
        loc="outside upper center",
        ncols=2,
        borderpad=0,
    )
    return freeze_layout(figure)
