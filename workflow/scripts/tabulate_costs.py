"""Tabulate what the jobs of a run cost, from the files of Snakemake's benchmarks."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latent_transport.storage import DataError, save_table
from workflow.scripts.command import run

KEYS = ["rule", "models", "geometry"]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", required=True, type=Path, help="folder of RULE/*.tsv")
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    rows = [read_cost(path, arguments.benchmarks) for path in arguments.benchmarks.rglob("*.tsv")]
    if not rows:
        raise DataError(f"{arguments.benchmarks} holds no benchmarks; run the workflow first")
    jobs = pd.DataFrame(rows)
    table = jobs.groupby(KEYS, as_index=False).agg(
        jobs=("cpu_minutes", "size"),
        cpu_minutes=("cpu_minutes", "sum"),
        minutes=("minutes", "sum"),
        longest_minutes=("minutes", "max"),
        peak_memory_mb=("peak_memory_mb", "max"),
    )
    table = table.sort_values("cpu_minutes", ascending=False, kind="stable", ignore_index=True)
    save_table(table, arguments.output)
    print(table.round({"cpu_minutes": 2, "minutes": 2, "longest_minutes": 2}).to_string())
    print(f"{table['cpu_minutes'].sum():.0f} minutes of CPU in {table['jobs'].sum()} jobs")


def read_cost(path: Path, folder: Path) -> dict[str, object]:
    """Return the cost of one job: what it was, its minutes, and its memory."""
    rule, *wildcards = path.relative_to(folder).with_suffix("").parts
    measured = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
    model = wildcards[0] if wildcards else ""
    return {
        "rule": rule,
        "models": "planes" if model.startswith("digit") else model.partition("-")[0],
        "geometry": wildcards[1] if len(wildcards) > 1 else "",
        "cpu_minutes": measured["cpu_time"] / 60,
        "minutes": measured["s"] / 60,
        "peak_memory_mb": measured["max_rss"],
    }


if __name__ == "__main__":
    run(main)
