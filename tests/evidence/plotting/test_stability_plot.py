"""The figure of stability shows the coefficients of each pair, and their means."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from page_checks import check_figure

from latent_transport.evidence.plotting.stability import plot_stability
from latent_transport.evidence.plotting.style import SHADE, VERMILION
from latent_transport.storage import DataError


def make_stability(models=("digit3", "all"), pairs=9):
    rng = np.random.default_rng(0)
    geometries = ["latent", "wasserstein1", "fisher-rao"]
    return pd.DataFrame(
        [
            {"model": model, "pair": pair, "geometry": name, "coefficient": rng.uniform(0.1, 0.4)}
            for model in models
            for pair in range(pairs)
            for name in geometries
        ]
    )


def make_summary(table, measure="coefficient"):
    means = table.groupby(["model", "geometry"], sort=False)[measure].mean().reset_index()
    means = means.rename(columns={"geometry": "path", measure: "mean"}).assign(measure=measure)
    return means.assign(mean_low=means["mean"] - 0.02, mean_high=means["mean"] + 0.03)


def make_levels(table, seeds=3):
    keys = table[["model", "geometry"]].drop_duplicates()
    parts = [keys.assign(seed=seed, level=1 + 0.1 * seed) for seed in range(seeds)]
    return pd.concat(parts)


def test_a_dot_is_a_training():
    table = make_stability()
    figure = plot_stability(table, make_summary(table), make_levels(table))
    for axes in figure.axes[2:]:
        dots = [line.get_ydata() for line in axes.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(np.transpose(dots), [[1, 1.1, 1.2]] * 3)


def test_drawn_twice_it_gives_the_same_bytes_within_the_page(tmp_path):
    table = make_stability()
    check_figure(lambda: plot_stability(table, make_summary(table), make_levels(table)), tmp_path)


def test_stability_joins_the_coefficients_of_each_pair():
    table = make_stability()
    figure = plot_stability(table, make_summary(table), make_levels(table))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["digit 3", "all digits"]
    for axes, (_, part) in zip(figure.axes[:2], table.groupby("model", sort=False), strict=True):
        joined = [line.get_ydata() for line in axes.lines if same_color(line.get_color(), SHADE)]
        wide = part.pivot(index="pair", columns="geometry", values="coefficient")
        expected = wide[["latent", "wasserstein1", "fisher-rao"]].to_numpy()
        np.testing.assert_allclose(np.array(joined, float), expected)
        means = [line.get_ydata() for line in axes.lines if same_color(line.get_color(), VERMILION)]
        np.testing.assert_allclose(means[0].astype(float), expected.mean(0))


def test_summaries_that_do_not_fit_are_refused():
    table, summary = make_stability(), make_summary(make_stability())
    with pytest.raises(DataError, match="no coefficient of latent for the model 'all'"):
        kept = (summary["model"] != "all") | (summary["path"] != "latent")
        plot_stability(table, summary[kept], make_levels(table))
    with pytest.raises(DataError, match="lacks the column"):
        plot_stability(table, summary.drop(columns="mean_low"), make_levels(table))
