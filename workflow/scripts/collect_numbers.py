"""Gather every number and word of the manuscript, for Typst (JSON), the numbers for LaTeX, too."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latent_transport.datasets.classes import read_classes
from latent_transport.evidence.claims.numbers import (
    WORDS,
    flatten_settings,
    format_macros,
    nest_table,
)
from latent_transport.evidence.vocabulary import collect_words
from latent_transport.storage import load_table, replacing
from workflow.provenance import find_commit, find_versions, hash_settings
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        *("--table", "--tables"),
        dest="tables",
        nargs="+",
        action="append",
        required=True,
        metavar=("NAME", "FILE"),
        help="a table's name and its file, or files to be joined; may be given again",
    )
    parser.add_argument("--provenance", required=True, help="table of where results came from")
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--data", required=True, help="what the data are called")
    parser.add_argument("--config", required=True, help="settings of the run, as JSON")
    parser.add_argument("--output-json", required=True, type=Path)
    parser.add_argument("--output-latex", required=True, type=Path)
    arguments = parser.parse_args(argv)
    tables = {name: pd.concat(map(load_table, files)) for name, *files in arguments.tables}
    numbers = {name: nest_table(table, name) for name, table in tables.items()}
    settings = json.loads(arguments.config)
    origin = load_table(arguments.provenance)
    source = {"commit": find_commit(), "config_hash": hash_settings(settings)}
    numbers["run"] = {
        "source": source,
        "settings": flatten_settings(settings),
        "versions": find_versions(),
        "origin": {name: join_distinct(origin[name]) for name in ("commit", "device")},
    }
    numbers[WORDS] = {"data": arguments.data} | collect_words(read_classes(arguments.classes))
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False)
    for path, content in (
        (arguments.output_json, text + "\n"),
        (arguments.output_latex, format_macros(numbers)),
    ):
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


def join_distinct(column: pd.Series) -> str | None:
    """Distinct values of a column as one text; None if there are none."""
    return "; ".join(column.dropna().astype(str).drop_duplicates()) or None


if __name__ == "__main__":
    run(main)
