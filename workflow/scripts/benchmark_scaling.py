"""Time Gauss-Newton on few and many pairs at once, and take the memory that each needs.

Every number of pairs is solved in processes of its own, whose memory nobody else has stretched.
The same few pairs are repeated to fill each number, so that a geodesic is the same work in all.
"""

import argparse
import multiprocessing
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.pairs import find_ends
from latent_transport.evidence.measures.benchmarks import ClockedWasserstein1, resident_peak, timed
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def load_pairs(
    codes: str, pairs: str, distinct: int, number: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Endpoints (number, d) twice: the first pairs of the shuffled table, repeated."""
    table = load_table(pairs).sample(frac=1, random_state=0).head(distinct)
    table = table.iloc[np.arange(number) % len(table)]
    z0, z1 = find_ends(Codes.load(codes), table)  # (number, d) each
    return torch.from_numpy(z0).to(device), torch.from_numpy(z1).to(device)


def measure(arguments: argparse.Namespace, number: int) -> dict[str, float]:
    """Solve that many pairs at once in this process: seconds a geodesic, and bytes.

    ``memory`` is what the solve adds to the peak after imports, loading, and a solve of one pair;
    ``whole_memory`` is the peak of the process (on a GPU: of its tensors) with those.
    """
    device = prepare(arguments)
    decoder = load_vae(arguments.model, device).decoder
    smallest = min(arguments.batches)
    z0, z1 = load_pairs(arguments.codes, arguments.pairs, smallest, number, device)
    geometry = ClockedWasserstein1(decoder, device)
    cuda = device.type == "cuda"
    connecting_geodesics(Wasserstein1(decoder), z0[:1], z1[:1])
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device) if cuda else resident_peak()
    paths, seconds = timed(lambda: connecting_geodesics(geometry, z0, z1), device)
    after = torch.cuda.max_memory_allocated(device) if cuda else resident_peak()
    return {
        "latent_dim": z0.shape[1],
        "seconds_a_geodesic": seconds / number,
        "memory": after - before,
        "whole_memory": after,
        "overhead_factor": seconds / geometry.forward_mode.seconds,
        "wasserstein1_share": geometry.distances.seconds / seconds,
        "converged": paths.converged.double().mean().item(),
        "mean_iterations": paths.report.iterations.double().mean().item(),
        "device": str(device),
    }


def summarize(number: int, results: Sequence[dict[str, float]]) -> dict[str, float]:
    """A row of the table from the results of the rounds."""
    seconds = [result["seconds_a_geodesic"] for result in results]
    factors = [result["overhead_factor"] for result in results]
    summary = {
        "pairs": number,
        "seconds_a_geodesic": statistics.median(seconds),
        "least": min(seconds),
        "largest": max(seconds),
        "memory": max(result["memory"] for result in results),
        "whole_memory": max(result["whole_memory"] for result in results),
        "overhead_factor": statistics.median(factors),
        "least_overhead_factor": min(factors),
        "largest_overhead_factor": max(factors),
        "wasserstein1_share": statistics.median(result["wasserstein1_share"] for result in results),
        "rounds": len(results),
    }
    return results[0] | summary


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True, help="table of pairs")
    parser.add_argument("--batches", type=int, nargs="+", required=True, help="numbers of pairs")
    parser.add_argument(
        "--rounds", type=int, required=True, help="fewer where they would exceed the largest batch"
    )
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    results: dict[int, list[dict[str, float]]] = {number: [] for number in arguments.batches}
    # A fork would begin with this process's memory.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for turn in range(arguments.rounds):
            for number, found in results.items():
                if turn == 0 or (turn + 1) * number <= max(results):
                    found.append(pool.submit(measure, arguments, number).result())
    frame = pd.DataFrame([summarize(*result) for result in results.items()])
    frame.insert(0, "model", arguments.name)
    frame["threads"] = arguments.threads
    save_table(frame, arguments.output)


if __name__ == "__main__":
    run(main)
