"""Training curves: losses of every model against the epoch."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from latent_transport.evidence.plotting.arrays import expect_columns, expect_finite
from latent_transport.evidence.plotting.style import (
    BLUE,
    INK,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    styled,
)
from latent_transport.storage import DataError

_COLUMNS = 4
_PANEL_HEIGHT = 0.95  # inches


@styled
def plot_histories(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw training and validation loss against the epoch, a panel per model.

    The best epoch, of the lowest validation loss, is marked and named. The first tenth of the
    epochs may run off the top, so that the later ones can be told apart.

    Parameters
    ----------
    histories : mapping of str to DataFrame
        By title of the panel, with the columns ``epoch``, ``train_loss`` and ``validation_loss``
        (bits per dimension).

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If there is no history, or one has no rows, lacks a column or is not finite.
    """
    if not histories:
        raise DataError("no training history to draw; give at least one")
    rows = math.ceil(len(histories) / _COLUMNS)
    columns = math.ceil(len(histories) / rows)
    height = rows * _PANEL_HEIGHT + 0.9
    figure = Figure(
        figsize=(TEXT_WIDTH, height),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03),
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(histories) :]:
        axes.remove()

    losses = ("train_loss", "validation_loss")
    for axes, (title, history) in zip(grid, histories.items(), strict=False):
        expect_columns(f"the history of {title}", history, ("epoch", *losses))
        expect_finite(f"the losses of {title}", history[[*losses]].to_numpy())
        best = history.loc[history["validation_loss"].idxmin()]
        (train,) = axes.plot(
            history["epoch"], history["train_loss"], color=BLUE, linewidth=0.9, linestyle="--"
        )
        (validation,) = axes.plot(
            history["epoch"], history["validation_loss"], color=VERMILION, linewidth=1.1
        )
        (mark,) = axes.plot(
            best["epoch"],
            best["validation_loss"],
            color=INK,
            marker="o",
            markersize=3.5,
            markerfacecolor="white",
            markeredgewidth=0.8,
            linestyle="none",
            zorder=4,
        )
        axes.text(
            0.98,
            0.95,
            f"{best['validation_loss']:.3f} at epoch {best['epoch']:.0f}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=7,
        )
        # The first epochs' losses are so large that, shown whole, they would flatten the rest.
        settled = history.loc[history["epoch"] > history["epoch"].max() / 10, [*losses]].to_numpy()
        span = settled.max() - settled.min()
        axes.set_ylim(settled.min() - 0.1 * span - 1e-3, settled.max() + 0.25 * span + 1e-3)
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    figure.supxlabel("epoch", fontsize=8)
    figure.supylabel("negative ELBO (bits/dim)", fontsize=8)
    figure.legend(
        handles=[train, validation, mark],
        labels=["training", "validation", "best epoch"],
        loc="outside upper center",
        ncols=3,
        borderpad=0,
    )
    return freeze_layout(figure)
