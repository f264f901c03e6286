"""Write the tables of all models and of their geodesics."""

import argparse
from collections.abc import Sequence

import pandas as pd

from latent_transport.evidence.measures.summaries import summarise_geodesics
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", nargs="+", required=True, help="names of the models")
    parser.add_argument("--evaluations", nargs="+", required=True, help="tables of one row")
    parser.add_argument("--geodesics", nargs="+", required=True, help="tables of geodesics")
    parser.add_argument("--output-models", required=True)
    parser.add_argument("--output-geodesics", required=True)
    arguments = parser.parse_args(argv)
    save_table(pd.concat(map(load_table, arguments.evaluations)), arguments.output_models)
    tables = dict(zip(arguments.names, map(load_table, arguments.geodesics), strict=True))
    planes = [table for name, table in tables.items() if name.startswith("digit")]
    rows = [
        {"model": name, "kind": kind, **summarise_geodesics(part)}
        for name, table in {**tables, "all planes": pd.concat(planes)}.items()
        for kind, part in table.groupby("kind", sort=False)
    ]
    save_table(pd.DataFrame(rows), arguments.output_geodesics)


if __name__ == "__main__":
    run(main)
