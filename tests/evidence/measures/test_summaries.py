"""Rows of the table of geodesics."""

import numpy as np
import pandas as pd
import pytest

from latent_transport.evidence.measures.summaries import summarise_geodesics, summarise_starts


def make_table(**columns) -> pd.DataFrame:
    length, line_length = np.array([8.0, 9.0, 6.0, 10.0]), np.array([10.0, 10.0, 10.0, 10.0])
    table = {
        "length": length,
        "line_length": line_length,
        "shortening": 1 - length / line_length,
        "iterations": [1, 2, 3, 6],
        "converged": [True, True, False, True],
        "seconds": [0.5, 0.5, 1.0, 2.0],
        **columns,
    }
    return pd.DataFrame(table)


def test_numbers_are_those_of_the_table():
    row = summarise_geodesics(make_table())
    assert row == pytest.approx(
        {
            "pairs": 4,
            "converged": 0.75,
            "median_length": 8.5,
            "median_line_length": 10,
            "lower_quartile_shortening": 0.075,
            "median_shortening": 0.15,
            "upper_quartile_shortening": 0.25,
            "not_longer_than_line": 1,
            "mean_iterations": 3,
            "seconds_a_geodesic": 1,
        }
    )


def test_a_geodesic_as_long_as_its_line_but_for_rounding_is_not_longer():
    length = np.array([10 * (1 + 1e-7), 10 * (1 - 1e-7), 10.0, 10.1])
    table = make_table(length=length, shortening=1 - length / 10)
    assert summarise_geodesics(table)["not_longer_than_line"] == 0.75


def test_one_pair_is_a_table():
    row = summarise_geodesics(make_table().head(1))
    assert row["median_shortening"] == row["upper_quartile_shortening"] == pytest.approx(0.2)


def test_what_the_table_tells_besides_is_left_out():
    extra = make_table(kind="far", pair=[1, 2, 3, 4])
    assert summarise_geodesics(extra) == summarise_geodesics(make_table())


def test_starts_count_only_what_is_noticeably_shorter():
    table = pd.DataFrame(
        {"line": [10.0, 10.0, 10.0, 20.0], "graph": [9.0, 9.9999, 10.0, 20.0], "random": [10.0] * 4}
    )
    summary = summarise_starts(table)
    assert summary["pairs"] == 4
    assert summary["graph_shorter"] == 0.25
    assert summary["graph_largest_gain"] == pytest.approx(0.1)
    assert summary["random_shorter"] == 0.25
    assert summary["random_mean_gain"] == pytest.approx(0.125)
