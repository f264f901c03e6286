"""A path is better only where it is better in every measure at once."""

import numpy as np
import pandas as pd
import pytest

from latent_transport.evidence.claims.frontiers import ADVANTAGES, compare_jointly
from latent_transport.evidence.claims.intervals import bootstrap_mean
from latent_transport.storage import DataError

MEASURES = ["confidence", "log_likelihood", "length_ratio", "retreat"]
HIGHER = {"confidence": 1, "log_likelihood": 1, "length_ratio": -1, "retreat": -1}
COUNT = 200


def make_table(gains, seed=0):
    """Paths whose differences to the line are normal, with these means, by path and measure."""
    rng = np.random.default_rng(seed)
    line = pd.DataFrame(rng.normal(size=(COUNT, len(MEASURES))), columns=MEASURES)
    parts = [line.assign(path="line")]
    for path, means in gains.items():
        part = line.copy()
        for measure in MEASURES:
            part[measure] += HIGHER[measure] * rng.normal(means.get(measure, 1.0), size=COUNT)
        parts.append(part.assign(path=path))
    table = pd.concat([part.assign(pair=range(COUNT)) for part in parts])
    return table.sample(frac=1, random_state=1).assign(model="all", kind="random")


def find(table, path, measure="advantage_by_length"):
    rows = table[(table["path"] == path) & (table["measure"] == measure)]
    return rows[["mean", "mean_low", "mean_high"]].iloc[0].to_numpy(float)


def test_the_measure_in_which_a_path_is_worst_counts():
    table = make_table({"good": {}, "long": {"length_ratio": -0.5}, "back": {"retreat": -2.0}})
    found = compare_jointly(table, "line", seed=0, resamples=500)
    assert set(found["measure"]) == set(ADVANTAGES)
    np.testing.assert_allclose(find(found, "long")[0], -0.5, atol=0.2)
    np.testing.assert_allclose(find(found, "back", "advantage_by_retreat")[0], -2.0, atol=0.4)
    good, back = find(found, "good"), find(found, "back")
    assert 0 < good[1] < good[0] < 1.2
    assert back[1] > 0  # by length alone
    assert "line" not in set(found["path"])


def test_one_clear_measure_has_the_interval_of_its_mean():
    table = make_table({"long": {"length_ratio": -3.0, "retreat": 9.0}})
    wide = table.pivot(index="pair", columns="path", values="length_ratio")
    difference = wide["line"] - wide["long"]
    expected = bootstrap_mean((difference / difference.std()).to_numpy(), seed=4)
    found = find(compare_jointly(table, "line", seed=3), "long")
    np.testing.assert_allclose(found[0], expected.mean)
    np.testing.assert_allclose(found[1:], [expected.low, expected.high], atol=0.02)


def test_the_best_path_answers_for_all_that_were_tried():
    gains = {f"path{number}": dict.fromkeys(MEASURES, 0.0) for number in range(8)}
    found = compare_jointly(make_table(gains | {"good": {}}), "line", seed=0)
    best, good = find(found, "best"), find(found, "good")
    assert best[0] == good[0]
    assert 0 < best[1] < good[1]
    assert best[2] > good[2]
    assert found["path"].iloc[-1] == "best"


def test_a_path_without_a_measure_is_left_out():
    table = make_table({"good": {}, "fade": {}})
    table.loc[table["path"] == "fade", "retreat"] = np.nan
    found = compare_jointly(table, "line", seed=0, resamples=50)
    assert set(found.loc[found["measure"] == "advantage_by_retreat", "path"]) == {"good", "best"}
    assert "fade" in set(found.loc[found["measure"] == "advantage_by_length", "path"])


def test_what_cannot_be_compared_is_refused():
    table = make_table({"good": {}})
    with pytest.raises(DataError, match="no path 'chord' among"):
        compare_jointly(table, "chord", seed=0)
    with pytest.raises(DataError, match="1 pair to compare"):
        compare_jointly(table[table["pair"] == 0], "line", seed=0)
