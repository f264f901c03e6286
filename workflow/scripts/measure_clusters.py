"""Compare k-means clusters with the labels, by geodesic distances and by Euclidean ones."""

import argparse
import logging
from collections.abc import Sequence

import pandas as pd
import torch

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.keys import RANDOM
from latent_transport.evidence.measures.labels import choose_points
from latent_transport.evidence.measures.statistics import measure_clusters
from latent_transport.models.loading import load_geometry, load_subspace
from latent_transport.storage import save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="of the model, e.g. all")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--points", type=int, required=True, help="test images, anew each time")
    parser.add_argument("--clusters", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True, help="assignments at most")
    parser.add_argument("--draws", type=int, required=True, help="times of it all")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table of a row a draw and k-means")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    codes = Codes.load(arguments.codes)
    active = load_subspace(arguments.codes, device=device)
    geometry = load_geometry("active", vae=arguments.model, codes=arguments.codes, device=device)
    parts = []
    for draw in range(arguments.draws):
        seed = arguments.seed + draw
        rows = choose_points(codes, arguments.points, neighbours=arguments.clusters, seed=seed)
        chosen = codes.take(rows)
        found = measure_clusters(
            geometry,
            active.project(torch.from_numpy(chosen.mean).to(device)),
            chosen.labels,
            clusters=arguments.clusters,
            rounds=arguments.rounds,
            seed=seed,
            progress=f"draw {draw}",
        )
        parts.append(pd.DataFrame(found).assign(pair=draw))
        log.info("draw %d:\n%s", draw, parts[-1].to_string(index=False))
    table = pd.concat(parts, ignore_index=True)
    save_table(table.assign(model=arguments.name, kind=RANDOM), arguments.output)


if __name__ == "__main__":
    run(main)
