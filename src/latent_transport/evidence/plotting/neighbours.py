"""Whether distances tell labels apart."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from latent_transport.evidence.plotting.arrays import expect_columns
from latent_transport.evidence.plotting.intervals import COLUMNS, MEAN_STYLE, bars, find_means
from latent_transport.evidence.plotting.style import SHADE, TEXT_WIDTH, freeze_layout, styled
from latent_transport.evidence.vocabulary import NEIGHBOURS, distance_label


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
    expect_columns("the summary of neighbours", summary, COLUMNS)
    distances = list(summary["path"].unique())
    model = summary["model"].iloc[0]
    figure = Figure(
        figsize=(TEXT_WIDTH, 0.2 * len(distances) + 0.55),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.04),
    )
    grid = figure.subplots(1, len(NEIGHBOURS), sharey=True)
    places = np.arange(len(distances))
    for axes, (name, measure) in zip(grid, NEIGHBOURS.items(), strict=True):
        means = find_means(summary, model, name, distances)
        axes.errorbar(
            means["mean"], places, xerr=bars(means), **MEAN_STYLE, linestyle="none", zorder=3
        )
        axes.set_title(measure.title)
        axes.set_yticks(places, list(map(distance_label, distances)))
        axes.set_ylim(len(distances) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=SHADE, linewidth=0.3, alpha=0.4)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    return freeze_layout(figure)
