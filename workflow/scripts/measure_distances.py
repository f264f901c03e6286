"""Measure the distances of fixed pairs of test images under one model, along geodesics and not."""

import argparse
from collections.abc import Sequence

import torch

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import load_subset
from latent_transport.evidence.keys import DIRECT, LATENT, PIXELS
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.loading import load_geometry
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True, help="table with index0 and index1")
    parser.add_argument("--geometries", nargs="+", required=True, help="e.g. wasserstein1")
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    settings = SolverSettings.parse(arguments.settings)
    codes = Codes.load(arguments.codes)
    table = load_table(arguments.pairs)[["pair", "index0", "index1"]]
    z0, z1 = (
        torch.from_numpy(codes.find("test", table[index].to_numpy()).mean).to(device)
        for index in ("index0", "index1")
    )  # (m, d) each
    subset = load_subset(arguments.subset)
    row_of = {index: row for row, index in enumerate(subset.of("test").indices.tolist())}
    test = images_of(subset, "test", device)  # (n, D)
    x0, x1 = (test[[row_of[i] for i in table[index]]] for index in ("index0", "index1"))  # (m, D)
    decoder = load_vae(arguments.model, device).decoder
    with torch.no_grad():
        direct = Wasserstein1(decoder).distance(z0, z1)  # (m,)
    measured = {
        LATENT: (z1 - z0).norm(dim=-1),
        PIXELS: (x1 - x0).norm(dim=-1),
        DIRECT: direct,
    }
    for name in arguments.geometries:
        geometry = load_geometry(name, vae=arguments.model, codes=arguments.codes, device=device)
        measured[name] = settings.connect(geometry, z0, z1).length
    for name, distances in measured.items():
        table[name] = distances.cpu().numpy()
    save_table(table, arguments.output)


if __name__ == "__main__":
    run(main)
