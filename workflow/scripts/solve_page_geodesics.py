"""Compute the geodesics of every geometry between all pairs of a plane's anchors."""

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.measures.crossings import SEGMENTS, connect_in_each
from latent_transport.evidence.page.anchors import choose_anchors
from latent_transport.evidence.page.paths import AnchorPaths
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.models.loading import load_geometry
from latent_transport.models.vae import load_vae
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--anchors", type=int, required=True, help="number of anchors")
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    settings = SolverSettings.parse(arguments.settings)
    components = load_vae(arguments.model, device).decoder.architecture.components
    codes = Codes.load(arguments.codes)
    held_out = codes.rows("test")
    chosen = choose_anchors(codes.mean[held_out], arguments.anchors, arguments.seed)
    anchors = held_out[chosen]  # (A,)
    first, second = np.triu_indices(len(anchors), 1)  # (m,) each
    z0, z1 = (
        torch.from_numpy(codes.mean[anchors[side]]).to(device) for side in (first, second)
    )  # (m, 2) each
    geometries = {
        name: load_geometry(name, vae=arguments.model, device=device)
        for name, recipe in GEOMETRIES.items()
        if recipe.plain and (components == 1 or recipe.takes_mixtures)
    }
    crossings = connect_in_each(geometries, z0, z1, settings)
    AnchorPaths(
        geometries=tuple(geometries),
        anchors=anchors,
        pairs=np.stack((first, second), -1),
        points=crossings.points,
        lengths=crossings.lengths,
        converged=crossings.converged,
        segments=SEGMENTS,
    ).save(arguments.output)


if __name__ == "__main__":
    run(main)
