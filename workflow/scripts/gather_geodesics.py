"""Gather the chunks of one latent space's geodesics in the order of the pairs."""

import argparse
from collections.abc import Sequence

import pandas as pd

from latent_transport.evidence.data.curves import Curves
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", required=True)
    parser.add_argument("--curves", nargs="+", required=True)
    parser.add_argument("--output-tables", nargs="+", required=True, help="CSV, Parquet")
    parser.add_argument("--output-curves", required=True)
    arguments = parser.parse_args(argv)
    tables = [table for table in map(load_table, arguments.tables) if len(table)]
    table = pd.concat(tables).sort_values("pair", ignore_index=True)
    curves = Curves.gather([Curves.load(path) for path in arguments.curves]).of(table["pair"])
    for path in arguments.output_tables:
        save_table(table, path)
    curves.save(arguments.output_curves)


if __name__ == "__main__":
    run(main)
