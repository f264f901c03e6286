"""Time geodesics of decoders of many sizes, and take the memory that each needs.

Each decoder is solved in a process of its own, whose memory nobody else has stretched.
"""

import argparse
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
import torch

from latent_transport.evidence.measures.benchmarks import resident_peak, timed
from latent_transport.evidence.measures.decoders import DECODERS
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.refinement import FIRST_CONTROLS
from latent_transport.geodesics.solvers.preconditioners import choose_kind
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.storage import save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

SPREAD = 1.3  # of the ends, in standard deviations of the prior


def measure(
    arguments: argparse.Namespace, name: str, latent_dim: int, side: int
) -> dict[str, float | str]:
    """Solve the pairs of one decoder in this process: a row of the table.

    ``memory`` is what the solve adds, in bytes, to the peak after imports and the decoder's making;
    ``whole_memory`` is the peak of the process (on a GPU: of its tensors) with those.
    """
    device = prepare(arguments)
    decoder = DECODERS[name](latent_dim, side, seed=arguments.seed).to(device).eval()
    geometry = Wasserstein1(decoder)
    generator = torch.Generator().manual_seed(arguments.seed)
    ends = SPREAD * torch.randn(2, arguments.pairs, latent_dim, generator=generator)  # (2, n, d)
    z0, z1 = ends.to(device)
    geometry.distance(z0, z1)  # what is imported or compiled late is no solver's fault
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device) if cuda else resident_peak()
    begin = time.process_time()
    paths, seconds = timed(lambda: connecting_geodesics(geometry, z0, z1), device)
    processor = time.process_time() - begin
    after = torch.cuda.max_memory_allocated(device) if cuda else resident_peak()
    line = CubicSpline.straight(z0, z1, FIRST_CONTROLS)
    return {
        "decoder": name,
        "latent_dim": latent_dim,
        "variables": decoder(z0).batch_shape[-1],
        "parameters": sum(weights.numel() for weights in decoder.parameters()),
        "preconditioner": choose_kind(geometry, line).__name__,
        "pairs": arguments.pairs,
        "seconds_a_geodesic": (seconds if cuda else processor) / arguments.pairs,
        "memory": after - before,
        "whole_memory": after,
        "mean_iterations": paths.report.iterations.double().mean().item(),
        "converged": paths.converged.double().mean().item(),
        "threads": arguments.threads,
        "device": str(device),
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latent-dims", type=int, nargs="+", required=True)
    parser.add_argument("--sides", type=int, nargs="+", required=True, help="of images, in pixels")
    parser.add_argument("--pairs", type=int, required=True, help="geodesics of each decoder")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    # A fork would begin with this process's memory.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        rows = [
            pool.submit(measure, arguments, name, latent_dim, side).result()
            for name in DECODERS
            for side in arguments.sides
            for latent_dim in arguments.latent_dims
        ]
    save_table(pd.DataFrame(rows), arguments.output)


if __name__ == "__main__":
    run(main)
