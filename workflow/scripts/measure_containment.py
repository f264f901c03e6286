"""Measure how far curves keep to the region of a latent space that holds the codes."""

import argparse
import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.measures.containment import (
    LatentRegion,
    draw_floors,
    fit_region,
    load_paths,
    measure_containment,
    measure_norms,
)
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run

POINTS = 64  # segments of each curve on which it is looked for, and points beside curves


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True, help="table of the endpoint pairs")
    parser.add_argument("--paths", nargs="+", required=True, help="names, e.g. wasserstein1")
    parser.add_argument("--curves", nargs="+", required=True, help="arrays, in the names' order")
    parser.add_argument("--first", type=json.loads, help="JSON: path -> pairs of each kind it has")
    parser.add_argument("--share", type=float, default=0.99, help="of the codes in the region")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    codes = Codes.load(arguments.codes)
    rng = np.random.default_rng(arguments.seed)
    region = fit_region(codes, rng, share=arguments.share)
    means = (codes.of(split).mean for split in ("train", "validation"))
    region_of_means = LatentRegion.fit(*means, share=arguments.share)
    pairs = load_table(arguments.pairs)
    paths = load_paths(arguments.paths, arguments.curves, pairs, arguments.first)
    floors = draw_floors(codes.of("test"), rng, (len(pairs), POINTS))
    tables = []
    for path, points in {**paths, **floors}.items():
        there = ~np.isnan(points).any((1, 2))  # (p,)
        thinned = points[there, :: max(1, points.shape[1] // POINTS)]  # (q, n, d)
        measured = measure_containment(region, thinned)
        by_means = measure_containment(region_of_means, thinned)
        # Points in no order have no length.
        share = "points_inside" if path in floors else "share_inside"
        measured |= {"share_inside": measured[share], "share_of_means": by_means[share]}
        measured["norm"] = measure_norms(thinned)
        if path in floors:
            del measured["worst_excursion"]  # which would grow with the number of points
        keys = pairs.loc[there, ["kind", "pair"]].assign(model=arguments.name, path=path)
        tables.append(keys[["model", "kind", "pair", "path"]].assign(**measured))
    save_table(pd.concat(tables), arguments.output)


if __name__ == "__main__":
    run(main)
