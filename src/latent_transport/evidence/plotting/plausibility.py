"""How plausible the images on the paths are."""

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from latent_transport.evidence.keys import ALL, LINE
from latent_transport.evidence.plotting.arrays import expect_columns
from latent_transport.evidence.plotting.panels import (
    COLUMNS,
    FLOOR_STYLES,
    ROW,
    arrow,
    draw_floors,
    draw_legend,
    draw_measure,
    order_paths,
    select,
)
from latent_transport.evidence.plotting.style import TEXT_WIDTH, freeze_layout, styled
from latent_transport.evidence.vocabulary import PLAUSIBILITY, path_label

DRAWN = ("confidence", "log_likelihood", "nearest_distance", "grey_share")
"""Measures of which there are panels; the table has all."""

DIFFERENCES = ("reference", "difference", "difference_low", "difference_high")


@styled
def plot_plausibility(summary: pd.DataFrame, model: str = ALL) -> Figure:
    """Draw how plausible the images on the paths are: means, and what they differ from the line.

    Two panels a measure of :data:`DRAWN`: means with their intervals, over vertical lines of what
    is on no path, and the paired differences to the straight latent line with theirs. Dotted lines
    mark that line's means, and no difference; an arrow says whether higher or lower is better.

    Parameters
    ----------
    summary : DataFrame
        Columns ``model, kind, path, measure, mean, mean_low, mean_high, reference, difference,
        difference_low, difference_high`` (table of plausibility).
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
    expect_columns("the summary of plausibility", summary, (*COLUMNS, *DIFFERENCES))
    every = select(summary, model, DRAWN, LINE)
    part = every[~every["path"].isin(list(FLOOR_STYLES))]
    measures = [name for name in DRAWN if name in part["measure"].to_numpy()]
    names = order_paths(part)
    columns = min(2, len(measures))
    rows = math.ceil(len(measures) / columns)
    figure = Figure(
        figsize=(TEXT_WIDTH, rows * (len(names) * ROW + 0.45) + 0.55),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03),
    )
    grid = figure.subplots(rows, 2 * columns, squeeze=False)
    for axes in grid.ravel()[2 * len(measures) :]:
        axes.remove()
    for number, name in enumerate(measures):
        means, differences = grid.ravel()[2 * number : 2 * number + 2]
        measure = PLAUSIBILITY[name]
        draw_measure(means, part, name, names)
        draw_floors(means, every, name)
        draw_measure(differences, part, name, names, "difference")
        means.set_title(measure.title + arrow(measure), fontsize=7.5)
        differences.set_title("less the line's", fontsize=7.5)
        if number % columns == 0:
            means.set_yticks(range(len(names)), list(map(path_label, names)))
    floors = [path for path in FLOOR_STYLES if path in every["path"].to_numpy()]
    draw_legend(figure, part, floors=floors)
    return freeze_layout(figure)
