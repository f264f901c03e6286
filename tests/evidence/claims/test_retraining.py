"""Intervals over trained models of how stable distances are."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from latent_transport.evidence.claims.retraining import compare_stability, jackknife
from latent_transport.evidence.measures.stability import intraclass_correlation
from latent_transport.storage import DataError

SEEDS, PAIRS = 8, 100


@pytest.mark.parametrize("count", [3, 8, 40])
def test_the_jackknife_of_a_mean_is_students_interval(count):
    values = np.random.default_rng(0).exponential(size=count)
    found = jackknife(values, np.mean)
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.mean, found.low, found.high) == pytest.approx(
        (values.mean(), expected.low, expected.high)
    )


def test_two_models_have_no_interval():
    with pytest.raises(DataError, match=r"2 models; .* needs at least 3"):
        jackknife(np.ones((2, 5)), np.mean)


def make_tables(noise, *, seeds=SEEDS, spread=2.0):
    """Distances around 10 of each pair, which vary between pairs, and by noise between models."""
    rng = np.random.default_rng(0)
    pairs = {"pair": range(PAIRS), "index0": range(PAIRS), "index1": range(PAIRS, 2 * PAIRS)}
    truth = {name: 10 + spread * rng.uniform(-1, 1, PAIRS) for name in noise}
    return [
        pd.DataFrame(
            pairs | {name: truth[name] + noise[name] * rng.standard_normal(PAIRS) for name in noise}
        )
        for _ in range(seeds)
    ]


def test_differences_are_taken_model_by_model():
    tables = make_tables({"latent": 1.0, "wasserstein1": 0.2})
    rows = pd.DataFrame(compare_stability(tables, ["latent", "wasserstein1"]))
    assert (rows["models"] == SEEDS).all()
    assert (rows["pairs"] == PAIRS).all()
    row = rows.set_index(["path", "measure", "reference"]).loc[
        ("wasserstein1", "coefficient", "latent")
    ]
    assert row["mean"] == pytest.approx(0.02, rel=0.2)
    assert row["mean_low"] < row["mean"] < row["mean_high"]
    assert row["difference"] == pytest.approx(-0.08, rel=0.2)
    assert row["difference_high"] < 0
    itself = rows[rows["path"] == rows["reference"]]
    assert itself["difference"].isna().all()


def test_a_distance_that_barely_varies_between_pairs_agrees_little():
    # Equal coefficients of variation, unequal information.
    tables = make_tables({"latent": 0.2, "wasserstein1": 0.2})
    flat = make_tables({"latent": 0.2, "wasserstein1": 0.2}, spread=0.05)
    tables = [one.assign(latent=other["latent"]) for one, other in zip(tables, flat, strict=True)]
    rows = pd.DataFrame(compare_stability(tables, ["latent"]))
    mean = rows.set_index(["measure", "path"])["mean"]
    assert mean["coefficient", "latent"] == pytest.approx(
        mean["coefficient", "wasserstein1"], rel=0.15
    )
    assert mean["agreement", "wasserstein1"] > 0.95
    assert mean["agreement", "latent"] < 0.2


def test_a_distance_without_a_model_agrees_with_itself():
    tables = make_tables({"wasserstein1": 0.3, "pixels": 0.0})
    rows = pd.DataFrame(compare_stability(tables, ["wasserstein1"]))
    pixels = rows[rows["path"] == "pixels"].set_index("measure")
    assert pixels.loc["agreement", "mean"] == pytest.approx(1)
    assert pixels.loc["coefficient", ["mean", "mean_low", "mean_high"]].tolist() == pytest.approx(
        [0, 0, 0], abs=1e-12
    )


def test_the_correlation_is_that_of_shrout_and_fleiss():
    # Their Table 2: six targets, four judges. ICC(2, 1) is .29.
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    )
    assert intraclass_correlation(ratings.T.astype(float)) == pytest.approx(0.2898, abs=1e-4)


def test_the_correlation_is_the_share_of_variance_between_pairs():
    rng = np.random.default_rng(0)
    pairs, models = 4000, 60
    distances = (
        2 * rng.standard_normal(pairs)
        + 0.5 * rng.standard_normal((models, 1))
        + 1.5 * rng.standard_normal((models, pairs))
    )
    shifts = 0.5**2
    assert intraclass_correlation(distances) == pytest.approx(4 / (4 + shifts + 1.5**2), rel=0.03)
