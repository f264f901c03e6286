"""Gather the chunks of one latent space's geodesics in the order of the pairs."""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

from latent_transport.storage import load_arrays, load_table, save_arrays, save_table
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
    chunks = [load_arrays(path) for path in arguments.curves]
    pair = np.concatenate([chunk["pair"] for chunk in chunks])
    order = np.argsort(pair)
    arrays = {
        "pair": pair[order],
        "t": chunks[0]["t"],
        "points": np.concatenate([chunk["points"] for chunk in chunks])[order],
    }
    for path in arguments.output_tables:
        save_table(table, path)
    save_arrays(arguments.output_curves, arrays, {})


if __name__ == "__main__":
    run(main)
