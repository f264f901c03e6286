"""How plausible the images on the paths are."""

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from latent_transport.evidence.keys import ALL
from latent_transport.evidence.plotting.arrays import expect_columns
from latent_transport.evidence.plotting.panels import (
    COLUMNS,
    ROW,
    arrow,
    draw_legend,
    draw_measure,
    order_paths,
    select,
)
from latent_transport.evidence.plotting.style import TEXT_WIDTH, freeze_layout, styled
from latent_transport.evidence.vocabulary import PLAUSIBILITY, path_label


@styled
def plot_plausibility(summary: pd.DataFrame, model: str = ALL) -> Figure:
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
    expect_columns("the summary of plausibility", summary, COLUMNS)
    part = select(summary, model, PLAUSIBILITY)
    measures = [name for name in PLAUSIBILITY if name in part["measure"].to_numpy()]
    names = order_paths(part)
    columns = min(4, len(measures))
    rows = math.ceil(len(measures) / columns)
    figure = Figure(
        figsize=(TEXT_WIDTH, rows * (len(names) * ROW + 0.45) + 0.35),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03),
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(measures) :]:
        axes.remove()
    for number, measure in enumerate(measures):
        axes = grid.ravel()[number]
        draw_measure(axes, part, measure, names)
        axes.set_title(PLAUSIBILITY[measure].title + arrow(PLAUSIBILITY[measure]), fontsize=7.5)
        if number % columns == 0:
            axes.set_yticks(range(len(names)), list(map(path_label, names)))
    draw_legend(figure, part)
    return freeze_layout(figure)
