"""Compute the geodesics of one chunk of endpoint pairs, all at once."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.pairs import find_ends, take_chunk, take_first
from latent_transport.evidence.measures.connections import connect_pairs
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.models.loading import load_geometry, load_subspace
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def read_strength(text: str) -> float:
    """Return the number, or the one that the named JSON file holds."""
    try:
        return float(text)
    except ValueError:
        return float(json.loads(Path(text).read_text())["strength"])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--geometry", required=True, choices=GEOMETRIES)
    parser.add_argument("--uncertainty", help="of the uncertain decoder")
    parser.add_argument("--ensemble", help="of decoders")
    parser.add_argument("--strength", type=read_strength, help="of the weight: number, or file")
    parser.add_argument("--regularisation", type=float, help="weight of the latent metric")
    parser.add_argument("--blur", type=float, help="variance of the blur, in squared pixels")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--first", type=int, help="pairs of each kind; without it, all")
    parser.add_argument("--chunk", required=True, help="such as 2-of-4")
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--table", required=True, help="table to write")
    parser.add_argument("--curves", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    settings = SolverSettings.parse(arguments.settings)
    pairs = take_chunk(take_first(load_table(arguments.pairs), arguments.first), arguments.chunk)
    ends = find_ends(Codes.load(arguments.codes), pairs)
    z0, z1 = (torch.from_numpy(z).to(device) for z in ends)  # (m, d) each
    geometry = load_geometry(
        arguments.geometry,
        vae=arguments.model,
        codes=arguments.codes,
        uncertainty=arguments.uncertainty,
        ensemble=arguments.ensemble,
        strength=arguments.strength,
        regularisation=arguments.regularisation,
        blur=arguments.blur,
        device=device,
    )
    subspace = None
    if GEOMETRIES[arguments.geometry].active:
        subspace = load_subspace(arguments.codes, device=device)
    table, curves = connect_pairs(
        geometry, pairs, z0, z1, settings, subspace=subspace, progress="geodesics"
    )
    save_table(table, arguments.table)
    curves.save(arguments.curves)


if __name__ == "__main__":
    run(main)
