"""Figures of the evidence: they show the table's numbers, and refuse what does not fit."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color

from latent_transport.evidence.plotting.evidence import (
    CONTAINMENT,
    KINDS,
    PLAUSIBILITY,
    plot_containment,
    plot_plausibility,
)
from latent_transport.evidence.plotting.names import PATHS
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import DataError, load_table, save_table
from workflow.scripts import plot_containment as containment_script
from workflow.scripts import plot_plausibility as plausibility_script

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
                        rows.append((*row, reference))
    columns = ["model", "kind", "path", "measure", "mean", "mean_low", "mean_high", "reference"]
    return pd.DataFrame(rows, columns=columns)


def drawn_means(axes):
    """Marked points of a panel by colour: (x, y) each."""
    return {
        kind: next(
            np.column_stack(line.get_data(orig=False))
            for line in axes.lines
            if line.get_marker() == marker and same_color(line.get_color(), colour)
        )
        for kind, (colour, marker) in KINDS.items()
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
        bars = [bar for bar in axes.collections if same_color(bar.get_color()[0], KINDS[kind][0])]
        ends = np.array([segment[:, 0] for segment in bars[0].get_segments()])
        np.testing.assert_allclose(ends, rows[["mean_low", "mean_high"]])


def reference_lines(axes):
    return sorted(line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":")


def test_containment_shows_every_model_and_measure():
    summary = make_summary(CONTAINMENT, ["digit0", "all planes", "all"])
    figure = plot_containment(summary)
    names = ["line", "wasserstein1", "fisher-rao", "home-made"]
    assert len(figure.axes) == 4
    for number, model in enumerate(("all planes", "all")):
        part = summary[summary["model"] == model]
        for axes, measure in zip(figure.axes[2 * number :], CONTAINMENT, strict=False):
            check_panel(axes, part, measure, names)
            line = part[(part["path"] == "line") & (part["measure"] == measure)]
            assert reference_lines(axes) == pytest.approx(sorted(set(line["mean"])))
    assert labels_of(figure.axes[0]) == [PATHS[name] for name in names[:3]] + ["home-made"]
    assert labels_of(figure.axes[1]) == [""] * 4
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0].startswith("planes of single digits: share")
    assert titles[2].startswith("all digits: share")


def test_models_can_be_chosen_and_stand_alone():
    summary = make_summary(CONTAINMENT, ["digit0", "digit4"])
    assert len(plot_containment(summary).axes) == 4
    figure = plot_containment(summary, ["digit4"])
    assert len(figure.axes) == 2
    assert figure.axes[0].get_title().startswith("digit 4")


def test_models_may_have_other_paths():
    summary = pd.concat(
        [
            make_summary(CONTAINMENT, ["all planes"], ["line", "wasserstein1"]),
            make_summary(CONTAINMENT, ["all"], ["line", "ensemble", "wasserstein1"]),
        ]
    )
    figure = plot_containment(summary)
    assert len(labels_of(figure.axes[0])) == 2
    assert labels_of(figure.axes[2]) == [
        PATHS[name] for name in ("line", "wasserstein1", "ensemble")
    ]


def test_plausibility_has_a_panel_a_measure():
    summary = make_summary(PLAUSIBILITY)
    # The interpolation has no pixel entropy, and so no row.
    extra = make_summary([name for name in PLAUSIBILITY if name != "pixel_entropy"], seed=1)
    extra = extra[extra["path"] == "line"].assign(path="interpolation")
    summary = pd.concat([summary, extra])
    figure = plot_plausibility(summary)
    assert len(figure.axes) == len(PLAUSIBILITY)
    names = ["line", "wasserstein1", "fisher-rao", "interpolation", "home-made"]
    for axes, measure in zip(figure.axes, PLAUSIBILITY, strict=True):
        if measure != "pixel_entropy":
            check_panel(axes, summary, measure, names)
    lonely = drawn_means(figure.axes[-1])["far"]
    np.testing.assert_array_equal(np.rint(lonely[:, 1]), [0, 1, 2, 4])
    # Low values are better for all but confidences and likelihood.
    up = [PLAUSIBILITY[m] for m in ("confidence", "least_confidence", "log_likelihood")]
    for axes in figure.axes:
        raised = any(axes.get_title() == rf"{label} $\uparrow$" for label in up)
        assert raised != axes.get_title().endswith(r"$\downarrow$")


def test_measures_and_kinds_may_be_few():
    figure = plot_plausibility(make_summary(["entropy", "grey_share"], kinds=["far"]))
    assert len(figure.axes) == 2
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["far pairs", "mean of the straight latent line"]


def test_titles_do_not_overlap():
    figure = plot_plausibility(make_summary(PLAUSIBILITY, paths=list(PATHS)))
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [axes.title.get_window_extent(renderer) for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("draw", [plot_containment, plot_plausibility])
def test_tables_that_do_not_fit_are_refused(draw):
    summary = make_summary([*CONTAINMENT, *PLAUSIBILITY])
    with pytest.raises(DataError, match="lacks the column"):
        draw(summary.drop(columns="mean_low"))
    with pytest.raises(DataError, match="has no rows"):
        draw(summary.iloc[:0])
    broken = summary.assign(mean=np.nan)
    with pytest.raises(DataError, match="are not finite"):
        draw(broken)
    with pytest.raises(DataError, match=r"no .* of the model .*; it has the models all"):
        draw(summary, ["digit7"] if draw is plot_containment else "digit7")


@pytest.mark.parametrize(
    ("script", "measures"),
    [(containment_script, CONTAINMENT), (plausibility_script, PLAUSIBILITY)],
)
def test_scripts_draw_the_table_on_disk(script, measures, tmp_path):
    save_table(make_summary(measures), tmp_path / "summary.csv")
    outputs = [str(tmp_path / f"figure.{suffix}") for suffix in ("pdf", "png")]
    script.main(["--summary", str(tmp_path / "summary.csv"), "--output", *outputs])
    draw = plot_containment if measures is CONTAINMENT else plot_plausibility
    again = tmp_path / "again.pdf"
    save_figure(draw(load_table(tmp_path / "summary.csv")), again)
    assert again.read_bytes() == (tmp_path / "figure.pdf").read_bytes()
