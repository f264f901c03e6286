"""How far the paths keep to the region of the codes."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from latent_transport.datasets.classes import DIGITS
from latent_transport.evidence.keys import ALL, PLANES
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
from latent_transport.evidence.plotting.style import INK, TEXT_WIDTH, freeze_layout, styled
from latent_transport.evidence.vocabulary import CONTAINMENT, model_label, path_label

DRAWN = ("share_inside", "worst_excursion")
FAR_OUT = 10  # excursions, over the boundary, from which on their axis is logarithmic


@styled
def plot_containment(
    summary: pd.DataFrame,
    models: Sequence[str] | None = None,
    *,
    classes: Sequence[str] = DIGITS,
) -> Figure:
    """Draw how far the paths keep to the region of the codes: means and 95 % intervals.

    A row of panels a model, a panel a measure of :data:`DRAWN`; a dashed line marks the boundary of
    the region in the panel of the worst excursion, dotted lines the mean of the straight latent
    line. An arrow says whether higher or lower is better.

    Parameters
    ----------
    summary : DataFrame
        Columns ``model, kind, path, measure, mean, mean_low, mean_high`` (table of containment).
    models : sequence of str, optional
        Models to draw, from top to bottom; all planes and all digits, as far as they are there,
        without.
    classes : sequence of str
        Names of the classes of the data, by label.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the table lacks a column or a model, or a number is not finite.
    """
    expect_columns("the summary of containment", summary, COLUMNS)
    if models is None:
        pooled = [model for model in (PLANES, ALL) if model in summary["model"].to_numpy()]
        models = pooled or list(summary["model"].unique())
    parts = [select(summary, model, DRAWN) for model in models]
    paths = [order_paths(part) for part in parts]
    heights = [len(names) * ROW for names in paths]
    figure = Figure(
        figsize=(TEXT_WIDTH, sum(heights) + 0.45 * len(models) + 0.35),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03),
    )
    grid = figure.subplots(len(models), len(DRAWN), squeeze=False, height_ratios=heights)
    for row, model, part, names in zip(grid, models, parts, paths, strict=True):
        for axes, name in zip(row, DRAWN, strict=True):
            draw_measure(axes, part, name, names)
            measure = CONTAINMENT[name]
            axes.set_title(f"{model_label(model, classes)}: {measure.title}{arrow(measure)}")
            if name == "worst_excursion":
                if axes.get_xlim()[1] > FAR_OUT:
                    axes.set_xscale("log")
                axes.axvline(1, color=INK, linewidth=0.5, linestyle="--", zorder=0)
        row[0].set_yticks(range(len(names)), list(map(path_label, names)))
    draw_legend(figure, parts[0], boundary=True)
    return freeze_layout(figure)
