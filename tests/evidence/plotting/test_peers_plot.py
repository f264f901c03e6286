"""The figure of peers shows each one's errors and seconds, problem by problem."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from page_checks import check_figure

from latent_transport.evidence.plotting.peers import LEAST, plot_peers
from latent_transport.evidence.plotting.style import VERMILION, save_figure
from latent_transport.storage import DataError, load_table, save_table
from workflow.scripts import plot_peers as script

PEERS = ["ours", *(f"peer {number}, fine" for number in range(9)), "other"]


def make_table(problems):
    rng = np.random.default_rng(0)
    rows = []
    for problem in range(problems):
        for peer in PEERS:
            seconds = 10 ** rng.uniform(-3, 1.5)
            rows.append(
                {
                    "problem": f"problem {problem}",
                    "peer": peer,
                    "error": rng.choice([-1, 1]) * 10 ** rng.uniform(-8, 0),
                    "curve_error": 10 ** rng.uniform(-8, 0),
                    "converged": rng.choice([0, 1, np.nan]),
                    "seconds": seconds,
                    "least": seconds / 1.2,
                    "largest": seconds * 1.3,
                }
            )
    return pd.DataFrame(rows)


def drawn(axes, marker):
    return [line for line in axes.lines if line.get_marker() == marker]


def test_drawn_twice_it_gives_the_same_bytes_within_the_page(tmp_path):
    check_figure(lambda: plot_peers(make_table(6)), tmp_path)


def test_markers_are_the_words_and_strokes_the_curves():
    table = make_table(3)
    figure = plot_peers(table)
    assert [axes.get_title() for axes in figure.axes] == ["problem 0", "problem 1", "problem 2"]
    for axes, (_, part) in zip(figure.axes, table.groupby("problem"), strict=True):
        words = [line for line in axes.lines if line.get_marker() not in ("_", "None", "")]
        at = np.array([line.get_xydata()[0] for line in words])
        np.testing.assert_allclose(at, np.stack((part["seconds"], part["error"].abs()), -1))
        strokes = np.array([line.get_xydata()[0] for line in drawn(axes, "_")])
        np.testing.assert_allclose(strokes[:, 1], part["curve_error"])
        filled = [not same_color(line.get_markerfacecolor(), "white") for line in words]
        assert filled == list(part["converged"] == 1)
        assert same_color(words[0].get_color(), VERMILION)
        assert not any(same_color(line.get_color(), VERMILION) for line in words[1:])


def test_peers_are_told_apart():
    legend = plot_peers(make_table(1)).legends[0]
    looks = {(line.get_color(), line.get_marker()) for line in legend.get_lines()}
    assert len(looks) == len(PEERS)
    colours = {peer: line.get_color() for peer, line in zip(PEERS, legend.get_lines(), strict=True)}
    assert len({colours[peer] for peer in PEERS if peer.startswith("peer ")}) == 1
    assert colours["other"] not in (colours["ours"], colours["peer 0, fine"])
    assert [text.get_text() for text in legend.get_texts()] == PEERS


def test_what_was_not_solved_is_not_drawn_but_named():
    table = make_table(1)
    table.loc[table["peer"] == PEERS[1], ["error", "curve_error", "seconds"]] = np.nan
    figure = plot_peers(table)
    assert len(drawn(figure.axes[0], "_")) == len(PEERS) - 1
    assert len(figure.legends[0].get_texts()) == len(PEERS)


def test_exact_answers_stand_at_the_least_error():
    table = make_table(1).assign(error=0.0)
    words = [line for line in plot_peers(table).axes[0].lines if line.get_marker() == "o"]
    assert words[0].get_ydata()[0] == LEAST


def test_tables_that_do_not_fit_are_refused():
    table = make_table(1)
    with pytest.raises(DataError, match="lacks the column"):
        plot_peers(table.drop(columns="curve_error"))
    with pytest.raises(DataError, match="has no rows"):
        plot_peers(table.assign(seconds=np.nan))
    with pytest.raises(DataError, match="not finite"):
        plot_peers(table.assign(error=np.inf))


def test_the_script_draws_the_table_on_disk(tmp_path):
    save_table(make_table(2), tmp_path / "peers.csv")
    outputs = [str(tmp_path / f"figure.{suffix}") for suffix in ("pdf", "png")]
    script.main(["--table", str(tmp_path / "peers.csv"), "--output", *outputs])
    save_figure(plot_peers(load_table(tmp_path / "peers.csv")), tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes() == (tmp_path / "figure.pdf").read_bytes()
