"""The figure of plausibility shows the table's numbers, and refuses what does not fit."""

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from panel_checks import check_panel, check_refusals, check_script, drawn_means, make_summary

from latent_transport.evidence.plotting.plausibility import plot_plausibility
from latent_transport.evidence.vocabulary import PATHS, PLAUSIBILITY
from workflow.scripts import plot_plausibility as script


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
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == r"confidence $\uparrow$"
    assert r"entropy (nats) $\downarrow$" in titles
    for title, measure in zip(titles, PLAUSIBILITY.values(), strict=True):
        assert title.endswith(r"$\uparrow$" if measure.sign > 0 else r"$\downarrow$")


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


def test_tables_that_do_not_fit_are_refused():
    check_refusals(plot_plausibility, PLAUSIBILITY, "digit7")


def test_the_script_draws_the_table_on_disk(tmp_path):
    check_script(script, plot_plausibility, PLAUSIBILITY, tmp_path)
