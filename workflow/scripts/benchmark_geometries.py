"""Time the geodesics of weighted and uncertain geometries beside those of plain W1, by turns."""

import argparse
from collections.abc import Sequence
from functools import partial

import pandas as pd
import torch

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.pairs import find_ends
from latent_transport.evidence.measures.benchmarks import (
    describe_kernels,
    summarize_turns,
    time_in_turns,
)
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.paths import Geodesics
from latent_transport.models.loading import load_geometry
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, describe_machine, prepare

PLAIN = "wasserstein1"
OTHERS = ("uncertain", "density")
ENDS = (("", ""), ("least_", "largest_"), ("largest_", "least_"))  # of times as long, as fast


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--uncertainty", required=True)
    parser.add_argument("--strength", type=float, required=True, help="of the weight")
    parser.add_argument("--pairs", required=True, help="table of pairs")
    parser.add_argument("--count", type=int, required=True, help="most pairs")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    table = load_table(arguments.pairs).sample(frac=1, random_state=0).head(arguments.count)
    ends = find_ends(Codes.load(arguments.codes), table)
    z0, z1 = (torch.from_numpy(z).to(device) for z in ends)  # (n, d) each
    files = {"vae": arguments.model, "codes": arguments.codes}
    files |= {"uncertainty": arguments.uncertainty, "strength": arguments.strength}
    geometries = {name: load_geometry(name, **files, device=device) for name in (PLAIN, *OTHERS)}
    found: dict[str, Geodesics] = {}

    def solve(name: str, _: int) -> None:
        found[name] = connecting_geodesics(geometries[name], z0, z1)

    for geometry in geometries.values():
        connecting_geodesics(geometry, z0[:1], z1[:1])  # what torch imports late
    runs = {name: partial(solve, name) for name in geometries}
    turns = time_in_turns(runs, rounds=arguments.rounds, device=device)
    costs = {name: [cost / len(z0) for cost in turns[name]] for name in turns}
    rows = []
    for name, summary in summarize_turns(costs, PLAIN, "geodesic").items():
        times = {f"{end}times_w1": 1 / summary.pop(f"{other}speedup") for end, other in ENDS}
        row = {"model": arguments.name, "latent_dim": z0.shape[1], "geometry": name}
        row |= summary | times
        report = found[name].report
        row |= {
            "converged": report.converged.double().mean().item(),
            "mean_iterations": report.iterations.double().mean().item(),
            "pairs": len(z0),
            "rounds": arguments.rounds,
            "kernels": describe_kernels("auto", device),
        }
        rows.append(row | describe_machine(device, arguments.threads))
    save_table(pd.DataFrame(rows), arguments.output)


if __name__ == "__main__":
    run(main)
