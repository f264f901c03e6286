"""Measure the distances of fixed pairs of test images under one model, in several geometries."""

import argparse
from collections.abc import Sequence

import torch

from latent_transport.datasets.codes import Codes
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.models.loading import load_geometry
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
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
    measured = {"latent": (z1 - z0).norm(dim=-1)}
    for name in arguments.geometries:
        geometry = load_geometry(name, vae=arguments.model, codes=arguments.codes, device=device)
        measured[name] = settings.connect(geometry, z0, z1).length
    for name, distances in measured.items():
        table[name] = distances.cpu().numpy()
    save_table(table, arguments.output)


if __name__ == "__main__":
    run(main)
