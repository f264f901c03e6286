"""Time Gauss-Newton on few and many pairs at once, and take the memory that each needs.

Every number of pairs is solved in processes of its own, whose memory nobody else has stretched.
The same few pairs are repeated to fill each number, so that a geodesic is the same work in all.
A number in the middle is also solved by more threads, as far as there are processors for them.
"""

import argparse
import multiprocessing
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.pairs import find_ends
from latent_transport.evidence.measures.benchmarks import (
    ClockedWasserstein1,
    describe_kernels,
    resident_peak,
    summarize_costs,
    timed,
)
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.refinement import FIRST_POINTS
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, count_cores, describe_machine, prepare


def load_pairs(
    codes: str, pairs: str, distinct: int, number: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Endpoints (number, d) twice: the first pairs of the shuffled table, repeated."""
    table = load_table(pairs).sample(frac=1, random_state=0).head(distinct)
    table = table.iloc[np.arange(number) % len(table)]
    z0, z1 = find_ends(Codes.load(codes), table)  # (number, d) each
    return torch.from_numpy(z0).to(device), torch.from_numpy(z1).to(device)


def measure(arguments: argparse.Namespace, number: int, threads: int) -> dict[str, Any]:
    """Solve that many pairs at once in this process: its cost a geodesic, and bytes.

    ``memory`` is what the solve adds to the peak after imports, loading, and a solve of one pair;
    ``whole_memory`` is the peak of the process (on a GPU: of its tensors) with those.
    ``overhead_factor`` is what the solve costs over the forward-mode products of the decoder in it,
    of which there are ``mean_products`` a curve, each at as many points as a polygon begins with.
    """
    device = prepare(argparse.Namespace(device=arguments.device, threads=threads))
    decoder = load_vae(arguments.model, device).decoder
    smallest = min(arguments.batches)
    z0, z1 = load_pairs(arguments.codes, arguments.pairs, smallest, number, device)
    geometry = ClockedWasserstein1(decoder, device)
    cuda = device.type == "cuda"
    connecting_geodesics(Wasserstein1(decoder), z0[:1], z1[:1])
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device) if cuda else resident_peak()
    paths, cost = timed(lambda: connecting_geodesics(geometry, z0, z1), device)
    after = torch.cuda.max_memory_allocated(device) if cuda else resident_peak()
    return {
        "latent_dim": z0.shape[1],
        "cost": cost / number,
        "memory": after - before,
        "whole_memory": after,
        "overhead_factor": cost.charged / geometry.forward_mode.seconds,
        "wasserstein1_share": geometry.distances.seconds / cost.charged,
        "converged": paths.converged.double().mean().item(),
        "mean_iterations": paths.report.iterations.double().mean().item(),
        "mean_products": geometry.pushed / FIRST_POINTS / number,
        "kernels": describe_kernels("auto", device),
    } | describe_machine(device, threads)


def summarize(number: int, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A row of the table from the results of the rounds."""
    factors = [result["overhead_factor"] for result in results]
    costs = [result["cost"] for result in results]
    alike = {name: value for name, value in results[0].items() if name != "cost"}
    summary = {
        "pairs": number,
        **summarize_costs(costs, "geodesic"),
        "memory": max(result["memory"] for result in results),
        "whole_memory": max(result["whole_memory"] for result in results),
        "overhead_factor": statistics.median(factors),
        "least_overhead_factor": min(factors),
        "largest_overhead_factor": max(factors),
        "wasserstein1_share": statistics.median(result["wasserstein1_share"] for result in results),
        "rounds": len(results),
    }
    return alike | summary


def list_cases(arguments: argparse.Namespace, device: torch.device) -> list[tuple[int, int]]:
    """Numbers of pairs and of threads; threads are nothing to a GPU."""
    cases = [(number, arguments.threads) for number in arguments.batches]
    if device.type == "cpu":
        middle = sorted(arguments.batches)[len(arguments.batches) // 2]
        more = [threads for threads in arguments.more_threads if threads <= count_cores()]
        cases += [(middle, threads) for threads in more]
    return cases


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
    parser.add_argument(
        "--more-threads", type=int, nargs="*", default=[], help="threads tried beside --threads"
    )
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    results: dict[tuple[int, int], list[dict[str, Any]]]
    results = {case: [] for case in list_cases(arguments, device)}
    # A fork would begin with this process's memory.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for turn in range(arguments.rounds):
            for (number, threads), found in results.items():
                if turn == 0 or (turn + 1) * number <= max(arguments.batches):
                    found.append(pool.submit(measure, arguments, number, threads).result())
    frame = pd.DataFrame([summarize(number, found) for (number, _), found in results.items()])
    frame.insert(0, "model", arguments.name)
    save_table(frame, arguments.output)


if __name__ == "__main__":
    run(main)
