"""Gather every number that the manuscript quotes, for Typst (JSON) and for LaTeX (macros)."""

import argparse
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from latent_transport.numbers import flatten_settings, format_macros, nest_table
from latent_transport.storage import load_table, replacing
from workflow.scripts.command import run

PACKAGES = ("latent-transport", "torch", "numpy", "snakemake")


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
    parser.add_argument("--config", required=True, help="settings of the run, as JSON")
    parser.add_argument("--commit", default="", help="commit of the code")
    parser.add_argument("--output-json", required=True, type=Path)
    parser.add_argument("--output-latex", required=True, type=Path)
    arguments = parser.parse_args(argv)
    tables = {name: pd.concat(map(load_table, files)) for name, *files in arguments.tables}
    numbers = {name: nest_table(table, name) for name, table in tables.items()}
    settings = json.loads(arguments.config)
    source = {"commit": arguments.commit or None, "config_hash": hash_settings(settings)}
    numbers["run"] = {
        "source": source,
        "settings": flatten_settings(settings),
        "versions": find_versions(),
    }
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False)
    for path, content in (
        (arguments.output_json, text + "\n"),
        (arguments.output_latex, format_macros(numbers)),
    ):
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


def hash_settings(settings: Mapping[str, Any]) -> str:
    """SHA-256 of settings, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def find_versions() -> dict[str, str | None]:
    """Versions of Python and of what computes; None for a package that is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions


if __name__ == "__main__":
    run(main)
