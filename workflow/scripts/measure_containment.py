"""Measure how far curves keep to the region of a latent space that holds the codes."""

import argparse
from collections.abc import Sequence

import pandas as pd

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.measures.containment import (
    LatentRegion,
    load_paths,
    measure_containment,
)
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True, help="table of the endpoint pairs")
    parser.add_argument("--paths", nargs="+", required=True, help="names, e.g. wasserstein1")
    parser.add_argument("--curves", nargs="+", required=True, help="arrays, in the names' order")
    parser.add_argument("--share", type=float, default=0.99, help="of the codes in the region")
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    codes = Codes.load(arguments.codes)
    train, validation = (codes.of(split).mean for split in ("train", "validation"))  # (n, d) each
    region = LatentRegion.fit(train, validation, share=arguments.share)
    pairs = load_table(arguments.pairs)
    tables = []
    paths = load_paths(arguments.paths, arguments.curves, pairs["pair"].to_numpy())
    for path, points in paths.items():
        keys = {"model": arguments.name, "kind": pairs["kind"], "pair": pairs["pair"], "path": path}
        tables.append(pd.DataFrame(keys | measure_containment(region, points)))
    save_table(pd.concat(tables), arguments.output)


if __name__ == "__main__":
    run(main)
