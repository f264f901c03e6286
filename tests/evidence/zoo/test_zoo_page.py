"""The page of the zoo, and the scripts that make it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latent_transport.evidence.zoo.collection import make_zoo
from latent_transport.evidence.zoo.pages import render_page, show_error
from latent_transport.storage import load_table, save_table
from workflow.scripts import document_zoo, measure_zoo

ROOT = Path(__file__).parents[3]


def make_table():
    """Two problems, two solvers: one curve of four misses in one, all in another."""
    rows = [
        ("circle", "a circle", 2, 4, "fast", "float64", 1.0, 3e-6),
        ("circle", "a circle", 2, 4, "slow", "float64", 0.75, 2.6e-2),
        ("wall", "a wall", 3, 1, "fast", "float64", 0.0, np.nan),
        ("wall", "a wall", 3, 1, "slow", "float64", 1.0, 0.0),
    ]
    names = ["problem", "note", "dimension", "pairs", "solver", "dtype", "converged"]
    return pd.DataFrame(rows, columns=[*names, "worst_error_converged"])


def rows_of(page):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|")
    ]


@pytest.mark.parametrize(
    ("error", "share", "shown"),
    [
        (3.4e-6, 1.0, "3e-6"),
        (2.6e-2, 0.999, "3e-2 (99 %)"),
        (1.49e-10, 2 / 3, "1e-10 (66 %)"),
        (7.2, 1.0, "7e0"),
        (0.0, 1.0, "0"),
        (np.inf, 1.0, "inf"),
        (np.nan, 0.0, "none"),
    ],
)
def test_errors_have_one_digit_and_the_share_where_some_are_missing(error, share, shown):
    assert show_error(error, share) == shown


def test_page_has_a_row_for_each_problem_and_one_for_all():
    page = render_page(make_table())
    header, rule, *rows = rows_of(page)
    assert header == ["problem", "what it is", "*d*", "pairs", "fast, float64", "slow, float64"]
    assert len(rule) == len(header)
    assert rows == [
        ["circle", "a circle", "2", "4", "3e-6", "3e-2 (75 %)"],
        ["wall", "a wall", "3", "1", "none", "0"],
        ["**all**", rows[2][1], "", "", "3e-6 (80 %)", "3e-2 (80 %)"],
    ]
    assert page.splitlines()[0].startswith("<!-- Made by: make zoo.")
    assert page.splitlines()[1] == "# A zoo of known answers"
    assert page.endswith("|\n")


def test_rows_may_stand_in_any_order():
    table = make_table()
    page = render_page(table.iloc[[0, 1, 3, 2]])
    assert rows_of(page) == rows_of(render_page(table))


def test_page_is_written_without_torch(tmp_path):
    save_table(make_table(), tmp_path / "zoo.csv")
    options = ["--table", str(tmp_path / "zoo.csv"), "--output", str(tmp_path / "zoo.md")]
    code = (
        "import sys; from workflow.scripts.document_zoo import main; "
        f"main({options!r}); sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0
    assert (tmp_path / "zoo.md").read_text(encoding="utf-8") == render_page(make_table())


def test_scripts_measure_the_zoo_and_make_its_page(tmp_path, monkeypatch):
    few = {name: make_zoo()[name] for name in ("linear, W2", "Bernoulli, 2")}
    monkeypatch.setattr(measure_zoo, "make_zoo", lambda: few)
    table, page = tmp_path / "zoo.csv", tmp_path / "zoo.md"
    measure_zoo.main(["--output", str(table), "--threads", "1"])
    assert len(load_table(table)) == 2 * 4
    document_zoo.main(["--table", str(table), "--output", str(page)])
    names = [row[0] for row in rows_of(page.read_text(encoding="utf-8"))]
    assert names[2:] == ["linear, W2", "Bernoulli, 2", "**all**"]
