"""Figures of the ramp, of stability and of neighbours: they show what they were given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color

from latent_transport.evidence.plotting.distances import plot_neighbours, plot_stability
from latent_transport.evidence.plotting.ramps import plot_ramp
from latent_transport.evidence.plotting.style import BLUE, SHADE, VERMILION, save_figure
from latent_transport.storage import DataError

T = np.linspace(0, 1, 65)
CASES = ["large", "blurring"]


def make_curves():
    flat = np.stack((28 + 200 * T, np.full(65, 2.0)), -1)
    round_ = np.stack((128 - 100 * np.cos(np.pi * T), 2 + 70 * np.sin(np.pi * T)), -1)
    curves = {}
    for kind in ("computed", "exact"):
        curves[f"wasserstein1_{kind}"] = np.stack((flat, flat))
        curves[f"fisher-rao_{kind}"] = np.stack((round_, round_))
    return curves


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


def make_neighbours():
    rows = [
        {"model": "all", "path": path, "measure": measure, "mean": mean}
        for path, mean in (("wasserstein1", 0.9), ("latent", 0.92), ("line", 0.88))
        for measure in ("accuracy", "purity")
    ]
    table = pd.DataFrame(rows)
    return table.assign(mean_low=table["mean"] - 0.02, mean_high=table["mean"] + 0.03)


def draw_ramp(curves=None, cases=CASES, strip="large"):
    return plot_ramp(curves or make_curves(), cases, shown=CASES, strip=strip)


FIGURES = {
    "ramp": draw_ramp,
    "stability": lambda: plot_stability(make_stability(), make_summary(make_stability())),
    "neighbours": lambda: plot_neighbours(make_neighbours()),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_drawn_twice_gives_the_same_bytes_within_the_page(name, tmp_path):
    for saved in ("first", "second"):
        save_figure(FIGURES[name](), tmp_path / f"{saved}.pdf", tmp_path / f"{saved}.png")
    for suffix in (".pdf", ".png"):
        first = (tmp_path / f"first{suffix}").read_bytes()
        assert (tmp_path / f"second{suffix}").read_bytes() == first
    figure = FIGURES[name]()
    tight = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert tight.min.min() > -0.01
    assert (tight.max < figure.get_size_inches() + 0.01).all()


def test_ramp_shows_the_curves_and_the_pixel():
    curves = make_curves()
    plane, *strips = draw_ramp(curves).axes
    for name, colour in (("wasserstein1", VERMILION), ("fisher-rao", BLUE)):
        drawn = [
            line.get_xydata()
            for line in plane.lines
            if same_color(line.get_color(), colour) and line.get_linestyle() == "-"
        ]
        np.testing.assert_allclose(drawn, curves[f"{name}_computed"])
    sharp, blurred = (np.asarray(axes.images[0].get_array()) for axes in strips)
    np.testing.assert_allclose(sharp.mean(0)[[0, -1]], [28, 228], atol=1)
    np.testing.assert_allclose(blurred.mean(0)[[0, -1]], [28, 228], atol=1)
    middle = sharp.shape[1] // 2
    np.testing.assert_allclose(sharp.std(0), 2, rtol=0.1)
    np.testing.assert_allclose(blurred.std(0)[middle], 72, rtol=0.1)
    assert strips[0].images[0].get_clim() == (0, 255)


def test_ramp_refuses_what_does_not_fit():
    with pytest.raises(DataError, match="no case 'small'"):
        draw_ramp(strip="small")
    curves = make_curves()
    with pytest.raises(DataError, match="no array fisher-rao_exact"):
        draw_ramp({key: value for key, value in curves.items() if key != "fisher-rao_exact"})
    with pytest.raises(DataError, match="shape"):
        draw_ramp(curves | {"wasserstein1_exact": T})
    with pytest.raises(DataError, match="not finite"):
        draw_ramp(curves | {"wasserstein1_exact": curves["wasserstein1_exact"] * np.nan})


def test_stability_joins_the_coefficients_of_each_pair():
    table = make_stability()
    figure = plot_stability(table, make_summary(table))
    assert [axes.get_title() for axes in figure.axes] == ["digit 3", "all digits"]
    for axes, (_, part) in zip(figure.axes, table.groupby("model", sort=False), strict=True):
        joined = [line.get_ydata() for line in axes.lines if same_color(line.get_color(), SHADE)]
        wide = part.pivot(index="pair", columns="geometry", values="coefficient")
        expected = wide[["latent", "wasserstein1", "fisher-rao"]].to_numpy()
        np.testing.assert_allclose(np.array(joined, float), expected)
        means = [line.get_ydata() for line in axes.lines if same_color(line.get_color(), VERMILION)]
        np.testing.assert_allclose(means[0].astype(float), expected.mean(0))


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
    table, summary = make_stability(), make_summary(make_stability())
    with pytest.raises(DataError, match="no coefficient of latent for the model 'all'"):
        kept = (summary["model"] != "all") | (summary["path"] != "latent")
        plot_stability(table, summary[kept])
    with pytest.raises(DataError, match="lacks the column"):
        plot_stability(table, summary.drop(columns="mean_low"))
    with pytest.raises(DataError, match="no purity of latent"):
        plot_neighbours(make_neighbours().drop(index=3))
    with pytest.raises(DataError, match="has no rows"):
        plot_neighbours(make_neighbours().iloc[:0])
