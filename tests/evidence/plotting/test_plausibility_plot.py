"""The figure of plausibility shows the table's numbers, and refuses what does not fit."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from panel_checks import (
    NAMES,
    check_panel,
    check_refusals,
    check_script,
    drawn_means,
    make_summary,
    reference_lines,
)

from latent_transport.evidence.keys import FLOORS
from latent_transport.evidence.plotting.plausibility import DRAWN, plot_plausibility
from latent_transport.evidence.vocabulary import PATHS, PLAUSIBILITY
from workflow.scripts import plot_plausibility as script


def test_a_measure_has_a_panel_of_means_and_one_of_differences():
    summary = make_summary(DRAWN, paths=[*NAMES, *FLOORS])
    figure = plot_plausibility(summary)
    names = ["line", "wasserstein1", "fisher-rao", "home-made"]
    for measure, axes in zip(DRAWN, figure.axes[::2], strict=True):
        check_panel(axes, summary, measure, names)
    for measure, axes in zip(DRAWN, figure.axes[1::2], strict=True):
        table = summary[(summary["measure"] == measure) & (summary["reference"] == "line")]
        for kind, points in drawn_means(axes).items():
            rows = table[table["kind"] == kind].set_index("path").loc[names[1:]]
            np.testing.assert_allclose(points[:, 0], rows["difference"])
            np.testing.assert_array_equal(np.rint(points[:, 1]), [1, 2, 3])
        assert reference_lines(axes) == [0]
    titles = [axes.get_title() for axes in figure.axes[::2]]
    assert titles[0] == r"confidence $\uparrow$"
    for title, name in zip(titles, DRAWN, strict=True):
        assert title.endswith(r"$\uparrow$" if PLAUSIBILITY[name].sign > 0 else r"$\downarrow$")


def test_what_is_on_no_path_is_a_line_at_its_mean():
    summary = make_summary(DRAWN, paths=[*NAMES, *FLOORS])
    axes = plot_plausibility(summary).axes[0]
    rows = summary[(summary["measure"] == DRAWN[0]) & (summary["reference"] == "line")]
    means = rows.groupby("path")["mean"].mean()
    drawn = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() in ("-", "--")]
    for floor in FLOORS:
        assert np.isclose(drawn, means[floor]).any()


def test_measures_and_kinds_may_be_few():
    figure = plot_plausibility(make_summary(["log_likelihood", "grey_share"], kinds=["far"]))
    assert len(figure.axes) == 4
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["far pairs", "mean of the straight latent line"]


def test_titles_do_not_overlap():
    figure = plot_plausibility(make_summary(PLAUSIBILITY, paths=list(PATHS)))
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [axes.title.get_window_extent(renderer) for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1


def test_tables_that_do_not_fit_are_refused():
    check_refusals(plot_plausibility, DRAWN, "digit7")


def test_the_script_draws_the_table_on_disk(tmp_path):
    check_script(script, plot_plausibility, DRAWN, tmp_path)
