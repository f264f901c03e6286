"""The figure of containment shows the table's numbers, and refuses what does not fit."""

import pandas as pd
import pytest
from panel_checks import (
    check_panel,
    check_refusals,
    check_script,
    labels_of,
    make_summary,
    reference_lines,
)

from latent_transport.datasets.classes import DIGITS, write_classes
from latent_transport.evidence.plotting.containment import DRAWN, plot_containment
from latent_transport.evidence.vocabulary import path_label
from workflow.scripts import plot_containment as script


def test_containment_shows_every_model_and_measure():
    summary = make_summary(DRAWN, ["digit0", "all planes", "all"])
    figure = plot_containment(summary)
    names = ["line", "wasserstein1", "fisher-rao", "home-made"]
    assert len(figure.axes) == 4
    for number, model in enumerate(("all planes", "all")):
        part = summary[summary["model"] == model]
        for axes, measure in zip(figure.axes[2 * number :], DRAWN, strict=False):
            check_panel(axes, part, measure, names)
            line = part[(part["path"] == "line") & (part["measure"] == measure)]
            assert reference_lines(axes) == pytest.approx(sorted(set(line["mean"])))
    assert labels_of(figure.axes[0]) == [path_label(name) for name in names[:3]] + ["home-made"]
    assert labels_of(figure.axes[1]) == [""] * 4
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0].startswith("planes of single digits: share")
    assert titles[2].startswith("all digits: share")


def test_models_can_be_chosen_and_stand_alone():
    summary = make_summary(DRAWN, ["digit0", "digit4"])
    assert len(plot_containment(summary).axes) == 4
    figure = plot_containment(summary, ["digit4"])
    assert len(figure.axes) == 2
    assert figure.axes[0].get_title().startswith("digit 4")


def test_models_may_have_other_paths():
    summary = pd.concat(
        [
            make_summary(DRAWN, ["all planes"], ["line", "wasserstein1"]),
            make_summary(DRAWN, ["all"], ["line", "ensemble", "wasserstein1"]),
        ]
    )
    figure = plot_containment(summary)
    assert len(labels_of(figure.axes[0])) == 2
    assert labels_of(figure.axes[2]) == [
        path_label(name) for name in ("line", "wasserstein1", "ensemble")
    ]


def test_tables_that_do_not_fit_are_refused():
    check_refusals(plot_containment, DRAWN, ["digit7"])


def test_the_script_draws_the_table_on_disk(tmp_path):
    write_classes(tmp_path / "classes.txt", DIGITS)
    options = ["--classes", str(tmp_path / "classes.txt")]
    check_script(script, plot_containment, DRAWN, tmp_path, *options)
