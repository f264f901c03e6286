"""Find the mean, the median and the principal geodesics of the codes in a latent plane."""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from latent_transport.datasets.codes import Codes
from latent_transport.distributions.registry import distribution_mean
from latent_transport.evidence.keys import PLANES, RANDOM
from latent_transport.evidence.measures.labels import choose_points
from latent_transport.evidence.measures.statistics import COMPONENTS, DEVIATIONS, measure_plane
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import save_arrays, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digit", type=int, required=True, help="label of the plane's images")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--points", type=int, required=True, help="test images to take")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table of a row a kind of mean")
    parser.add_argument("--strips", required=True, help="arrays of points and their images")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    codes = Codes.load(arguments.codes)
    rows = choose_points(codes, arguments.points, neighbours=COMPONENTS, seed=arguments.seed)
    decoder = load_vae(arguments.model, device).decoder
    z = torch.from_numpy(codes.mean[rows]).to(device)  # (n, d)
    plane = measure_plane(Wasserstein1(decoder), z, progress=f"digit {arguments.digit}")
    # Planes are the units that the summary's intervals are over.
    table = pd.DataFrame(plane.rows)
    save_table(table.assign(model=PLANES, kind=RANDOM, pair=arguments.digit), arguments.output)
    arrays = {"deviations": np.array(DEVIATIONS), "variance": plane.variance}
    shown = {"codes": z, "coordinates": plane.coordinates, "curves": plane.curves}
    arrays |= {name: points.cpu().numpy() for name, points in shown.items()}
    for name, points in plane.places().items():
        with torch.no_grad():
            images = distribution_mean(decoder(points))  # (T, D)
        arrays |= {f"{name}_points": points.cpu().numpy(), f"{name}_images": images.cpu().numpy()}
    save_arrays(arguments.strips, arrays, {})


if __name__ == "__main__":
    run(main)
