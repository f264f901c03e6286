"""The figure of neighbours shows means and intervals of each distance."""

import numpy as np
import pandas as pd
import pytest
from page_checks import check_figure

from latent_transport.evidence.plotting.neighbours import plot_neighbours
from latent_transport.storage import DataError


def make_neighbours():
    rows = [
        {"model": "all", "path": path, "measure": measure, "mean": mean}
        for path, mean in (("wasserstein1", 0.9), ("latent", 0.92), ("line", 0.88))
        for measure in ("accuracy", "purity")
    ]
    table = pd.DataFrame(rows)
    return table.assign(mean_low=table["mean"] - 0.02, mean_high=table["mean"] + 0.03)


def test_drawn_twice_it_gives_the_same_bytes_within_the_page(tmp_path):
    check_figure(lambda: plot_neighbours(make_neighbours()), tmp_path)


def test_neighbours_shows_means_and_intervals():
    summary = make_neighbours()
    figure = plot_neighbours(summary)
    for axes, measure in zip(figure.axes, ("accuracy", "purity"), strict=True):
        part = summary[summary["measure"] == measure]
        np.testing.assert_allclose(axes.lines[0].get_xdata().astype(float), part["mean"])
        bars = np.array([bar[:, 0] for bar in axes.collections[0].get_segments()])
        np.testing.assert_allclose(bars, part[["mean_low", "mean_high"]].to_numpy())
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(set(names)) == 3


def test_summaries_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="no purity of latent"):
        plot_neighbours(make_neighbours().drop(index=3))
    with pytest.raises(DataError, match="has no rows"):
        plot_neighbours(make_neighbours().iloc[:0])
