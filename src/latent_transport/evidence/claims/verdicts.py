"""Verdicts on the paper's claims, computed from tables with intervals and stated thresholds.

A claim is a set of tests. A test takes a mean, or a paired difference in the direction that the
claim asserts, and asks whether the lower bound of its 95 % interval reaches a threshold. A claim
*holds* when all of its tests do, *holds with conditions* when at least a stated share of them do,
and *does not hold* otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from latent_transport.evidence.keys import (
    FAR,
    HIGHER,
    INTERPOLATION,
    LATENT,
    LINE,
    OURS,
    PLANES,
    RIVAL,
)
from latent_transport.evidence.vocabulary import (
    CONTAINMENT,
    NEIGHBOURS,
    PLAUSIBILITY,
    STABILITY,
    Measure,
)
from latent_transport.storage import DataError

HOLDS, CONDITIONS, FAILS = "holds", "holds with conditions", "does not hold"

THRESHOLDS = ("share_inside", "share_margin", "separation", "excess", "conditions")


@dataclass(frozen=True)
class Test:
    """One comparison of a claim: whether ``low``, a 95 % bound, reaches the threshold."""

    __test__ = False  # pytest would take it for a test of its own

    claim: str
    statement: str
    model: str
    path: str
    kind: str
    measure: str
    reference: str
    value: float
    low: float
    high: float
    threshold: float
    strict: bool

    @property
    def holds(self) -> bool:
        """Whether the lower bound reaches the threshold, or exceeds it where that is asked."""
        return self.low > self.threshold if self.strict else self.low >= self.threshold

    @property
    def margin(self) -> float:
        """Distance of the lower bound from the threshold, in widths of the interval."""
        return (self.low - self.threshold) / max(self.high - self.low, 1e-12)


def judge_claims(
    tables: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge every claim on which there is evidence.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Summaries by name, any of ``containment, plausibility, separation, stability, neighbours``.
        Columns ``model, kind, path, measure, mean, mean_low, mean_high, reference, difference,
        difference_low, difference_high``: a row for each measure and path, and for each reference
        that the path is compared with, pair by pair. ``path`` may be called ``geometry`` or
        ``distance``; ``model`` and ``kind`` may be missing.
    thresholds : mapping of str to float
        ``share_inside``, least mean share of a curve inside the region of the codes;
        ``share_margin``, by how much that share may fall short of the straight line's;
        ``separation``, least mean separation of two geodesics, relative to that of their ends;
        ``excess``, least mean relative excess length of a curve that is not the geodesic;
        ``conditions``, least share of its tests with which a claim holds with conditions.

    Returns
    -------
    verdicts : DataFrame
        A row a claim, model and path: ``claim, statement, model, path, tests, passed, verdict,
        conditions`` (the tests that hold, if only some do), ``weakest`` (the least convincing
        test), and that test's ``value, low, high, threshold``.
    tests : DataFrame
        A row a test. Differences count in the claim's favour: positive is as claimed.

    Raises
    ------
    DataError
        If a threshold or a column is missing.
    """
    missing = [name for name in THRESHOLDS if name not in thresholds]
    if missing:
        raise DataError(f"thresholds lack {', '.join(missing)}; set the keys evidence.thresholds")
    evidence = Evidence({name: _normalise(table, name) for name, table in tables.items()})
    tests = list(_iterate_tests(evidence, thresholds))
    claims: dict[tuple[str, str, str], list[Test]] = {}
    for test in tests:
        claims.setdefault((test.claim, test.model, test.path), []).append(test)
    verdicts = [_decide(group, thresholds["conditions"]) for group in claims.values()]
    rows = [{**asdict(test), "holds": test.holds} for test in tests]
    columns = [*Test.__dataclass_fields__, "holds"]
    return (
        pd.DataFrame(verdicts, columns=VERDICT_COLUMNS),
        pd.DataFrame(rows, columns=columns).drop(columns=["statement", "strict"]),
    )


VERDICT_COLUMNS = [
    *("claim", "statement", "model", "path", "verdict", "tests", "passed", "conditions"),
    *("weakest", "value", "low", "high", "threshold"),
]


@dataclass(frozen=True)
class Evidence:
    """Summaries by name, and what is looked up in them."""

    tables: Mapping[str, pd.DataFrame]

    def models(self, name: str) -> list[str]:
        """Models of a table, with the planes of single digits taken together where they are."""
        models = list(self._table(name)["model"].unique())
        single = [m for m in models if m.startswith("digit")]
        return [m for m in models if m not in single] if PLANES in models else models

    def kinds(self, name: str) -> list[str]:
        """Kinds of endpoint pairs in a table."""
        return list(self._table(name)["kind"].unique())

    def paths(self, name: str) -> list[str]:
        """Paths between the endpoints in a table."""
        return list(self._table(name)["path"].unique())

    def mean(self, name: str, **row: str) -> tuple[float, float, float] | None:
        """Mean and its interval, or None where nothing was measured."""
        found = self._find(name, **row)
        if found.empty:
            return None
        return tuple(found.iloc[0][["mean", "mean_low", "mean_high"]].astype(float))

    def advantage(
        self, name: str, *, path: str, reference: str, sign: int, **row: str
    ) -> tuple[float, float, float] | None:
        """Difference of a path to its reference and its interval, positive for ``sign``.

        It is also found where the table has the two the other way round.
        """
        for one, other, turn in ((path, reference, sign), (reference, path, -sign)):
            found = self._find(name, path=one, reference=other, **row)
            if not found.empty:
                columns = ["difference", "difference_low", "difference_high"]
                value, low, high = turn * found.iloc[0][columns].astype(float)
                return value, min(low, high), max(low, high)
        return None

    def _table(self, name: str) -> pd.DataFrame:
        empty = pd.DataFrame(columns=["model", "kind", "path", "measure", "reference"])
        return self.tables.get(name, empty)

    def _find(self, name: str, **row: str) -> pd.DataFrame:
        table = self._table(name)
        for column, value in row.items():
            table = table[table[column] == value]
        needed = "difference" if "reference" in row else "mean"
        return table if table.empty else table[table[needed].notna()]


def _normalise(table: pd.DataFrame, name: str) -> pd.DataFrame:
    table = table.rename(columns={"geometry": "path", "distance": "path"})
    table = table.assign(**{column: "" for column in ("model", "kind") if column not in table})
    needed = [
        *("path", "measure", "mean", "mean_low", "mean_high", "reference"),
        *("difference", "difference_low", "difference_high"),
    ]
    missing = [column for column in needed if column not in table]
    if missing:
        raise DataError(f"table {name} lacks the columns {', '.join(missing)}")
    return table


def _iterate_tests(evidence: Evidence, thresholds: Mapping[str, float]) -> Iterator[Test]:
    yield from _test_containment(evidence, thresholds)
    yield from _compare_images(
        evidence,
        "2a",
        "Images on W1 geodesics are more plausible than linear interpolations of the images",
        OURS,
        INTERPOLATION,
    )
    yield from _compare_images(
        evidence,
        "2b",
        "Images on W1 geodesics are more plausible than images on the straight latent line",
        OURS,
        LINE,
    )
    yield from _test_separation(evidence, thresholds)
    yield from _compare_images(
        evidence,
        "3b",
        "Images on W1 geodesics are more plausible than images on Fisher-Rao geodesics",
        OURS,
        RIVAL,
    )
    yield from _test_uncertainty(evidence, thresholds)
    for path in evidence.paths("plausibility"):
        if path not in (OURS, LINE, INTERPOLATION):
            yield from _compare_images(
                evidence,
                "4b",
                "Images on this geometry's geodesics are more plausible than images on the "
                "straight latent line",
                path,
                LINE,
            )
    for claim, statement, name, measures in (
        (
            "5",
            "W1 distances vary less across retraining than Euclidean latent distances",
            "stability",
            STABILITY,
        ),
        (
            "6",
            "W1 distances tell the digits apart better than Euclidean latent distances",
            "neighbours",
            NEIGHBOURS,
        ),
    ):
        yield from _compare(evidence, claim, statement, name, measures, OURS, LATENT)


def _test_containment(evidence: Evidence, thresholds: Mapping[str, float]) -> Iterator[Test]:
    name, measure = "containment", "share_inside"
    statement = "W1 geodesics lie inside the region of the codes, as the straight latent line does"
    for model in evidence.models(name):
        for kind in evidence.kinds(name):
            row = {"model": model, "kind": kind, "measure": measure}
            made = {"claim": "1", "statement": statement, "path": OURS, **row}
            mean = evidence.mean(name, path=OURS, **row)
            yield from _make(mean, thresholds["share_inside"], False, reference="", **made)
            versus = evidence.advantage(
                name, path=OURS, reference=LINE, sign=CONTAINMENT[measure].sign, **row
            )
            margin = -thresholds["share_margin"]
            yield from _make(versus, margin, False, reference=LINE, **made)


def _test_separation(evidence: Evidence, thresholds: Mapping[str, float]) -> Iterator[Test]:
    name = "separation"
    statement = "W1 and Fisher-Rao geodesics part"
    limits = {
        "separation": thresholds["separation"],
        "excess_wasserstein1": thresholds["excess"],
        "excess_fisher_rao": thresholds["excess"],
    }
    for model in evidence.models(name):
        for kind in evidence.kinds(name):
            for measure, threshold in limits.items():
                row = {"model": model, "kind": kind, "measure": measure}
                mean = evidence.mean(name, **row)
                made = {"claim": "3a", "statement": statement, "path": OURS, "reference": ""}
                yield from _make(mean, threshold, False, **made, **row)


def _test_uncertainty(evidence: Evidence, thresholds: Mapping[str, float]) -> Iterator[Test]:
    name = "containment"
    statement = "A decoder that grows uncertain away from the codes keeps far geodesics inside"
    for model in evidence.models(name):
        row = {"model": model, "kind": FAR, "measure": "share_inside"}
        made = {"claim": "4a", "statement": statement, "path": "uncertain", **row}
        mean = evidence.mean(name, path="uncertain", **row)
        yield from _make(mean, thresholds["share_inside"], False, reference="", **made)
        versus = evidence.advantage(name, path="uncertain", reference=OURS, sign=HIGHER, **row)
        yield from _make(versus, 0.0, True, reference=OURS, **made)


def _compare_images(
    evidence: Evidence, claim: str, statement: str, path: str, reference: str
) -> Iterator[Test]:
    return _compare(evidence, claim, statement, "plausibility", PLAUSIBILITY, path, reference)


def _compare(
    evidence: Evidence,
    claim: str,
    statement: str,
    name: str,
    measures: Mapping[str, Measure],
    path: str,
    reference: str,
) -> Iterator[Test]:
    for model in evidence.models(name):
        for kind in evidence.kinds(name):
            for measure, words in measures.items():
                row = {"model": model, "kind": kind, "measure": measure}
                versus = evidence.advantage(
                    name, path=path, reference=reference, sign=words.sign, **row
                )
                made = {"claim": claim, "statement": statement, "path": path, **row}
                yield from _make(versus, 0.0, True, reference=reference, **made)


def _make(
    interval: tuple[float, float, float] | None, threshold: float, strict: bool, **row: str
) -> Iterable[Test]:
    if interval is None:
        return ()
    value, low, high = interval
    test = Test(**row, value=value, low=low, high=high, threshold=threshold, strict=strict)
    return (test,)


def _decide(tests: list[Test], conditions: float) -> dict[str, object]:
    passed = [test for test in tests if test.holds]
    if len(passed) == len(tests):
        verdict = HOLDS
    else:
        verdict = CONDITIONS if passed and len(passed) >= conditions * len(tests) else FAILS
    weakest = min(tests, key=lambda test: test.margin)
    listed = "; ".join(_describe(test) for test in passed) if verdict == CONDITIONS else ""
    made = {"verdict": verdict, "tests": len(tests), "passed": len(passed), "conditions": listed}
    return {**asdict(weakest), **made, "weakest": _describe(weakest)}


def _describe(test: Test) -> str:
    words = (test.kind, test.measure.replace("_", " "), test.reference and f"vs {test.reference}")
    return " ".join(word for word in words if word)
