"""Measure the indicatrices of the pulled-back W1 and W2 on a coarse grid of a latent plane."""

import argparse
import math
from collections.abc import Sequence

import torch

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.measures.fields import cell_centres, ellipse_departure, indicatrices
from latent_transport.geometries.riemannian import Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import save_arrays
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--size", type=int, required=True, help="points along an axis")
    parser.add_argument("--angles", type=int, default=64, help="directions, around the full turn")
    parser.add_argument("--output", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    decoder = load_vae(arguments.model, device).decoder
    codes = torch.from_numpy(Codes.load(arguments.codes).mean).to(device)  # (m, 2)
    points = cell_centres(codes, arguments.size)  # (n, 2)
    angles = torch.arange(arguments.angles, device=device) * (2 * math.pi / arguments.angles)
    wasserstein1 = indicatrices(Wasserstein1(decoder), points, angles)  # (n, A, 2)
    arrays = {
        "points": points,
        "wasserstein1": wasserstein1,
        "wasserstein2": indicatrices(Wasserstein2(decoder), points, angles),
        "departure": ellipse_departure(wasserstein1),
    }
    save_arrays(arguments.output, {name: value.cpu().numpy() for name, value in arrays.items()}, {})


if __name__ == "__main__":
    run(main)
