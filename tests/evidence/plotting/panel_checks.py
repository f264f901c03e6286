"""Made-up summaries of measures on paths, and what the panels show of them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from latent_transport.evidence.plotting.panels import STYLES
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import DataError, load_table, save_table

NAMES = ["wasserstein1", "line", "fisher-rao", "home-made"]


def make_summary(measures, models=("all",), paths=NAMES, kinds=("random", "far"), seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for model in models:
        for kind in kinds:
            for path in paths:
                for measure in measures:
                    mean, half = rng.uniform(0.2, 0.8), rng.uniform(0.01, 0.1)
                    for reference in ("line", "wasserstein1"):
                        row = (model, kind, path, measure, mean, mean - half, mean + half)
                        middle = np.nan if path == reference else mean - 0.5
                        difference = (middle, middle - half / 2, middle + half / 2)
                        rows.append((*row, reference, *difference))
    columns = ["model", "kind", "path", "measure", "mean", "mean_low", "mean_high", "reference"]
    columns += ["difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, columns=columns)


def drawn_means(axes):
    """Marked points of a panel by colour: (x, y) each."""
    return {
        kind: next(
            np.column_stack(line.get_data(orig=False))
            for line in axes.lines
            if line.get_marker() == marker and same_color(line.get_color(), colour)
        )
        for kind, (colour, marker) in STYLES.items()
    }


def labels_of(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def check_panel(axes, summary, measure, names):
    """The panel shows the table's means and intervals, in the order of the names."""
    table = summary[(summary["measure"] == measure) & (summary["reference"] == "line")]
    for kind, points in drawn_means(axes).items():
        rows = table[table["kind"] == kind].set_index("path").loc[names]
        np.testing.assert_allclose(points[:, 0], rows["mean"])
        np.testing.assert_array_equal(np.rint(points[:, 1]), np.arange(len(names)))
        bars = [bar for bar in axes.collections if same_color(bar.get_color()[0], STYLES[kind][0])]
        ends = np.array([segment[:, 0] for segment in bars[0].get_segments()])
        np.testing.assert_allclose(ends, rows[["mean_low", "mean_high"]])


def reference_lines(axes):
    return sorted(line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":")


def check_refusals(draw, measures, model):
    """Tables that do not fit are refused; ``model`` names one that is not there."""
    summary = make_summary(measures)
    with pytest.raises(DataError, match="lacks the column"):
        draw(summary.drop(columns="mean_low"))
    with pytest.raises(DataError, match="has no rows"):
        draw(summary.iloc[:0])
    with pytest.raises(DataError, match="are not finite"):
        draw(summary.assign(mean=np.nan))
    with pytest.raises(DataError, match=r"no .* of the model .*; it has the models all"):
        draw(summary, model)


def check_script(script, draw, measures, folder, *options):
    """A script draws the table on disk as the library does."""
    save_table(make_summary(measures), folder / "summary.csv")
    outputs = [str(folder / f"figure.{suffix}") for suffix in ("pdf", "png")]
    script.main(["--summary", str(folder / "summary.csv"), *options, "--output", *outputs])
    again = folder / "again.pdf"
    save_figure(draw(load_table(folder / "summary.csv")), again)
    assert again.read_bytes() == (folder / "figure.pdf").read_bytes()
