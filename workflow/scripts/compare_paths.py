"""Summarise what was measured on paths: means, and differences to reference paths."""

import argparse
from collections.abc import Sequence

import pandas as pd

from latent_transport.evidence.claims.intervals import RESAMPLES, compare_paths
from latent_transport.evidence.keys import LINE
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run

POOLED = "all planes"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", required=True, help="one a model, a row a path")
    parser.add_argument("--references", nargs="+", default=[LINE], help="paths to compare with")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    options = {"seed": arguments.seed, "resamples": arguments.resamples}
    table = pd.concat(map(load_table, arguments.tables), ignore_index=True)
    summaries = [compare_paths(table, arguments.references, **options)]
    planes = table[table["model"].str.startswith("digit")]
    if len(planes):
        summaries.append(compare_paths(planes, arguments.references, pooled_as=POOLED, **options))
    save_table(pd.concat(summaries), arguments.output)


if __name__ == "__main__":
    run(main)
