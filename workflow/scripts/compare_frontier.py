"""Compare paths with the straight latent line: in each measure, and in several at once."""

import argparse
from collections.abc import Sequence

import pandas as pd

from latent_transport.evidence.claims.frontiers import compare_jointly
from latent_transport.evidence.claims.intervals import compare_paths
from latent_transport.evidence.keys import LINE
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="measures, a row a pair and path")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    table = load_table(arguments.table)
    single = compare_paths(table, [LINE], seed=arguments.seed)
    joint = compare_jointly(table, LINE, seed=arguments.seed)
    save_table(pd.concat([single, joint]), arguments.output)


if __name__ == "__main__":
    run(main)
