"""The front shows the table's numbers, joins families in their order, refuses what does not fit."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from panel_checks import check_refusals, check_script, make_summary

from latent_transport.evidence.plotting.frontier import ALONG, EXCESS, UP, plot_frontier
from latent_transport.evidence.vocabulary import PATHS
from workflow.scripts import plot_frontier as script

MEMBERS = ["blurred=9", "blurred=0", "blurred=1", "density=0.3", "density=1"]
PATHS_DRAWN = ["wasserstein1", "line", "fade", "reconstructions", *MEMBERS]


def test_families_are_joined_in_the_order_of_their_values():
    summary = make_summary([*UP, *ALONG], paths=PATHS_DRAWN)
    latent = summary["measure"] == "latent_ratio"
    summary.loc[latent, ["mean", "mean_low", "mean_high"]] += 1  # no way is shorter
    figure = plot_frontier(summary, kind="far")
    means = summary[summary["kind"] == "far"].drop_duplicates(["path", "measure"])
    means = means.pivot(index="path", columns="measure", values="mean")
    for number, axes in enumerate(figure.axes):
        up, along = UP[number // 2], ALONG[number % 2]
        joined = [line for line in axes.lines if len(line.get_xdata()) > 1]
        points = {len(line.get_xdata()): line for line in joined if line.get_linestyle() == "-"}
        expected = means.loc[["blurred=0", "blurred=1", "blurred=9"], [along, up]].to_numpy(
            copy=True
        )
        expected[:, 0] -= along in EXCESS
        np.testing.assert_allclose(np.transpose(points[3].get_data(orig=False)), expected)
        texts = {text.get_text() for text in axes.texts}
        assert texts == {"0", "9", "0.3", "1"}


def test_a_path_without_a_latent_length_has_no_place_there():
    summary = make_summary([*UP, *ALONG], paths=PATHS_DRAWN)
    latent = (summary["measure"] == "latent_ratio") & (summary["path"] == "fade")
    figure = plot_frontier(summary[~latent])
    marks = [
        sum(
            len(line.get_xdata()) == 1 and line.get_marker().lower() != "none"
            for line in axes.lines
        )
        for axes in figure.axes
    ]
    assert marks == [3, 1, 3, 1]


def test_nothing_is_cut_off_with_all_paths():
    summary = make_summary([*UP, *ALONG], paths=[*PATHS, *MEMBERS])
    figure = plot_frontier(summary)
    renderer = FigureCanvasAgg(figure).get_renderer()
    box = figure.legends[0].get_window_extent(renderer)
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    assert not any(box.overlaps(axes.get_window_extent(renderer)) for axes in figure.axes)


def test_tables_that_do_not_fit_are_refused():
    check_refusals(plot_frontier, [*UP, *ALONG], "digit7")


def test_the_script_draws_the_table_on_disk(tmp_path):
    check_script(script, plot_frontier, [*UP, *ALONG], tmp_path)
