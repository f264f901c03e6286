"""Count how often another start than the straight line leads to a shorter geodesic."""

import argparse
from collections.abc import Sequence

import pandas as pd
import torch

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.pairs import find_ends
from latent_transport.evidence.measures.connections import measure_starts
from latent_transport.evidence.measures.summaries import summarise_starts
from latent_transport.geodesics.graphs import NeighbourGraph
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", nargs="+", required=True, help="names of the models")
    parser.add_argument("--models", nargs="+", required=True, help="in the names' order")
    parser.add_argument("--codes", nargs="+", required=True, help="in the names' order")
    parser.add_argument("--pairs", nargs="+", required=True, help="in the names' order")
    parser.add_argument("--count", type=int, required=True, help="pairs of each model")
    parser.add_argument("--graph-codes", type=int, required=True, help="codes in the graph")
    parser.add_argument("--restarts", type=int, required=True, help="random starts")
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    settings = SolverSettings.parse(arguments.settings)
    rows = []
    for name, model, codes_file, pairs in zip(
        arguments.names, arguments.models, arguments.codes, arguments.pairs, strict=True
    ):
        codes = Codes.load(codes_file)
        training = codes.of("train").mean  # (n, d)
        generator = torch.Generator().manual_seed(arguments.seed)
        nodes = torch.randperm(len(training), generator=generator)[: arguments.graph_codes]
        table = load_table(pairs).sample(frac=1, random_state=arguments.seed)
        table = table.head(arguments.count).reset_index(drop=True)
        z0, z1 = (torch.from_numpy(z).to(device) for z in find_ends(codes, table))  # (m, d) each
        geometry = Wasserstein1(load_vae(model, device).decoder)
        graph = NeighbourGraph(geometry, torch.from_numpy(training[nodes.numpy()]).to(device))
        lengths = measure_starts(
            geometry, z0, z1, settings, graph=graph, restarts=arguments.restarts
        )
        table = table.assign(**{start: length.cpu().numpy() for start, length in lengths.items()})
        rows += [
            {"model": name, "kind": kind, "restarts": arguments.restarts, **summarise_starts(part)}
            for kind, part in table.groupby("kind", sort=False)
        ]
    save_table(pd.DataFrame(rows), arguments.output)


if __name__ == "__main__":
    run(main)
