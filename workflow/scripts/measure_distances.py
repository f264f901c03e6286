"""Measure the distances of fixed pairs of test images under one model, in several geometries."""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from latent_transport.evidence.data.pairs import TEST_SPLIT
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.models.loading import load_geometry
from latent_transport.storage import DataError, load_arrays, load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def find_codes(path: str, indices: np.ndarray) -> np.ndarray:
    """Codes of the test images with the given positions in the data set's file."""
    codes = load_arrays(path, "mean", "indices", "split")
    held_out = np.flatnonzero(codes["split"] == TEST_SPLIT)
    row_of = pd.Series(held_out, codes["indices"][held_out])
    missing = np.setdiff1d(indices, row_of.index)
    if len(missing):
        raise DataError(
            f"{path} has no codes of {len(missing)} test images of the pairs, such as image "
            f"{missing[0]}: choose the pairs among the data the model was trained for"
        )
    return codes["mean"][row_of.loc[indices]]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True, help="table with index0 and index1")
    parser.add_argument("--geometries", nargs="+", required=True, help="e.g. wasserstein1")
    parser.add_argument("--settings", type=SolverSettings.parse, required=True, help="JSON object")
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    table = load_table(arguments.pairs)[["pair", "index0", "index1"]]
    z0, z1 = (
        torch.from_numpy(find_codes(arguments.codes, table[index].to_numpy())).to(device)
        for index in ("index0", "index1")
    )  # (m, d) each
    measured = {"latent": (z1 - z0).norm(dim=-1)}
    for name in arguments.geometries:
        geometry = load_geometry(name, vae=arguments.model, codes=arguments.codes, device=device)
        measured[name] = arguments.settings.connect(geometry, z0, z1).length
    for name, distances in measured.items():
        table[name] = distances.cpu().numpy()
    save_table(table, arguments.output)


if __name__ == "__main__":
    run(main)
