"""Tables as named numbers: nested for JSON, one by one for LaTeX."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from latent_transport.storage import DataError

KEYS = (
    *("claim", "case", "model", "geometry", "distance", "kind", "path", "measure", "reference"),
    *("contender", "solver"),
)
"""Columns that tell the rows of a table apart, in the order in which they make up a row's key."""

# Where a count tells rows apart, which elsewhere is a number among others.
_FURTHER_KEYS = {"scaling": ("pairs", "threads"), "wasserstein1": ("components",)}

WORDS = "words"
"""Section of ``numbers.json`` that holds words, not numbers."""

Value = str | int | float | bool | None
Numbers = Mapping[str, Mapping[str, Mapping[str, Value]]]

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def nest_table(table: pd.DataFrame, name: str) -> dict[str, dict[str, Value]]:
    """Return a table's values by row and column.

    Parameters
    ----------
    table : DataFrame
        Those of its columns that are in :data:`KEYS` tell its rows apart.
    name : str
        What an error calls the table.

    Returns
    -------
    dict
        Row key -> column -> value. A row's key joins its cells in the key columns with ``/``,
        without those that are empty: ``all/random`` for ``model`` and ``kind``. A missing or
        infinite value is None, for JSON knows no other.

    Raises
    ------
    DataError
        If the table has no key column, or two rows have the same key.
    """
    keys = [key for key in (*_FURTHER_KEYS.get(name, ()), *KEYS) if key in table]
    if not keys:
        raise DataError(
            f"table {name} has the columns {', '.join(table.columns)}; "
            f"expected at least one of {', '.join(KEYS)}"
        )
    rows: dict[str, dict[str, Value]] = {}
    columns = [column for column in table if column not in keys]
    # to_dict, unlike iterrows, keeps the type of each column.
    for record in table.to_dict("records"):
        key = "/".join(str(record[part]) for part in keys if not pd.isna(record[part]))
        if key in rows:
            raise DataError(
                f"table {name} has two rows {key!r}; expected the columns {', '.join(keys)} "
                "to tell its rows apart"
            )
        rows[key] = {column: _plain(record[column]) for column in columns}
    return rows


def iterate_numbers(numbers: Numbers) -> Iterator[tuple[str, str, str, Value]]:
    """Yield table, row key, column and value of every number."""
    for table, rows in numbers.items():
        if table == WORDS:
            continue
        for row, columns in rows.items():
            for column, value in columns.items():
                yield table, row, column, value


def flatten_settings(settings: Mapping[str, Any]) -> dict[str, Value]:
    """Return nested settings by dotted key; a list becomes text, its items apart by a space."""
    flat: dict[str, Value] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{rest}": inner for rest, inner in flatten_settings(value).items()}
        else:
            flat[key] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat


def format_macros(numbers: Numbers) -> str:
    r"""Return LaTeX definitions of all numbers.

    A macro is named by the words of table, row key and column, its digits spelt, for LaTeX allows
    letters only: ``models``, ``digit0``, ``bits_per_dim`` is ``\modelsDigitZeroBitsPerDim``.

    Raises
    ------
    DataError
        If two numbers have the same macro.
    """
    lines = [
        "% Numbers of a run, for LaTeX: \\input{numbers} and, say, \\modelsDigitZeroBitsPerDim.",
        "% A name is made of a table, a row of it and a column: words are joined with capital",
        "% letters, digits are spelt. Numbers have four digits; numbers.json has them all.",
    ]
    macros: dict[str, str] = {}
    for *path, value in iterate_numbers(numbers):
        name, place = name_macro(*path), " / ".join(path)
        if name in macros:
            raise DataError(f"{macros[name]} and {place} would both be the macro \\{name}")
        macros[name] = place
        lines.append(f"\\newcommand{{\\{name}}}{{{format_value(value)}}}")
    return "\n".join(lines) + "\n"


def name_macro(*path: str) -> str:
    """Return the name of a LaTeX macro, of letters alone, for table, row key and column."""
    words = re.findall(r"[^\W\d_]+|\d", " ".join(path), re.ASCII)
    spelt = [_DIGITS[int(word)] if word.isdigit() else word[0].upper() + word[1:] for word in words]
    name = "".join(spelt)
    return name[:1].lower() + name[1:]


def format_value(value: Value) -> str:
    """Return a value as LaTeX: floats to four significant digits, text escaped."""
    match value:
        case None:
            return "--"
        case bool():
            return "yes" if value else "no"
        case float():
            mantissa, _, exponent = f"{value:.4g}".partition("e")
            return f"${mantissa}\\times 10^{{{int(exponent)}}}$" if exponent else mantissa
        case int():
            return str(value)
    return "".join(_LATEX.get(character, character) for character in value)


def _plain(value: Any) -> Value:
    value = value.item() if hasattr(value, "item") else value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
