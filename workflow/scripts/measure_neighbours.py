"""Measure how well distances in a latent space tell the labels apart."""

import argparse
import json
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from latent_transport.evidence.claims.intervals import compare_paths
from latent_transport.evidence.data.pairs import TEST_SPLIT
from latent_transport.evidence.measures.neighbours import (
    close_distances,
    find_pure,
    measure_bounds,
    predict_labels,
    search_neighbours,
)
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.measures import measure_curves
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import DataError, load_arrays, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

GEODESICS_AT_ONCE = 256

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="of the model, e.g. all")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--points", type=int, required=True, help="test images to compare")
    parser.add_argument("--neighbours", type=int, required=True)
    parser.add_argument(
        "--candidates", type=int, required=True, help="pairs of a point solved at most; 0: no limit"
    )
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON object")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table of a row a distance")
    parser.add_argument("--output-points", required=True, help="table of a row a point")
    parser.add_argument("--summary", required=True, help="table of means and intervals")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    settings, count, seed = arguments.settings, arguments.points, arguments.seed
    arrays = load_arrays(arguments.codes, "mean", "labels", "indices", "split")
    held_out = np.flatnonzero(arrays["split"] == TEST_SPLIT)
    if not arguments.neighbours < count <= len(held_out):
        raise DataError(
            f"{count} points asked for, with {arguments.neighbours} neighbours each; "
            f"{arguments.codes} has {len(held_out)} test images, choose more than the neighbours "
            "and no more than these"
        )
    rows = np.sort(np.random.default_rng(seed).choice(held_out, count, replace=False))  # (N,)
    codes = torch.from_numpy(arrays["mean"][rows]).to(device)  # (N, d)
    labels = arrays["labels"][rows].astype(np.int64)  # (N,)
    geometry = Wasserstein1(load_vae(arguments.model, device).decoder)
    segments = settings["points"] - 1
    t = torch.linspace(0, 1, segments + 1, device=device)  # (T,)
    pairs = count * (count - 1) // 2

    with tqdm(total=pairs, desc="straight lines", unit="pair", mininterval=5) as bar:
        lower, upper = measure_bounds(geometry, codes, segments=segments, progress=bar.update)

    solver = GaussNewton(max_iterations=settings["max_iterations"], tolerance=settings["tolerance"])
    bar = tqdm(desc="geodesics", unit="pair", mininterval=5)

    def solve(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        lengths = []
        for start in range(0, len(first), GEODESICS_AT_ONCE):
            i, j = (
                torch.from_numpy(ends[start : start + GEODESICS_AT_ONCE])
                for ends in (first, second)
            )
            paths = connecting_geodesics(
                geometry,
                codes[i],
                codes[j],
                solver=solver,
                controls=settings["controls"],
                points=settings["points"],
            )
            lengths.append(measure_curves(geometry, paths(t))[0].cpu().numpy())
            bar.update(len(i))
        return np.concatenate(lengths)

    with bar:
        search = search_neighbours(
            lower,
            upper,
            solve,
            neighbours=arguments.neighbours,
            candidates=arguments.candidates or None,
        )
    solved = int(np.triu(search.solved, 1).sum())
    log.info("%d of %d geodesics solved", solved, pairs)
    log.info("neighbours of %.1f %% of the points certified", 100 * search.certified.mean())

    votes = {
        "wasserstein1": search.distances,
        "latent": torch.cdist(codes, codes).cpu().numpy().astype(np.float64),
        "line": upper,
        "direct": lower,
    }
    clustered = {**votes, "wasserstein1": close_distances(search.distances)}
    parts = []
    for name, distances in votes.items():
        part = pd.DataFrame({"point": np.arange(count), "row": rows})
        part["index"] = arrays["indices"][rows]
        part["label"] = labels
        part["distance"] = name
        part["predicted"] = predict_labels(distances, labels, arguments.neighbours)
        part["accuracy"] = (part["predicted"] == labels).astype(int)
        part["purity"] = find_pure(
            clustered[name], labels, clusters=len(np.unique(labels)), seed=seed
        ).astype(int)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "model", arguments.name)
    save_table(table, arguments.output_points)

    means = table.groupby("distance", sort=False)[["accuracy", "purity"]].mean().reset_index()
    means.insert(0, "model", arguments.name)
    means.insert(2, "points", count)
    means.insert(3, "neighbours", arguments.neighbours)
    ours = means["distance"] == "wasserstein1"
    means["geodesics"] = np.where(ours, solved, 0)
    means["certified"] = np.where(ours, search.certified.mean(), 1.0)
    save_table(means, arguments.output)

    compared = table[["model", "point", "distance", "accuracy", "purity"]]
    compared = compared.rename(columns={"point": "pair", "distance": "path"}).assign(kind="random")
    save_table(compare_paths(compared, ["latent"], seed=seed), arguments.summary)


if __name__ == "__main__":
    run(main)
