"""Intervals over models and their pairs, and the table of replicates."""

import numpy as np
import pandas as pd
import pytest

from latent_transport.evidence.claims.replicates import bootstrap_nested, compare_replicates
from latent_transport.storage import DataError, load_table, save_table
from workflow.scripts import compare_replicates as script


def draw_nested(models, pairs, *, between, within, seed=0, groups=()):
    """Values of a nested normal model: those of a model's pairs share its own mean."""
    rng = np.random.default_rng(seed)
    means = between * rng.standard_normal((*groups, models, 1))
    return means + within * rng.standard_normal((*groups, models, pairs))


def find_error(interval):
    """Standard error that a 95 % interval of a normal mean has."""
    return (interval.high - interval.low) / (2 * 1.959964)


@pytest.mark.parametrize(("between", "within"), [(1.0, 0.0), (1.0, 1.0), (0.2, 2.0)])
def test_width_is_that_of_the_mean_of_a_nested_normal_model(between, within):
    models, pairs = 150, 20
    values = draw_nested(models, pairs, between=between, within=within)
    expected = np.sqrt(between**2 / models + 2 * within**2 / (models * pairs))
    assert find_error(bootstrap_nested(values, seed=1, resamples=4000)) == pytest.approx(
        expected, rel=0.08
    )


@pytest.mark.parametrize(("models", "pairs"), [(4, 9), (6, 5)])
def test_variance_over_resamples_has_its_closed_form(models, pairs):
    # Of many like groups, so that the mean of few models is normal, too.
    groups = 30
    values = draw_nested(models, pairs, between=0.7, within=1.3, groups=(groups,))
    inner = values.var(-1).mean() / pairs
    outer = values.mean(-1).var(-1).mean()
    expected = np.sqrt((inner + outer) / (models - 1) / groups)
    assert find_error(bootstrap_nested(values, seed=2)) == pytest.approx(expected, rel=0.03)


def test_intervals_of_few_models_hold_the_variance_of_their_mean():
    # Three models: a bootstrap that draws three has two thirds of the variance.
    errors = [
        find_error(
            bootstrap_nested(draw_nested(3, 1, between=1, within=0, groups=(40,), seed=s), seed=s)
        )
        for s in range(20)
    ]
    assert np.mean(np.square(errors)) == pytest.approx(1 / 3 / 40, rel=0.1)


def test_many_pairs_of_one_model_are_no_many_models():
    values = draw_nested(3, 200, between=1, within=0.01)
    found = bootstrap_nested(values, seed=0)
    assert found.high - found.low > np.ptp(values.mean(-1)) / 2


def test_one_model_has_an_interval_over_its_pairs():
    values = draw_nested(1, 400, between=0, within=1)
    assert find_error(bootstrap_nested(values, seed=0)) == pytest.approx(1 / 20, rel=0.1)


def test_the_same_seed_gives_the_same_resamples():
    values = draw_nested(3, 4, between=1, within=1)
    assert bootstrap_nested(values, seed=3) == bootstrap_nested(values, seed=3)
    assert bootstrap_nested(values, seed=3) != bootstrap_nested(values, seed=4)
    shifted = bootstrap_nested(2 * values + 1, seed=3)
    assert shifted.low == pytest.approx(2 * bootstrap_nested(values, seed=3).low + 1)


@pytest.mark.parametrize("values", [np.ones(3), np.ones((0, 3)), np.array([[1.0, np.nan]])])
def test_values_without_a_mean_are_refused(values):
    with pytest.raises(DataError, match="needs shape"):
        bootstrap_nested(values, seed=0)


# --- The table ---

PATHS = ("wasserstein1", "line", "fade", "interpolation")
FADES = ("fade", "interpolation")


def make_table(architectures=("plain", "conv"), seeds=3, pairs=4):
    rng = np.random.default_rng(0)
    rows = [
        {
            "architecture": architecture,
            "model": f"{architecture}-seed{seed + 1}",
            "kind": kind,
            "pair": pair + pairs * (kind == "far"),
            "path": path,
            "share_inside": np.nan if path in FADES else rng.uniform(),
            "confidence": rng.uniform(),
        }
        for architecture in architectures
        for seed in range(seeds)
        for path in PATHS
        for kind in ("random", "far")
        for pair in range(pairs)
    ]
    return pd.DataFrame(rows)


def test_rows_are_of_each_architecture_and_of_all():
    table = make_table()
    summary = compare_replicates(
        table.sample(frac=1, random_state=0), ["line", "fade"], seed=0, resamples=200
    )
    assert set(summary["model"]) == {"plain", "conv", "replicates"}
    rows = summary.set_index(["model", "kind", "path", "measure", "reference"]).sort_index()
    found = rows.loc[("conv", "far", "wasserstein1", "confidence", "fade")]
    part = table[(table["architecture"] == "conv") & (table["kind"] == "far")]
    wide = part.pivot(index=["model", "pair"], columns="path", values="confidence")
    assert found["mean"] == pytest.approx(wide["wasserstein1"].mean())
    assert found["difference"] == pytest.approx((wide["wasserstein1"] - wide["fade"]).mean())
    cube = (wide["wasserstein1"] - wide["fade"]).sort_index().to_numpy().reshape(3, 4)
    expected = bootstrap_nested(cube, seed=0, resamples=200)
    assert (found["difference_low"], found["difference_high"]) == pytest.approx(
        (expected.low, expected.high)
    )
    assert tuple(found[["models", "pairs"]]) == (3, 4)
    everything = rows.loc[("replicates", "far", "line", "share_inside", "line")]
    assert everything["models"] == 6
    assert np.isnan(everything["difference"])
    lines = table[(table["kind"] == "far") & (table["path"] == "line")]
    assert everything["mean"] == pytest.approx(lines["share_inside"].mean())


def test_a_measure_is_left_out_where_a_path_has_none():
    summary = compare_replicates(make_table(), ["fade"], seed=0, resamples=50)
    shares = summary[summary["measure"] == "share_inside"]
    assert set(shares["path"]) == {"wasserstein1", "line"}
    assert shares["difference"].isna().all()


def test_tables_that_do_not_fit_are_refused():
    table = make_table()
    with pytest.raises(DataError, match="lacks architecture"):
        compare_replicates(table.drop(columns="architecture"), ["line"], seed=0)
    with pytest.raises(DataError, match="no path 'straight' among wasserstein1, line"):
        compare_replicates(table, ["straight"], seed=0)
    with pytest.raises(DataError, match="expected each once"):
        compare_replicates(table.iloc[1:], ["line"], seed=0)
    with pytest.raises(DataError, match="expected each once"):
        compare_replicates(pd.concat([table.iloc[:1], table]), ["line"], seed=0)
    with pytest.raises(DataError, match="expected each once"):
        compare_replicates(table[table["model"] != "conv-seed1"], ["line"], seed=0)


def test_script_joins_what_was_measured_of_each_model(tmp_path):
    table = make_table().assign(log_likelihood=-2.0, nearest_distance=1.0, seed=1)
    parts = {
        "containment": table[~table["path"].isin(FADES)][
            ["model", "kind", "pair", "path", "share_inside"]
        ],
        "plausibility": table.drop(columns=["architecture", "share_inside"]),
        "evaluations": table[["model"]]
        .drop_duplicates()
        .assign(latent_dim=30, active_dims=range(6), bits_per_dim=1.5),
    }
    arguments = []
    for name, part in parts.items():
        arguments.append(f"--{name}")
        for model, rows in part.groupby("model", sort=False):
            arguments.append(str(tmp_path / f"{name}-{model}.csv"))
            save_table(rows, arguments[-1])
    out, summary = str(tmp_path / "out.csv"), str(tmp_path / "summary.csv")
    script.main([*arguments, "--seed", "0", "--output", out, "--summary", summary])
    of_models, found = load_table(out), load_table(summary)
    assert set(zip(of_models["architecture"], of_models["seed"], strict=True)) == {
        (name, seed) for name in ("plain", "conv") for seed in (1, 2, 3)
    }
    row = of_models.set_index(["model", "kind", "path", "measure", "reference"]).loc[
        ("conv-seed2", "random", "wasserstein1", "confidence", "line")
    ]
    part = table[(table["model"] == "conv-seed2") & (table["kind"] == "random")]
    wide = part.pivot(index="pair", columns="path", values="confidence")
    assert row["difference"] == pytest.approx((wide["wasserstein1"] - wide["line"]).mean())
    conv = found[found["model"] == "conv"]
    assert set(conv["measure"]) == {
        *("share_inside", "confidence", "log_likelihood", "nearest_distance")
    }
    assert (conv["active_dims"] == 4).all()
    assert found.loc[found["model"] == "replicates", "active_dims"].isna().all()
