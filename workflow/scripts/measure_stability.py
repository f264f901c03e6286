"""Measure how much the distances of fixed image pairs vary over retrained models."""

import argparse
from collections.abc import Sequence

import pandas as pd

from latent_transport.evidence.claims.retraining import compare_stability
from latent_transport.evidence.keys import LATENT, OURS, RANDOM
from latent_transport.evidence.measures.stability import measure_levels, measure_stability
from latent_transport.storage import DataError, load_table, save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", required=True, help="the model of each table")
    parser.add_argument("--tables", nargs="+", required=True, help="distances, one a seed")
    parser.add_argument("--output", required=True, help="table of a row a pair and geometry")
    parser.add_argument("--levels", required=True, help="table of a row a seed and geometry")
    parser.add_argument("--summary", required=True, help="table of means and intervals")
    arguments = parser.parse_args(argv)
    if len(arguments.models) != len(arguments.tables):
        raise DataError(
            f"--models names {len(arguments.models)} models for {len(arguments.tables)} tables; "
            "expected one a table"
        )
    of_model: dict[str, list[pd.DataFrame]] = {}
    for model, path in zip(arguments.models, arguments.tables, strict=True):
        of_model.setdefault(model, []).append(load_table(path))
    parts = [
        measure_stability(tables).assign(model=model, kind=RANDOM)
        for model, tables in of_model.items()
    ]
    levels = [measure_levels(tables).assign(model=model) for model, tables in of_model.items()]
    save_table(pd.concat(levels, ignore_index=True), arguments.levels)
    table = pd.concat(parts, ignore_index=True)
    keys = ["model", "kind", "pair"]
    save_table(table[[*keys, *table.columns.drop(keys)]], arguments.output)
    summary = [
        {"model": model, "kind": RANDOM, **row}
        for model, tables in of_model.items()
        for row in compare_stability(tables, [LATENT, OURS])
    ]
    save_table(pd.DataFrame(summary), arguments.summary)


if __name__ == "__main__":
    run(main)
