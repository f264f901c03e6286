"""Comparing a run with reference values."""

import copy
import io

import pandas as pd
import pytest

from latent_transport.evidence.claims.reproduction import (
    compare_numbers,
    format_comparison,
    make_reference,
)
from latent_transport.storage import DataError

NUMBERS = {
    "models": {"all": {"test": 10000, "bits_per_dim": 1.5, "seconds": 700.0, "kl": 37.0}},
    "containment": {
        "all/far/line/line": {
            "mean": 0.96,
            "mean_low": 0.95,
            "mean_high": 0.97,
            "difference": None,
            "difference_low": None,
            "difference_high": None,
        },
        # The same path, compared with another one, and a plane that is pooled with others.
        "all/far/line/wasserstein1": {"mean": 0.96, "mean_low": 0.95, "difference": 0.1},
        "all planes/far/line/line": {"mean": 0.9, "mean_low": 0.9, "mean_high": 0.9},
        "digit1/far/line/line": {"mean": 0.5, "mean_low": 0.4, "mean_high": 0.6},
    },
    "verdicts": {
        "inside/all": {"verdict": "supported", "tests": 4, "low": 0.1, "high": 0.2, "value": 0.1}
    },
    "run": {"source": {"commit": "abc"}},
    "solvers": {"all/Gauss-Newton": {"median_energy_excess": 0.1}},
}


def read_back(reference: pd.DataFrame) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(reference.to_csv(index=False)))


def compare(table: str, row: str, column: str, value: object) -> str:
    numbers = copy.deepcopy(NUMBERS)
    numbers[table][row][column] = value
    compared = compare_numbers(read_back(make_reference(NUMBERS)), numbers).set_index(
        ["table", "row", "column"]
    )
    others = compared.drop(index=(table, row, column))
    assert (others["outcome"] == "reproduced").all()
    return compared.loc[(table, row, column), "outcome"]


def test_times_bounds_and_benchmarks_are_left_out():
    reference = make_reference(NUMBERS)
    assert set(zip(reference["table"], reference["column"], strict=True)) == {
        ("models", "test"),
        ("models", "bits_per_dim"),
        ("models", "kl"),
        ("containment", "mean"),
        ("verdicts", "verdict"),
        ("verdicts", "tests"),
    }


def test_a_run_reproduces_itself():
    compared = compare_numbers(read_back(make_reference(NUMBERS)), NUMBERS)
    assert (compared["outcome"] == "reproduced").all()


@pytest.mark.parametrize(
    ("place", "value", "outcome"),
    [
        (("models", "all", "test"), 10001, "deviates"),
        (("models", "all", "bits_per_dim"), 1.529, "reproduced"),
        (("models", "all", "bits_per_dim"), 1.531, "deviates"),
        (("containment", "all/far/line/line", "mean"), 0.9301, "reproduced"),
        (("containment", "all/far/line/line", "mean"), 0.9299, "deviates"),
        (("containment", "all planes/far/line/line", "mean"), 0.883, "reproduced"),
        (("containment", "all planes/far/line/line", "mean"), 0.881, "deviates"),
        (("verdicts", "inside/all", "verdict"), "refuted", "deviates"),
        (("verdicts", "inside/all", "verdict"), None, "missing"),
        (("models", "all", "bits_per_dim"), "much", "deviates"),
    ],
)
def test_tolerances(place, value, outcome):
    assert compare(*place, value) == outcome


def test_a_table_that_was_not_made_is_missing():
    numbers = {name: rows for name, rows in NUMBERS.items() if name != "containment"}
    compared = compare_numbers(make_reference(NUMBERS), numbers)
    assert compared.loc[compared["table"] == "containment", "outcome"].tolist() == ["missing"] * 2


def test_a_line_for_each_number_and_a_sum():
    numbers = copy.deepcopy(NUMBERS)
    numbers["models"]["all"]["bits_per_dim"] = 2.0
    del numbers["verdicts"]
    text = format_comparison(compare_numbers(make_reference(NUMBERS), numbers))
    assert "  deviates    all bits_per_dim  2      reference 1.5    ± 2 %" in text.splitlines()
    assert text.splitlines()[-1] == "4 of 7 numbers reproduced, 1 deviates, 2 missing"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="tolerance"), "lacks the columns tolerance"),
        (lambda table: table.assign(kind="percent"), "of kind percent; expected equal"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(change, said):
    with pytest.raises(DataError, match=said):
        compare_numbers(change(make_reference(NUMBERS)), NUMBERS)
