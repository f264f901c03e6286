"""Bootstrap intervals: those of SciPy, of the stated coverage, paired and within strata."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, norm

from latent_transport.evidence.claims.intervals import (
    bootstrap_difference,
    bootstrap_mean,
    compare_paths,
)
from latent_transport.storage import DataError

FLOATS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30)


def draw(count, seed=0):
    return np.random.default_rng(seed).exponential(size=count)


def test_interval_is_scipys():
    values = draw(80)
    expected = bootstrap(
        [values], np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    found = bootstrap_mean(values, seed=0, resamples=20_000)
    assert found.mean == values.mean()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_stratified_interval_is_scipys():
    samples = [draw(30), 5 + draw(50, seed=1)]
    expected = bootstrap(
        samples,
        lambda a, b, axis: (a.sum(axis=axis) + b.sum(axis=axis)) / 80,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    strata = np.repeat(["a", "b"], [30, 50])
    shuffled = np.random.default_rng(2).permutation(80)
    found = bootstrap_mean(
        np.concatenate(samples)[shuffled], seed=0, strata=strata[shuffled], resamples=20_000
    )
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)
    # The spread between the groups is no part of it.
    whole = bootstrap_mean(np.concatenate(samples), seed=0)
    assert found.high - found.low < 0.6 * (whole.high - whole.low)


def test_large_samples_have_the_normal_interval():
    values = np.random.default_rng(0).standard_normal(5000)
    found = bootstrap_mean(values, seed=0, level=0.9, resamples=4000)
    half = norm.ppf(0.95) * values.std() / np.sqrt(5000)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


def test_coverage():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(400):
        found = bootstrap_mean(rng.standard_normal(60), seed=seed, resamples=600)
        covered += found.low <= 0 <= found.high
    assert 0.91 < covered / 400 < 0.98


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    values = draw(40)
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert bootstrap_mean(values, seed=3) != bootstrap_mean(values, seed=4)


@settings(deadline=None, max_examples=50)
@given(FLOATS, st.integers(0, 9))
def test_interval_holds_the_mean_within_the_range(values, seed):
    found = bootstrap_mean(np.array(values), seed=seed, resamples=200)
    slack = 1e-9 * (1 + np.abs(values).max())
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack


def test_equal_values_have_an_interval_of_no_width():
    found = bootstrap_mean(np.ones(12), seed=0)
    assert found.low == found.mean == found.high == 1
    one = bootstrap_mean(np.array([2.5]), seed=0)
    assert one.low == one.high == 2.5


def test_pairs_stay_together():
    # Every pair differs by one, however much the pairs themselves do.
    values = 100 * draw(50)
    found = bootstrap_difference(values + 1, values, seed=0)
    assert (found.mean, found.low, found.high) == pytest.approx((1, 1, 1), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 40), st.integers(0, 9))
def test_difference_turns_its_sign_with_the_order(count, seed):
    a, b = draw(count, seed), draw(count, seed + 1)
    one = bootstrap_difference(a, b, seed=seed, resamples=300)
    other = bootstrap_difference(b, a, seed=seed, resamples=300)
    expected = (-other.mean, -other.high, -other.low)
    assert (one.mean, one.low, one.high) == pytest.approx(expected)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [[1.0, 2.0]], [np.inf]])
def test_values_without_a_mean_are_refused(values):
    with pytest.raises(DataError, match="a bootstrap needs shape"):
        bootstrap_mean(np.array(values), seed=0)


def test_differences_of_other_shapes_are_refused():
    with pytest.raises(DataError, match="pairs need as many"):
        bootstrap_difference(np.ones(3), np.ones(4), seed=0)


# --- The table ---


def make_table(model="digit0", pairs=20, paths=("w1", "line"), seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (model, kind, 2 * pair + (kind == "far"), path, *rng.exponential(size=2))
        for path in paths
        for pair in range(pairs)
        for kind in ("random", "far")
    ]
    return pd.DataFrame(rows, columns=["model", "kind", "pair", "path", "share", "worst"])


def row_of(summary, **cells):
    for column, cell in cells.items():
        summary = summary[summary[column] == cell]
    assert len(summary) == 1
    return summary.iloc[0]


def test_rows_are_means_and_paired_differences():
    table = make_table()
    shuffled = table.sample(frac=1, random_state=0)
    summary = compare_paths(shuffled, ["line"], seed=0, resamples=500)
    assert list(summary) == [
        *("model", "kind", "path", "measure", "pairs", "mean", "mean_low", "mean_high"),
        *("difference", "difference_low", "difference_high", "reference"),
    ]
    assert len(summary) == 2 * 2 * 2
    far = table[table["kind"] == "far"].set_index(["path", "pair"])["worst"]
    found = row_of(summary, kind="far", path="w1", measure="worst")
    mean = bootstrap_mean(far["w1"], seed=0, resamples=500)
    difference = bootstrap_difference(far["w1"], far["line"], seed=0, resamples=500)
    assert found["pairs"] == 20
    assert tuple(found[["mean", "mean_low", "mean_high"]]) == pytest.approx(
        (mean.mean, mean.low, mean.high)
    )
    assert tuple(found[["difference", "difference_low", "difference_high"]]) == pytest.approx(
        (difference.mean, difference.low, difference.high)
    )
    itself = row_of(summary, kind="far", path="line", measure="worst")
    assert itself[["difference", "difference_low", "difference_high"]].isna().all()
    assert itself["mean"] == pytest.approx(far["line"].mean())


def test_each_reference_has_a_row():
    summary = compare_paths(make_table(), ["line", "w1"], seed=0, resamples=100)
    one = row_of(summary, kind="far", path="w1", measure="share", reference="line")
    other = row_of(summary, kind="far", path="line", measure="share", reference="w1")
    assert one["difference"] == pytest.approx(-other["difference"])


def test_models_are_pooled_under_a_name():
    first, second = make_table("digit0"), make_table("digit1", pairs=10, seed=1)
    second["worst"] += 50
    table = pd.concat([first, second])
    apart = compare_paths(table, ["line"], seed=0, resamples=300)
    assert list(apart["model"].unique()) == ["digit0", "digit1"]
    pooled = compare_paths(table, ["line"], seed=0, pooled_as="all planes", resamples=300)
    found = row_of(pooled, kind="far", path="w1", measure="worst")
    assert (found["model"], found["pairs"]) == ("all planes", 30)
    chosen = table[(table["kind"] == "far") & (table["path"] == "w1")]
    assert found["mean"] == pytest.approx(chosen["worst"].mean())
    # Resampled within each model: 50 between the models does not widen the interval.
    assert found["mean_high"] - found["mean_low"] < 2


def test_a_path_of_fewer_pairs_is_compared_on_those_it_shares():
    table = make_table(paths=("w1", "few", "line"))
    few = (table["path"] == "few") & (table["pair"] >= 14)
    line = (table["path"] == "line") & (table["pair"] < 4)
    summary = compare_paths(table[~few & ~line], ["line"], seed=0, resamples=400)
    whole = compare_paths(table, ["line"], seed=0, resamples=400)
    cells = {"kind": "far", "path": "few", "measure": "worst"}
    found = row_of(summary, **cells)
    assert found["pairs"] == 7
    both = table[(table["kind"] == "far") & table["pair"].between(4, 13)]
    worst = both.pivot(index="pair", columns="path", values="worst")
    expected = bootstrap_difference(worst["few"], worst["line"], seed=0, resamples=400)
    assert found["difference"] == expected.mean
    assert (found["difference_low"], found["difference_high"]) == (expected.low, expected.high)
    means = table[(table["kind"] == "far") & (table["path"] == "few") & (table["pair"] < 14)]
    assert found["mean"] == pytest.approx(means["worst"].mean())
    # Nothing changes for a path that has all.
    cells["path"] = "w1"
    assert row_of(summary, **cells)["mean_low"] == row_of(whole, **cells)["mean_low"]


def test_a_measure_without_values_is_left_out():
    table = make_table()
    table.loc[table["path"] == "w1", "worst"] = np.nan
    summary = compare_paths(table, ["w1"], seed=0, resamples=100)
    assert set(summary[summary["path"] == "w1"]["measure"]) == {"share"}
    alone = row_of(summary, kind="far", path="line", measure="worst")
    assert np.isfinite(alone["mean"])
    assert np.isnan(alone["difference"])


def test_tables_that_do_not_fit_are_refused():
    table = make_table()
    with pytest.raises(DataError, match="lacks path"):
        compare_paths(table.drop(columns="path"), ["line"], seed=0)
    with pytest.raises(DataError, match="no path 'straight' among the random pairs of digit0"):
        compare_paths(table, ["straight"], seed=0)
    with pytest.raises(DataError, match="expected each pair once"):
        compare_paths(pd.concat([table, table.iloc[:1]]), ["line"], seed=0)
    broken = table.copy()
    broken.loc[0, "share"] = np.nan
    with pytest.raises(DataError, match="all finite"):
        compare_paths(broken, ["line"], seed=0)
