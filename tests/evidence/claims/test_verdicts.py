"""Verdicts on claims."""

import numpy as np
import pandas as pd
import pytest

from latent_transport.evidence.claims.verdicts import judge_claims
from latent_transport.evidence.vocabulary import PLAUSIBILITY
from latent_transport.storage import DataError

HALF = -(-len(PLAUSIBILITY) // 2)
THRESHOLDS = {
    "share_inside": 0.95,
    "share_margin": 0.01,
    "separation": 0.05,
    "excess": 0.01,
    "conditions": 0.5,
}


def make_row(
    path, measure, mean, *, reference=None, difference=np.nan, model="all", kind="far", width=0.001
):
    row = {"model": model, "kind": kind, "path": path, "measure": measure, "pairs": 10}
    row |= {"mean": mean, "mean_low": mean - width, "mean_high": mean + width}
    row |= {"difference": difference, "reference": reference}
    return row | {
        "difference_low": difference - width,
        "difference_high": difference + width,
    }


def judge(thresholds=THRESHOLDS, **rows):
    return judge_claims({name: pd.DataFrame(part) for name, part in rows.items()}, thresholds)


def verdict_of(claim, **rows):
    verdicts, _ = judge(**rows)
    (verdict,) = verdicts.loc[verdicts["claim"] == claim, "verdict"]
    return verdict


def inside(mean, difference, path="wasserstein1", reference="line", **options):
    return make_row(
        path, "share_inside", mean, reference=reference, difference=difference, **options
    )


@pytest.mark.parametrize(
    ("mean", "difference", "verdict"),
    [
        (0.99, 0.0, "holds"),
        (0.99, -0.008, "holds"),  # within the margin
        (0.99, -0.02, "holds with conditions"),
        (0.9505, 0.0, "holds with conditions"),  # the lower bound decides
        (0.92, -0.04, "does not hold"),
    ],
)
def test_geodesics_lie_inside(mean, difference, verdict):
    assert verdict_of("1", containment=[inside(mean, difference)]) == verdict


def test_planes_are_judged_together_where_they_are_pooled():
    single = [inside(0.5, -0.5, model=f"digit{digit}") for digit in (0, 1)]
    verdicts, _ = judge(containment=single)
    assert verdicts["model"].tolist() == ["digit0", "digit1"]
    verdicts, _ = judge(containment=[*single, inside(0.99, 0.0, model="all planes")])
    assert verdicts[["model", "verdict"]].to_numpy().tolist() == [["all planes", "holds"]]


def images(path, reference, advantages):
    return [
        make_row(
            path,
            measure,
            1.0,
            reference=reference,
            difference=advantages * words.sign,
        )
        for measure, words in PLAUSIBILITY.items()
    ]


def test_each_measure_counts_in_its_own_direction():
    verdicts, tests = judge(plausibility=images("wasserstein1", "line", 0.1))
    assert verdicts["verdict"].tolist() == ["holds"]
    assert verdicts["claim"].tolist() == ["2b"]
    np.testing.assert_allclose(tests["value"], 0.1)
    np.testing.assert_allclose(tests["low"], 0.099)
    assert (tests["low"] <= tests["high"]).all()


def test_a_difference_whose_interval_has_zero_is_no_advantage():
    assert verdict_of("2b", plausibility=images("wasserstein1", "line", 0.0005)) == "does not hold"


def test_a_comparison_is_found_the_other_way_round():
    rows = images("interpolation", "wasserstein1", -0.1)
    assert verdict_of("2a", plausibility=rows) == "holds"
    rows = images("interpolation", "wasserstein1", 0.1)
    assert verdict_of("2a", plausibility=rows) == "does not hold"


@pytest.mark.parametrize(
    ("passed", "verdict"),
    [
        (len(PLAUSIBILITY), "holds"),
        (HALF, "holds with conditions"),
        (HALF - 1, "does not hold"),
        (0, "does not hold"),
    ],
)
def test_conditions_need_a_share_of_the_tests(passed, verdict):
    rows = images("wasserstein1", "line", 0.1)[:passed]
    rows += images("wasserstein1", "line", -0.1)[passed:]
    verdicts, tests = judge(plausibility=rows)
    assert verdicts["verdict"].tolist() == [verdict]
    assert verdicts["passed"].tolist() == [passed]
    assert verdicts["tests"].tolist() == [len(PLAUSIBILITY)]
    assert tests["holds"].sum() == passed
    listed = verdicts["conditions"].iloc[0]
    assert (listed.count("vs line") == passed) == (
        verdict == "holds with conditions" or passed == 0
    )


def test_no_test_passed_is_no_condition_whatever_the_share():
    rows = {"plausibility": images("wasserstein1", "line", -0.1)}
    verdicts, _ = judge({**THRESHOLDS, "conditions": 0.0}, **rows)
    assert verdicts["verdict"].tolist() == ["does not hold"]


def test_every_further_geometry_is_compared_with_the_line():
    rows = images("density", "line", 0.1) + images("euclidean", "line", -0.1)
    verdicts, _ = judge(plausibility=rows)
    assert verdicts[["claim", "path", "verdict"]].to_numpy().tolist() == [
        ["4b", "density", "holds"],
        ["4b", "euclidean", "does not hold"],
    ]


def test_the_least_convincing_test_is_shown():
    rows = [inside(0.99, 0.0, kind="random"), inside(0.99, -0.02)]
    verdicts, _ = judge(containment=rows)
    row = verdicts.iloc[0]
    assert row["weakest"] == "far share inside vs line"
    assert row[["value", "low", "high", "threshold"]].tolist() == pytest.approx(
        [-0.02, -0.021, -0.019, -0.01]
    )


def test_uncertainty_keeps_far_geodesics_inside():
    rows = [
        inside(0.97, 0.05, path="uncertain", reference="wasserstein1"),
        inside(0.1, -0.9, path="uncertain", reference="wasserstein1", kind="random"),
    ]
    assert verdict_of("4a", containment=rows) == "holds"
    rows[0] = inside(0.97, 0.0, path="uncertain", reference="wasserstein1")
    assert verdict_of("4a", containment=rows) == "holds with conditions"


def test_separation_stability_and_neighbours():
    separation = [
        make_row("wasserstein1", measure, 0.06)
        for measure in ("separation", "excess_wasserstein1", "excess_fisher_rao")
    ]
    assert verdict_of("3a", separation=separation) == "holds"
    stability = [make_row("wasserstein1", "coefficient", 0.05, reference="latent", difference=-0.1)]
    assert verdict_of("5", stability=stability) == "holds"
    neighbours = [
        make_row("wasserstein1", "accuracy", 0.9, reference="latent", difference=0.1),
        make_row("wasserstein1", "purity", 0.9, reference="latent", difference=-0.1),
    ]
    assert verdict_of("6", neighbours=neighbours) == "holds with conditions"


def test_without_evidence_there_is_no_verdict():
    verdicts, tests = judge_claims({}, THRESHOLDS)
    assert len(verdicts) == len(tests) == 0
    assert "verdict" in verdicts


def test_what_is_missing_is_named():
    with pytest.raises(DataError, match="thresholds lack excess"):
        judge({key: value for key, value in THRESHOLDS.items() if key != "excess"})
    with pytest.raises(DataError, match="containment lacks the columns measure"):
        judge(containment=[{"path": "line"}])
