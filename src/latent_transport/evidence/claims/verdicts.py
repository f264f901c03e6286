"""Verdicts on the paper's claims, by the measure that the config declares for each.

A claim is judged by one interval: the 95 % interval of a mean, or of a paired difference in the
direction that the claim asserts, on one kind of pairs. Above the declared threshold it *supports*
the claim, below it *refutes* it, and around it leaves it *undecided*. All other measures and kinds
of pairs are tested alike, and told beside; no verdict depends on them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product

import pandas as pd

from latent_transport.evidence.claims.statements import CLAIMS, Claim
from latent_transport.evidence.keys import PLANES
from latent_transport.evidence.vocabulary import FURTHER
from latent_transport.storage import DataError

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"

DECLARED = ("measure", "pairs", "threshold")


@dataclass(frozen=True)
class Test:
    """One comparison of a claim: its interval, and the value with which that is compared."""

    __test__ = False  # pytest would take it for a test of its own

    claim: str
    model: str
    path: str
    kind: str
    measure: str
    reference: str
    value: float
    low: float
    high: float
    threshold: float
    primary: bool

    @property
    def verdict(self) -> str:
        """What the interval says of the claim."""
        if self.low > self.threshold:
            return SUPPORTED
        return REFUTED if self.high < self.threshold else UNDECIDED


def judge_claims(
    tables: Mapping[str, pd.DataFrame], declared: Mapping[str, Mapping[str, str | float]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge every claim on which there is evidence.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Summaries by name, any of ``containment, plausibility, separation, replicates, sequences,
        stability, neighbours``.
        Columns ``model, kind, path, measure, mean, mean_low, mean_high, reference, difference,
        difference_low, difference_high``: a row for each measure and path, and for each reference
        that the path is compared with, pair by pair. ``path`` may be called ``geometry`` or
        ``distance``; ``model`` and ``kind`` may be missing.
    declared : mapping of str to mapping
        By what each of :data:`~latent_transport.evidence.claims.statements.CLAIMS` is judged:
        ``measure``, the ``pairs`` of one kind, and the ``threshold`` of the mean, or of the
        difference to the claim's reference in the claim's favour. Other measures of differences are
        tested against 0.

    Returns
    -------
    verdicts : DataFrame
        A row a claim, model and path: ``claim, statement, model, path, verdict``; the measure, kind
        of pairs and reference of its primary test, ``by, of, against``, and that test's ``value,
        low, high, threshold``; the number of all ``tests``, and of those ``supported`` and
        ``refuted``.
    tests : DataFrame
        A row a test. Differences count in the claim's favour: positive is as claimed.

    Raises
    ------
    DataError
        If of a claim nothing, or not all, is declared, or a measure that is none of its own; or if
        a table lacks a column.
    """
    _check_declarations(declared)
    evidence = Evidence({name: _normalise(table, name) for name, table in tables.items()})
    tests = [
        test
        for name, claim in CLAIMS.items()
        for test in _iterate_tests(evidence, name, claim, declared[name])
    ]
    claims: dict[tuple[str, str, str], list[Test]] = {}
    for test in tests:
        claims.setdefault((test.claim, test.model, test.path), []).append(test)
    verdicts = [row for group in claims.values() for row in _decide(group)]
    columns = [*Test.__dataclass_fields__, "verdict"]
    rows = [{**asdict(test), "verdict": test.verdict} for test in tests]
    return pd.DataFrame(verdicts, columns=VERDICT_COLUMNS), pd.DataFrame(rows, columns=columns)


VERDICT_COLUMNS = [
    *("claim", "statement", "model", "path", "verdict", "by", "of", "against"),
    *("value", "low", "high", "threshold", "tests", "supported", "refuted"),
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


def _check_declarations(declared: Mapping[str, Mapping[str, str | float]]) -> None:
    for name, claim in CLAIMS.items():
        found = declared.get(name, {})
        missing = [key for key in DECLARED if key not in found]
        if missing:
            raise DataError(
                f"of the claim {name} there is no {', '.join(missing)}; set evidence.claims.{name}"
            )
        if found["measure"] not in claim.measures:
            raise DataError(
                f"the claim {name} cannot be judged by {found['measure']}; expected one of "
                f"{', '.join(claim.measures)}"
            )


def _iterate_tests(
    evidence: Evidence, name: str, claim: Claim, declared: Mapping[str, str | float]
) -> Iterator[Test]:
    """Yield the tests of a claim; without a reference, those of its primary measure alone."""
    primary, threshold = str(declared["measure"]), float(declared["threshold"])
    measures = [primary] if claim.reference is None else list(claim.measures)
    paths = [path for path in evidence.paths(claim.part) if path in FURTHER]
    parts = [claim.part, *["replicates"] * claim.replicated]
    for path, part in product(paths if claim.path is None else [claim.path], parts):
        for model in evidence.models(part):
            for kind in evidence.kinds(part):
                for measure in measures:
                    row = {"model": model, "kind": kind, "measure": measure}
                    if claim.reference is None:
                        found = evidence.mean(part, path=path, **row)
                    else:
                        found = evidence.advantage(
                            part,
                            path=path,
                            reference=claim.reference,
                            sign=claim.measures[measure].sign,
                            **row,
                        )
                    if found is None:
                        continue
                    value, low, high = found
                    yield Test(
                        claim=name,
                        path=path,
                        **row,
                        reference=claim.reference or "",
                        value=value,
                        low=low,
                        high=high,
                        threshold=threshold if measure == primary else 0.0,
                        primary=measure == primary and kind == declared["pairs"],
                    )


def _decide(tests: list[Test]) -> Iterator[dict[str, object]]:
    """Yield the verdict on a claim, if its primary test was made."""
    verdicts = [test.verdict for test in tests]
    for test in tests:
        if test.primary:
            yield {
                "claim": test.claim,
                "statement": CLAIMS[test.claim].statement,
                "model": test.model,
                "path": test.path,
                "verdict": test.verdict,
                "by": test.measure,
                "of": test.kind,
                "against": test.reference,
                "value": test.value,
                "low": test.low,
                "high": test.high,
                "threshold": test.threshold,
                "tests": len(tests),
                "supported": verdicts.count(SUPPORTED),
                "refuted": verdicts.count(REFUTED),
            }
