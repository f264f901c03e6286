"""Whether a run reproduces reference values, number by number."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from latent_transport.evidence.claims.numbers import Numbers, Value, iterate_numbers
from latent_transport.storage import DataError

EQUAL, ABSOLUTE, RELATIVE = "equal", "absolute", "relative"
REFERENCE_COLUMNS = ["table", "row", "column", "value", "kind", "tolerance"]

REPRODUCED, DEVIATES, MISSING = "reproduced", "deviates", "missing"

# What says how long something took, or how the machine went about it, is no result.
_LEFT_OUT_TABLES = ("run", "wasserstein1", "solvers", "scaling", "tests")
_LEFT_OUT = (
    r".*seconds.*|epochs|best_epoch|.*iterations|digits|"
    r"statement|threshold|supported|refuted|value|difference|(.+_)?(low|high)"
)

# Intervals are over pairs, with one model. When it was trained again with another seed, means
# stayed within 1.5 widths of them, and shares near 0 or 1, of next to no width, within 0.01.
_WIDTHS = 1.5
_LEAST_OF_SHARES = 0.02
_LEAST = 0.02  # of the value

# The first pattern that fits a column decides. What training decides varies from one processor
# or release of torch to the next; the tolerances are wide enough for that.
_TOLERANCES = (
    (r"pairs|points|neighbours|train|validation|test|latent_dim|components|tests", EQUAL, 0.0),
    (r"bits_per_dim|reconstruction", RELATIVE, 0.02),
    (r"kl", RELATIVE, 0.1),
    (r"active_dims", ABSOLUTE, 3.0),
    (r"converged|not_longer_than_line", ABSOLUTE, 0.02),
    (r".*shortening", ABSOLUTE, 0.05),
    (r".*length", RELATIVE, 0.15),
    (r"error|deviation", ABSOLUTE, 1e-3),
    (r".*_shorter", ABSOLUTE, 0.15),
    (r".*_gain", ABSOLUTE, 0.02),
    (r"accuracy|purity|.*share.*", ABSOLUTE, 0.03),
    (r".*", RELATIVE, 0.2),
)


def make_reference(numbers: Numbers) -> pd.DataFrame:
    """Choose the numbers of a run that another run should reproduce, and how closely.

    Parameters
    ----------
    numbers : dict
        Table -> row -> column -> value.

    Returns
    -------
    DataFrame
        Columns ``table, row, column, value, kind, tolerance``. ``kind`` is ``absolute`` or
        ``relative`` to the value, or ``equal`` (counts and text). A number with an interval
        (``mean`` with ``mean_low`` and ``mean_high``) may differ by 1.5 times the interval's
        width; its bounds are left out, as are its differences to other paths, times, the numbers
        of iterations, the benchmarks, and the planes of single digits where there is a row for
        all planes: one plane alone varies more with its training.
    """
    rows = {}
    for table, row, column, value in iterate_numbers(numbers):
        siblings = numbers[table][row]
        # A path has a row for each path that it is compared with, all with its own mean.
        what = row.rpartition("/")[0] if "difference" in siblings else row
        pooled = re.sub(r"^digit\d+/", "all planes/", row)
        if (
            table in _LEFT_OUT_TABLES
            or value is None
            or re.fullmatch(_LEFT_OUT, column)
            or (table, what, column) in rows
            or (pooled != row and pooled in numbers[table])
        ):
            continue
        kind, tolerance = _choose_tolerance(row, column, value, siblings)
        rows[table, what, column] = (table, row, column, value, kind, tolerance)
    return pd.DataFrame(rows.values(), columns=REFERENCE_COLUMNS)


def compare_numbers(reference: pd.DataFrame, numbers: Numbers) -> pd.DataFrame:
    """Compare a run's numbers with reference values.

    Parameters
    ----------
    reference : DataFrame
        See :func:`make_reference`. Values may be text, as CSV gives them in a mixed column.
    numbers : dict
        Table -> row -> column -> value, of the run that is checked.

    Returns
    -------
    DataFrame
        The reference's rows with ``found``, the run's value (None if it is not there), and
        ``outcome``: ``reproduced``, ``deviates`` or ``missing``.

    Raises
    ------
    DataError
        If the reference lacks a column, or has a tolerance of an unknown kind.
    """
    missing = [column for column in REFERENCE_COLUMNS if column not in reference]
    if missing:
        raise DataError(f"the reference lacks the columns {', '.join(missing)}")
    unknown = sorted(set(reference["kind"]) - {EQUAL, ABSOLUTE, RELATIVE})
    if unknown:
        raise DataError(
            f"the reference has tolerances of kind {', '.join(map(str, unknown))}; "
            f"expected {EQUAL}, {ABSOLUTE} or {RELATIVE}"
        )
    found, outcomes = [], []
    for expected in reference.itertuples():
        value = numbers.get(expected.table, {}).get(expected.row, {}).get(expected.column)
        found.append(value)
        if value is None:
            outcomes.append(MISSING)
        else:
            outcomes.append(REPRODUCED if _agree(expected, value) else DEVIATES)
    compared = reference[REFERENCE_COLUMNS].copy()
    compared["found"] = pd.Series(found, index=compared.index, dtype=object)
    compared["outcome"] = outcomes
    return compared


def format_comparison(compared: pd.DataFrame) -> str:
    """Return a comparison as text: a line a number, under a heading a table, then the sum."""
    lines = []
    for table, part in compared.groupby("table", sort=False):
        lines.append(f"{table}")
        cells = [
            (
                f"  {row.outcome}",
                f"{row.row} {row.column}",
                _show(row.found),
                f"reference {_show(row.value)}",
                _describe_tolerance(row.kind, row.tolerance),
            )
            for row in part.itertuples()
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        ]
        lines.append("")
    counts = compared["outcome"].value_counts()
    missed = [f"{counts[name]} {name}" for name in (DEVIATES, MISSING) if name in counts]
    total = f"{counts.get(REPRODUCED, 0)} of {len(compared)} numbers reproduced"
    return "\n".join([*lines, ", ".join([total, *missed])])


def _choose_tolerance(
    row: str, column: str, value: Value, siblings: Mapping[str, Value]
) -> tuple[str, float]:
    if isinstance(value, str | bool):
        return EQUAL, 0.0
    low, high = siblings.get(f"{column}_low"), siblings.get(f"{column}_high")
    if value is not None and low is not None and high is not None:
        share = re.search(r"/(share_inside|points_inside|share_of_means)/", f"/{row}/")
        least = _LEAST_OF_SHARES if share else _LEAST * abs(float(value))
        return ABSOLUTE, max(_WIDTHS * (float(high) - float(low)), least)
    return next((kind, size) for like, kind, size in _TOLERANCES if re.fullmatch(like, column))


def _agree(expected: Any, value: str | float) -> bool:
    if isinstance(value, str | bool):
        return str(value) == str(expected.value)
    try:
        wanted = float(expected.value)
    except ValueError:
        return False
    allowed = {EQUAL: 0.0, ABSOLUTE: 1.0, RELATIVE: abs(wanted)}[expected.kind] * expected.tolerance
    # Values went through decimal text.
    return abs(value - wanted) <= allowed + 1e-9 * abs(wanted)


def _show(value: Value) -> str:
    if value is None:
        return "-"
    try:
        return f"{float(value):.6g}"
    except ValueError:
        return str(value)


def _describe_tolerance(kind: str, tolerance: float) -> str:
    match kind:
        case "equal":
            return "exactly"
        case "absolute":
            return f"± {tolerance:.2g}"
    return f"± {100 * tolerance:.3g} %"
