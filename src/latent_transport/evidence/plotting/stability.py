"""How stable distances are when a model is trained again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from latent_transport.datasets.classes import DIGITS
from latent_transport.evidence.plotting.arrays import expect_columns, expect_finite
from latent_transport.evidence.plotting.intervals import COLUMNS, MEAN_STYLE, bars, find_means
from latent_transport.evidence.plotting.style import BLUE, SHADE, TEXT_WIDTH, freeze_layout, styled
from latent_transport.evidence.vocabulary import STABILITY, model_label, path_label

_DOTS: dict[str, Any] = {
    "color": BLUE,
    "marker": "o",
    "markersize": 3,
    "markerfacecolor": "none",
    "markeredgewidth": 0.8,
    "linestyle": "none",
}
_SPREAD = 0.3  # of the place of a geometry, over which its trainings lie side by side


@styled
def plot_stability(
    table: pd.DataFrame,
    summary: pd.DataFrame,
    levels: pd.DataFrame,
    *,
    measure: str = "coefficient",
    classes: Sequence[str] = DIGITS,
) -> Figure:
    """Draw each pair's coefficient of variation under each distance, a column a model.

    Above, thin lines join the coefficients of one pair; the mean has its 95 % interval. Below, a
    dot is a training: its distances over their means over all trainings, in the mean over pairs.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, pair, geometry`` and the measure.
    summary : DataFrame
        Columns ``model, path, measure, mean, mean_low, mean_high``.
    levels : DataFrame
        Columns ``model, seed, geometry, level``.
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
    expect_columns("the table of levels", levels, ("model", "seed", "geometry", "level"))
    expect_finite(f"{measure} of the pairs", table[measure].to_numpy())
    expect_finite("the levels", levels["level"].to_numpy())
    models, geometries = table["model"].unique(), list(table["geometry"].unique())
    figure = Figure(
        figsize=(TEXT_WIDTH, 3.4),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03),
    )
    grid = figure.subplots(
        2, len(models), squeeze=False, sharex="col", sharey="row", height_ratios=(1.5, 1)
    )
    places = np.arange(len(geometries))
    for axes, below, model in zip(*grid, models, strict=True):
        part = table[table["model"] == model]
        wide = part.pivot(index="pair", columns="geometry", values=measure)[geometries]
        axes.plot(places, wide.to_numpy().T, color=SHADE, linewidth=0.4, alpha=0.35, zorder=1)
        means = find_means(summary, model, measure, geometries)
        axes.errorbar(
            places, means["mean"], yerr=bars(means), **MEAN_STYLE, linestyle="none", zorder=3
        )
        axes.set_title(model_label(model, classes))
        axes.set(xlim=(-0.4, len(geometries) - 0.6), ylim=(0, None))
        _draw_levels(below, levels[levels["model"] == model], geometries)
        for part_axes in (axes, below):
            part_axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel(STABILITY["coefficient"].label)
    grid[1, 0].set_ylabel("level of a training")
    figure.legend(
        [
            Line2D([], [], color=SHADE, linewidth=0.6),
            Line2D([], [], **MEAN_STYLE),
            Line2D([], [], **_DOTS),
        ],
        ["one pair of images", "mean, 95 % interval", "one training"],
        loc="outside upper center",
        ncols=3,
        borderpad=0,
    )
    return freeze_layout(figure)


def _draw_levels(axes: Axes, levels: pd.DataFrame, geometries: Sequence[str]) -> None:
    """Draw a dot a training and geometry, the trainings side by side in their order."""
    places = np.arange(len(geometries))
    wide = levels.pivot(index="seed", columns="geometry", values="level")[list(geometries)]
    aside = _SPREAD * np.linspace(-1, 1, len(wide)) if len(wide) > 1 else np.zeros(1)
    for shift, row in zip(aside, wide.to_numpy(), strict=True):
        axes.plot(places + shift, row, **_DOTS)
    axes.axhline(1, color=SHADE, linewidth=0.6, linestyle=":", zorder=0)
    axes.set_xticks(places, list(map(path_label, geometries)))
    axes.tick_params(axis="x", rotation=35)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
