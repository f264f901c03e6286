"""Measure a latent plane: the metric's volume, the decoder's surface, and two curves on it."""

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from latent_transport.datasets.codes import Codes
from latent_transport.distributions.registry import distribution_mean
from latent_transport.evidence.data.curves import Curves
from latent_transport.evidence.data.pairs import draw_far_pair
from latent_transport.evidence.measures.containment import fit_region
from latent_transport.evidence.measures.fields import measure_field
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_arrays
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

DIRECTIONS = 16


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--geodesics", required=True, help="table of geodesics")
    parser.add_argument("--curves", required=True)
    parser.add_argument("--size", type=int, required=True, help="grid points along an axis")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    decoder = load_vae(arguments.model, device).decoder
    every_code = Codes.load(arguments.codes)
    codes = torch.from_numpy(every_code.mean).to(device)  # (n, 2)
    curves = Curves.load(arguments.curves)
    geometry = Wasserstein1(decoder, directions=DIRECTIONS)
    # Any of the curves may be drawn.
    every = torch.from_numpy(curves.points).to(device)  # (m, T, 2)
    field = measure_field(geometry, codes, every, size=arguments.size)
    pair = draw_far_pair(load_table(arguments.geodesics), arguments.seed)
    geodesic = torch.from_numpy(curves.of([pair]).points[0]).to(device)  # (T, 2)
    t = torch.from_numpy(curves.t).to(device)[:, None]  # (T, 1)
    line = torch.lerp(geodesic[0], geodesic[-1], t)  # (T, 2)
    surface_geodesic = field.project(distribution_mean(decoder(geodesic)))  # (T, 3)
    region = fit_region(every_code, np.random.default_rng(arguments.seed))
    grid = torch.stack(torch.meshgrid(field.x, field.y, indexing="xy"), -1)  # (G, G, 2)
    excursion = torch.from_numpy(region.excursions(grid.cpu().numpy()))  # (G, G)
    arrays = {
        "x": field.x,
        "y": field.y,
        "volume": field.volume,
        "excursion": excursion.to(field.x),
        "surface": field.surface,
        "geodesic": geodesic,
        "line": line,
        "surface_geodesic": surface_geodesic,
        "surface_line": field.project(distribution_mean(decoder(line))),
        "surface_chord": surface_geodesic[[0, -1]],
    }
    save_arrays(
        arguments.output,
        {name: value.cpu().numpy() for name, value in arrays.items()},
        {"pair": str(pair)},
    )


if __name__ == "__main__":
    run(main)
