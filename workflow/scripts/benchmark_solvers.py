"""Time solvers on the same pairs of one trained model; energies are measured alike."""

import argparse
import time
from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from latent_transport.families import Family
from latent_transport.geodesics import connecting_geodesics
from latent_transport.geometries import Wasserstein1
from latent_transport.likelihoods import DiscretizedLogisticMixture
from latent_transport.models import load_vae
from latent_transport.solvers import LBFGS, Adam, GaussNewton
from latent_transport.stochman_adapter import StochMan
from latent_transport.storage import DataError, load_arrays, load_table, save_table
from latent_transport.wasserstein import wasserstein1_pmf
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


class LiteralWasserstein1(Wasserstein1):
    """W1 by Eq. 5 as printed: probabilities of the 256 levels, and their cumulative sums."""

    def residuals(self, family: Family, p: Tensor, q: Tensor) -> Tensor:
        pmfs = [
            DiscretizedLogisticMixture(
                torch.zeros_like(x[..., 0, :, None]),
                x[..., 0, :, None],
                x[..., 1, :, None],
                validate_args=False,
            ).probs
            for x in (p, q)
        ]
        return wasserstein1_pmf(*pmfs).unsqueeze(-2)  # (..., 1, D)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True, help="table of pairs")
    parser.add_argument("--count", type=int, required=True, help="pairs for our solvers")
    parser.add_argument("--count-published", type=int, required=True, help="pairs for StochMan's")
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    decoder = load_vae(arguments.model, device).decoder
    if decoder.architecture.components != 1:
        raise DataError("the benchmark of solvers needs a model with components: 1")
    # Every kind of pair stands in the first rows of a shuffled table.
    table = load_table(arguments.pairs).sample(frac=1, random_state=0)
    codes = torch.from_numpy(load_arrays(arguments.codes, "mean")["mean"]).to(device)  # (n, d)
    ours, literal = Wasserstein1(decoder), LiteralWasserstein1(decoder)
    published = {"points": 20}
    contenders = [
        ("StochMan, Eq. 5 as printed", literal, StochMan(), arguments.count_published, published),
        ("StochMan, our W1", ours, StochMan(), arguments.count_published, published),
        ("Adam", ours, Adam(), arguments.count_published, {}),
        ("L-BFGS", ours, LBFGS(), arguments.count, {}),
        ("Gauss-Newton", ours, GaussNewton(), arguments.count, {}),
    ]
    rows = []
    for name, geometry, solver, count, settings in contenders:
        part = table.head(count)
        z0, z1 = (codes[torch.tensor(part[row].to_numpy())] for row in ("row0", "row1"))
        # The first call loads what torch imports late, which is no solver's fault.
        connecting_geodesics(ours, z0[:1], z1[:1], solver=GaussNewton(max_iterations=1))
        begin = time.perf_counter()
        paths = connecting_geodesics(geometry, z0, z1, solver=solver, **settings)
        seconds = (time.perf_counter() - begin) / count
        fine = connecting_geodesics(ours, z0, z1, solver=GaussNewton(tolerance=1e-6))
        curve = paths.curve
        energy = type(paths)(ours, z0, z1, curve, paths.report).energy  # (count,)
        rows.append(
            {
                "model": arguments.name,
                "solver": name,
                "geodesics": count,
                "seconds_a_geodesic": seconds,
                "converged": paths.converged.double().mean().item(),
                "mean_iterations": paths.report.iterations.double().mean().item(),
                "median_energy_excess": (energy / fine.energy - 1).median().item(),
                "largest_energy_excess": (energy / fine.energy - 1).max().item(),
                "threads": arguments.threads,
                "device": str(device),
            }
        )
    save_table(pd.DataFrame(rows), arguments.output)


if __name__ == "__main__":
    run(main)
