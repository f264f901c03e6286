"""Compute the geodesics of one chunk of endpoint pairs, all at once."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.measures import FINE_SEGMENTS, measure_curves
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.models.loading import load_geometry
from latent_transport.storage import load_arrays, load_table, save_arrays, save_table
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
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--chunk", required=True, help="such as 2-of-4")
    parser.add_argument("--settings", type=SolverSettings.parse, required=True, help="JSON object")
    parser.add_argument("--table", required=True, help="table to write")
    parser.add_argument("--curves", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    number, chunks = map(int, arguments.chunk.split("-of-"))
    table = load_table(arguments.pairs)
    table = table[table["pair"] % chunks == number - 1].reset_index(drop=True)
    codes = torch.from_numpy(load_arrays(arguments.codes, "mean")["mean"]).to(device)  # (n, d)
    geometry = load_geometry(
        arguments.geometry,
        vae=arguments.model,
        codes=arguments.codes,
        uncertainty=arguments.uncertainty,
        ensemble=arguments.ensemble,
        strength=arguments.strength,
        device=device,
    )
    t = torch.linspace(0, 1, FINE_SEGMENTS + 1, device=device)  # (257,)
    z0, z1 = (codes[torch.tensor(table[row].to_numpy())] for row in ("row0", "row1"))
    points = z0.new_empty(0, len(t), z0.shape[1])
    if len(table):
        paths = arguments.settings.connect(geometry, z0, z1, progress="geodesics")
        points = paths(t)  # (m, 257, d)
        line = torch.lerp(z0[:, None], z1[:, None], t[:, None])  # (m, 257, d)
        line_length, line_energy = measure_curves(geometry, line)
        measured = {
            "length": paths.length,
            "energy": paths.energy,
            "line_length": line_length,
            "line_energy": line_energy,
            "shortening": 1 - paths.length / line_length,
            "iterations": paths.report.iterations,
            "converged": paths.converged,
        }
        for name, values in measured.items():
            table[name] = values.cpu().numpy()
        table["seconds"] = paths.report.seconds / len(table)
    save_table(table, arguments.table)
    arrays = {
        "pair": table["pair"].to_numpy(np.int64),
        "t": t.cpu().numpy(),
        "points": points.cpu().numpy(),
    }
    save_arrays(arguments.curves, arrays, {})


if __name__ == "__main__":
    run(main)
