"""The figure of the mechanism joins two tables by pair and path, and refuses what does not fit."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from latent_transport.evidence.plotting.mechanism import ALONG, plot_mechanism
from latent_transport.evidence.vocabulary import PATHS
from latent_transport.storage import DataError, save_table
from workflow.scripts import plot_mechanism as script

NAMES = ["line", "wasserstein1", "fade", "blurred"]


def make_tables(paths=NAMES, pairs=6):
    rng = np.random.default_rng(0)
    rows = pd.MultiIndex.from_product([["random", "far"], range(pairs), paths])
    table = rows.to_frame(index=False, name=["kind", "pair", "path"]).assign(model="all")
    first = table.assign(confidence=rng.uniform(size=len(table)), fade_distance=0.3)
    first["fade_distance"] *= rng.uniform(size=len(table))
    second = table.assign(norm=rng.uniform(3, 5, len(table)), share_inside=0.9)
    posterior = second[second["path"] == paths[0]].assign(path="posterior", norm=5.5)
    shuffled = second[second["path"] != "fade"].sample(frac=1, random_state=0)
    return first, pd.concat([shuffled, posterior])


def test_points_are_means_of_the_pairs_that_are_in_both_tables():
    plausibility, containment = make_tables()
    figure = plot_mechanism(plausibility, containment, kind="far")
    both = plausibility.merge(containment, on=["model", "kind", "pair", "path"])
    means = both[both["kind"] == "far"].groupby("path")[["confidence", *ALONG]].mean()
    for axes, along in zip(figure.axes, ALONG, strict=True):
        points = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
        expected = means.loc[["line", "wasserstein1", "blurred"], [along, "confidence"]]
        np.testing.assert_allclose(points, expected)
        clouds = [line for line in axes.lines if len(line.get_xdata()) == 6]
        assert len(clouds) == 2  # of the line and of W1
    assert 5.5 in {line.get_xdata()[0] for line in figure.axes[1].lines}


def test_nothing_is_cut_off_with_all_paths():
    figure = plot_mechanism(*make_tables(list(PATHS)[:-4]))
    renderer = FigureCanvasAgg(figure).get_renderer()
    box = figure.legends[0].get_window_extent(renderer)
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    assert not any(box.overlaps(axes.get_window_extent(renderer)) for axes in figure.axes)


def test_tables_that_do_not_fit_are_refused():
    plausibility, containment = make_tables()
    with pytest.raises(DataError, match="lacks the column"):
        plot_mechanism(plausibility, containment.drop(columns="norm"))
    with pytest.raises(DataError, match="no random pairs of the model 'digit7'"):
        plot_mechanism(plausibility, containment, "digit7")


def test_the_script_draws_the_tables_on_disk(tmp_path):
    for name, table in zip(("plausibility", "containment"), make_tables(), strict=True):
        save_table(table, tmp_path / f"{name}.csv")
    options = [f"--{name}={tmp_path / name}.csv" for name in ("plausibility", "containment")]
    script.main([*options, "--output", str(tmp_path / "a.png")])
    assert (tmp_path / "a.png").stat().st_size > 0
