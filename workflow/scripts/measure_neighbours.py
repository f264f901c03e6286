"""Measure how well distances in a latent space tell the labels apart."""

import argparse
import logging
from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial.distance import cdist

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import load_subset
from latent_transport.evidence.claims.intervals import compare_paths
from latent_transport.evidence.keys import DIRECT, LATENT, LINE, OURS, PIXELS, RANDOM
from latent_transport.evidence.measures.labels import (
    choose_points,
    describe_points,
    judge_distances,
    summarise_distances,
)
from latent_transport.evidence.measures.neighbours import measure_distances
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="of the model, e.g. all")
    parser.add_argument("--subset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--points", type=int, required=True, help="test images to compare")
    parser.add_argument("--neighbours", type=int, required=True)
    parser.add_argument(
        "--candidates", type=int, required=True, help="pairs of a point solved at most; 0: no limit"
    )
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table of a row a distance")
    parser.add_argument("--output-points", required=True, help="table of a row a point")
    parser.add_argument("--summary", required=True, help="table of means and intervals")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    settings = SolverSettings.parse(arguments.settings)
    neighbours, seed = arguments.neighbours, arguments.seed
    codes = Codes.load(arguments.codes)
    rows = choose_points(codes, arguments.points, neighbours=neighbours, seed=seed)  # (N,)
    found = measure_distances(
        Wasserstein1(load_vae(arguments.model, device).decoder),
        torch.from_numpy(codes.mean[rows]).to(device),
        settings,
        neighbours=neighbours,
        candidates=arguments.candidates or None,
        progress=True,
    )
    solved, certified = found.search.count, found.search.certified.mean()
    log.info("%d of %d geodesics solved", solved, len(rows) * (len(rows) - 1) // 2)
    log.info("neighbours of %.1f %% of the points certified", 100 * certified)

    images = load_subset(arguments.subset).images[rows].astype(np.float64)  # (N, D)
    matrices = {
        OURS: found.search.distances,
        LATENT: found.latent,
        LINE: found.line,
        DIRECT: found.direct,
        PIXELS: cdist(images, images),
    }
    points = describe_points(codes, rows)
    table = judge_distances(matrices, points, partial=OURS, neighbours=neighbours, seed=seed)
    table.insert(0, "model", arguments.name)
    save_table(table, arguments.output_points)

    means = summarise_distances(table)
    means.insert(0, "model", arguments.name)
    means.insert(2, "points", len(rows))
    means.insert(3, "neighbours", neighbours)
    ours = means["distance"] == OURS
    means["geodesics"] = np.where(ours, solved, 0)
    means["certified"] = np.where(ours, certified, 1.0)
    save_table(means, arguments.output)

    compared = table[["model", "point", "distance", "accuracy", "purity"]]
    compared = compared.rename(columns={"point": "pair", "distance": "path"}).assign(kind=RANDOM)
    save_table(compare_paths(compared, [LATENT, PIXELS], seed=seed), arguments.summary)


if __name__ == "__main__":
    run(main)
