"""Verdicts on claims."""

import numpy as np
import pandas as pd
import pytest

from latent_transport.evidence.claims.statements import CLAIMS
from latent_transport.evidence.claims.verdicts import judge_claims
from latent_transport.evidence.keys import BEST
from latent_transport.evidence.vocabulary import PARTS, PATHS, PLAUSIBILITY
from latent_transport.storage import DataError

MEASURES = {
    "containment": ("share_inside", 0.95),
    "plausibility": ("confidence", 0.0),
    "frontier": ("advantage_by_length", 0.0),
    "separation": ("excess_wasserstein1", 0.01),
    "sequences": ("error", 0.0),
    "stability": ("coefficient", 0.0),
    "neighbours": ("accuracy", 0.0),
}
DECLARED = {
    name: {"measure": measure, "pairs": "far", "threshold": threshold}
    for name, claim in CLAIMS.items()
    for measure, threshold in [MEASURES[claim.part]]
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


def judge(declared=DECLARED, **rows):
    return judge_claims({name: pd.DataFrame(part) for name, part in rows.items()}, declared)


def verdict_of(claim, **rows):
    verdicts, _ = judge(**rows)
    (verdict,) = verdicts.loc[verdicts["claim"] == claim, "verdict"]
    return verdict


def inside(mean, path="wasserstein1", **options):
    return make_row(path, "share_inside", mean, reference="line", difference=0.0, **options)


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [
        (0.99, "supported"),
        (0.9515, "supported"),
        (0.9505, "undecided"),  # the whole interval decides
        (0.9495, "undecided"),
        (0.9485, "refuted"),
        (0.1, "refuted"),
    ],
)
def test_the_whole_interval_decides(mean, verdict):
    assert verdict_of("inside", containment=[inside(mean)]) == verdict
    assert verdict_of("active", containment=[inside(mean, "active")]) == verdict
    assert verdict_of("uncertain", containment=[inside(mean, "uncertain")]) == verdict


def test_an_interval_of_no_width_at_the_threshold_decides_nothing():
    assert verdict_of("inside", containment=[inside(0.95, width=0.0)]) == "undecided"
    assert verdict_of("inside", containment=[inside(1.0, width=0.0)]) == "supported"


def test_the_declared_kind_of_pairs_decides_alone():
    rows = [inside(0.99), inside(0.5, kind="random")]
    verdicts, tests = judge(containment=rows)
    assert verdicts["verdict"].tolist() == ["supported"]
    assert verdicts[["tests", "supported", "refuted"]].to_numpy().tolist() == [[2, 1, 1]]
    assert tests[["kind", "verdict", "primary"]].to_numpy().tolist() == [
        ["far", "supported", True],
        ["random", "refuted", False],
    ]
    random = {**DECLARED, "inside": {**DECLARED["inside"], "pairs": "random"}}
    assert judge(random, containment=rows)[0]["verdict"].tolist() == ["refuted"]
    assert judge(random, containment=rows[:1])[0].empty


def test_planes_are_judged_together_where_they_are_pooled():
    single = [inside(0.5, model=f"digit{digit}") for digit in (0, 1)]
    verdicts, _ = judge(containment=single)
    assert verdicts["model"].tolist() == ["digit0", "digit1"]
    verdicts, _ = judge(containment=[*single, inside(0.99, model="all planes")])
    assert verdicts[["model", "verdict"]].to_numpy().tolist() == [["all planes", "supported"]]


def test_claims_of_the_main_model_are_judged_of_replicates_by_the_same_measure():
    replicates = [inside(0.5, model="narrow"), inside(0.99, model="replicates")]
    line = make_row("wasserstein1", "confidence", 0.5, reference="line", difference=-0.1)
    replicates.append({**line, "model": "conv"})
    verdicts, _ = judge(containment=[inside(0.99)], replicates=replicates)
    assert verdicts[["claim", "model", "verdict"]].to_numpy().tolist() == [
        ["inside", "all", "supported"],
        ["inside", "narrow", "refuted"],
        ["inside", "replicates", "supported"],
        ["line", "conv", "refuted"],
    ]


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
    assert verdicts["verdict"].tolist() == ["supported"]
    assert verdicts["claim"].tolist() == ["line"]
    np.testing.assert_allclose(tests["value"], 0.1)
    np.testing.assert_allclose(tests["low"], 0.099)
    assert (tests["low"] <= tests["high"]).all()


def test_a_difference_whose_interval_has_zero_decides_nothing():
    assert verdict_of("line", plausibility=images("wasserstein1", "line", 0.0005)) == "undecided"


def test_a_comparison_is_found_the_other_way_round():
    rows = images("interpolation", "wasserstein1", -0.1)
    assert verdict_of("images", plausibility=rows) == "supported"
    rows = images("interpolation", "wasserstein1", 0.1)
    assert verdict_of("images", plausibility=rows) == "refuted"
    rows = images("wasserstein1", "fade", 0.1)
    assert verdict_of("reconstructions", plausibility=rows) == "supported"


def test_no_other_measure_changes_a_verdict():
    rows = images("wasserstein1", "line", -0.1)
    rows[list(PLAUSIBILITY).index("confidence")] = images("wasserstein1", "line", 0.1)[0]
    verdicts, tests = judge(plausibility=rows)
    assert verdicts["verdict"].tolist() == ["supported"]
    count = len(PLAUSIBILITY)
    assert verdicts[["tests", "supported", "refuted"]].to_numpy().tolist() == [
        [count, 1, count - 1]
    ]
    assert tests.loc[tests["primary"], "measure"].tolist() == ["confidence"]


def test_the_threshold_is_that_of_the_measure_which_decides():
    declared = {**DECLARED, "line": {**DECLARED["line"], "threshold": 0.2}}
    verdicts, tests = judge(declared, plausibility=images("wasserstein1", "line", 0.1))
    assert verdicts["verdict"].tolist() == ["refuted"]
    assert tests.set_index("measure")["threshold"].to_dict() == {
        name: 0.2 if name == "confidence" else 0.0 for name in PLAUSIBILITY
    }


def test_every_further_geometry_is_compared_with_the_line_and_no_control():
    rows = images("density", "line", 0.1) + images("euclidean", "line", -0.1)
    rows += images("fade", "line", 0.1) + images("prior", "line", 0.1)
    verdicts, _ = judge(plausibility=rows)
    assert verdicts[["claim", "path", "verdict"]].to_numpy().tolist() == [
        ["geometries", "density", "supported"],
        ["geometries", "euclidean", "refuted"],
    ]


def test_what_decides_is_shown():
    verdicts, _ = judge(plausibility=images("wasserstein1", "line", -0.02))
    row = verdicts.iloc[0]
    assert row[["by", "of", "against"]].tolist() == ["confidence", "far", "line"]
    assert row[["value", "low", "high", "threshold"]].tolist() == pytest.approx(
        [-0.02, -0.021, -0.019, 0]
    )
    assert "straight latent line" in row["statement"]


def test_separation_stability_and_neighbours():
    separation = [
        make_row("wasserstein1", measure, value)
        for measure, value in (("separation", 0.06), ("excess_wasserstein1", 0.005))
    ]
    assert verdict_of("separation", separation=separation) == "refuted"
    stability = [make_row("wasserstein1", "coefficient", 0.05, reference="latent", difference=-0.1)]
    assert verdict_of("stability", stability=stability) == "supported"
    rows = [
        make_row("euclidean", "coefficient", 0.05, reference="wasserstein1", difference=difference)
        for difference in (0.0, 0.1)
    ]
    assert verdict_of("transport", stability=rows[:1]) == "undecided"
    assert verdict_of("transport", stability=rows[1:]) == "supported"
    neighbours = [
        make_row("wasserstein1", "accuracy", 0.9, reference="latent", difference=0.1),
        make_row("wasserstein1", "purity", 0.9, reference="latent", difference=-0.1),
    ]
    assert verdict_of("neighbours", neighbours=neighbours) == "supported"


def test_without_evidence_there_is_no_verdict():
    verdicts, tests = judge_claims({}, DECLARED)
    assert len(verdicts) == len(tests) == 0
    assert "verdict" in verdicts
    assert "verdict" in tests


def test_what_is_missing_is_named():
    some = {name: part for name, part in DECLARED.items() if name != "line"}
    with pytest.raises(DataError, match="of the claim line there is no measure, pairs, threshold"):
        judge(some)
    with pytest.raises(
        DataError, match="inside cannot be judged by confidence; expected one of sh"
    ):
        judge({**DECLARED, "inside": {**DECLARED["line"]}})
    with pytest.raises(DataError, match="containment lacks the columns measure"):
        judge(containment=[{"path": "line"}])


def test_claims_are_of_parts_and_paths_that_there_are():
    for claim in CLAIMS.values():
        assert PARTS[claim.part].judged
        assert claim.path is None or claim.path in {*PATHS, BEST}
        assert claim.measures
    parts = {claim.part for claim in CLAIMS.values()}
    if any(claim.replicated for claim in CLAIMS.values()):
        parts.add("replicates")
    assert parts == {name for name, part in PARTS.items() if part.judged}
