"""Summarise what was measured on paths of models of several architectures and seeds."""

import argparse
from collections.abc import Sequence

import pandas as pd

from latent_transport.evidence.claims.intervals import compare_paths
from latent_transport.evidence.claims.replicates import compare_replicates
from latent_transport.evidence.keys import FADE, INTERPOLATION, LINE
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run

KEYS = ["model", "kind", "pair", "path"]
MEASURES = {
    "containment": ["share_inside"],
    "plausibility": ["confidence", "log_likelihood", "nearest_distance"],
}
REFERENCES = [LINE, FADE, INTERPOLATION]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for part in MEASURES:
        parser.add_argument(f"--{part}", nargs="+", required=True, help="tables, one a model")
    parser.add_argument("--evaluations", nargs="+", required=True, help="tables, one a model")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table of each model")
    parser.add_argument("--summary", required=True, help="table of architectures, and of all")
    arguments = parser.parse_args(argv)
    parts = [
        pd.concat(map(load_table, vars(arguments)[part]))[[*KEYS, *measures]]
        for part, measures in MEASURES.items()
    ]
    table = parts[0].merge(parts[1], on=KEYS, how="outer", sort=False)
    options = {"seed": arguments.seed}
    of_models = compare_paths(table, REFERENCES, **options)
    save_table(_split_names(of_models), arguments.output)
    summary = compare_replicates(_split_names(table).drop(columns="seed"), REFERENCES, **options)
    evaluations = pd.concat(map(load_table, arguments.evaluations))
    architectures = _split_names(evaluations).groupby("architecture")
    means = architectures[["latent_dim", "active_dims", "bits_per_dim"]].mean()
    save_table(summary.merge(means, "left", left_on="model", right_index=True), arguments.summary)


def _split_names(table: pd.DataFrame) -> pd.DataFrame:
    """Add what a model's name says, ``narrow-seed1``: its architecture and its seed's number."""
    names = table["model"].str.partition("-seed")
    table = table.copy()
    table.insert(0, "architecture", names[0])
    table.insert(1, "seed", names[2].astype(int))
    return table


if __name__ == "__main__":
    run(main)
