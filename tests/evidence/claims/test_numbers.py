"""Tables as named numbers."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_transport.evidence.claims.numbers import (
    flatten_settings,
    format_macros,
    format_value,
    iterate_numbers,
    name_macro,
    nest_table,
)
from latent_transport.storage import DataError


def make_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": ["random", "far", None],
            "model": ["all", "all", "digit0"],
            "pairs": [100, 50, 7],
            "mean": [0.5, np.nan, np.inf],
            "converged": [True, False, True],
        }
    )


def test_rows_are_keyed_by_their_key_columns_in_a_fixed_order():
    nested = nest_table(make_table(), "table")
    assert nested["all/random"] == {"pairs": 100, "mean": 0.5, "converged": True}
    assert list(nested) == ["all/random", "all/far", "digit0"]


def test_values_are_plain_and_what_is_not_finite_is_missing():
    nested = nest_table(make_table(), "table")
    assert nested["all/far"]["mean"] is None
    assert nested["digit0"]["mean"] is None
    assert type(nested["all/random"]["pairs"]) is int
    assert nested["all/far"]["converged"] is False
    assert json.loads(json.dumps(nested, allow_nan=False)) == nested


@pytest.mark.parametrize(("name", "column"), [("scaling", "pairs"), ("wasserstein1", "components")])
def test_a_count_that_tells_rows_apart_is_part_of_the_key(name, column):
    table = pd.DataFrame({"model": ["all", "all"], column: [16, 64], "seconds": [1.0, 2.0]})
    assert nest_table(table, name)["64/all"] == {"seconds": 2.0}
    with pytest.raises(DataError, match="two rows 'all'"):
        nest_table(table, "models")


def test_a_table_without_key_columns_is_refused():
    with pytest.raises(DataError, match=r"table losses has the columns a; expected"):
        nest_table(pd.DataFrame({"a": [1]}), "losses")


def test_settings_are_flattened():
    settings = {"seed": 1, "models": {"all": {"hidden": [512, 256], "dropout": None}}}
    assert flatten_settings(settings) == {
        "seed": 1,
        "models.all.hidden": "512 256",
        "models.all.dropout": None,
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("models", "digit0", "bits_per_dim"), "modelsDigitZeroBitsPerDim"),
        (("geodesics", "all planes/far", "pairs"), "geodesicsAllPlanesFarPairs"),
        (("run", "versions", "latent-transport"), "runVersionsLatentTransport"),
        (("wasserstein1", "10/ours, C", "speedup"), "wassersteinOneOneZeroOursCSpeedup"),
    ],
)
def test_names_of_macros(path, name):
    assert name_macro(*path) == name


@given(st.lists(st.text(min_size=1), min_size=1))
def test_names_of_macros_are_letters(path):
    assert re.fullmatch("[A-Za-z]*", name_macro(*path))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (-1500.04, "-1500"),
        (1.5e-7, r"$1.5\times 10^{-7}$"),
        (57000, "57000"),
        (True, "yes"),
        (None, "--"),
        ("50 % of a_b", r"50 \% of a\_b"),
        ("\\", r"\textbackslash{}"),
    ],
)
def test_values_in_latex(value, text):
    assert format_value(value) == text


def test_each_number_has_a_macro():
    numbers = {"geodesics": nest_table(make_table(), "geodesics")}
    text = format_macros(numbers)
    assert r"\newcommand{\geodesicsAllRandomMean}{0.5}" in text.splitlines()
    macros = re.findall(r"^\\newcommand{\\([A-Za-z]+)}{.*}$", text, re.M)
    assert len(macros) == len(set(macros)) == len(list(iterate_numbers(numbers)))
    assert all(line.startswith(("%", "\\newcommand")) for line in text.splitlines())


def test_two_numbers_of_one_macro_are_refused():
    numbers = {"table": {"all_far": {"mean": 1.0}, "all/far": {"mean": 2.0}}}
    with pytest.raises(DataError, match=r"table / all_far / mean and table / all/far / mean"):
        format_macros(numbers)
