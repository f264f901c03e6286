"""Compute geodesics of a geometry for several values of its number, a file each."""

import argparse
from collections.abc import Sequence

import torch

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.pairs import find_ends
from latent_transport.evidence.keys import FAMILIES
from latent_transport.evidence.measures.connections import connect_pairs
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.models.loading import load_geometry, load_subspace
from latent_transport.storage import DataError, load_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--geometry", required=True, choices=FAMILIES)
    parser.add_argument("--values", type=float, nargs="+", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--curves", nargs="+", required=True, help="arrays to write, one a value")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    if len(arguments.values) != len(arguments.curves):
        raise DataError(
            f"{len(arguments.values)} values for {len(arguments.curves)} files; expected as many"
        )
    device = prepare(arguments)
    settings = SolverSettings.parse(arguments.settings)
    pairs = load_table(arguments.pairs)
    ends = find_ends(Codes.load(arguments.codes), pairs)
    z0, z1 = (torch.from_numpy(z).to(device) for z in ends)  # (m, d) each
    subspace = None
    if GEOMETRIES[arguments.geometry].active:
        subspace = load_subspace(arguments.codes, device=device)
    for value, path in zip(arguments.values, arguments.curves, strict=True):
        geometry = load_geometry(
            arguments.geometry,
            vae=arguments.model,
            codes=arguments.codes,
            device=device,
            **{FAMILIES[arguments.geometry]: value},
        )
        label = f"{arguments.geometry} {value:g}"
        _, curves = connect_pairs(
            geometry, pairs, z0, z1, settings, subspace=subspace, progress=label
        )
        curves.save(path)


if __name__ == "__main__":
    run(main)
