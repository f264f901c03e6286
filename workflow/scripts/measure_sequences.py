"""Measure whether paths between the ends of sequences pass through what is known to lie halfway."""

import argparse
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from latent_transport.datasets.subsets import load_subset
from latent_transport.evidence.keys import LINE, RANDOM, SEQUENCES
from latent_transport.evidence.measures.sequences import (
    encode_at,
    follow_sequence,
    measure_halfway,
)
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.measures import FINE_SEGMENTS
from latent_transport.models.loading import load_geometry
from latent_transport.models.vae import load_vae
from latent_transport.storage import DataError, save_arrays, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare

FRACTIONS = 13  # of each path at which it is compared with the sequence

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequence", choices=SEQUENCES, required=True)
    parser.add_argument("--subset", required=True, help="images as they are")
    parser.add_argument("--model", required=True, help="trained on images of the sequences")
    parser.add_argument("--images", type=int, required=True, help="test images to begin from")
    parser.add_argument("--geometries", nargs="+", required=True)
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    parser.add_argument("--strips", required=True, help="arrays to write, errors and images")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    test = images_of(load_subset(arguments.subset), "test", device)  # (n, D)
    if len(test) < arguments.images:
        raise DataError(
            f"{arguments.subset} has {len(test)} test images, fewer than the {arguments.images} of "
            "evidence.sequences.images; lower that"
        )
    chosen = np.random.default_rng(arguments.seed).permutation(len(test))[: arguments.images]
    images = test[torch.from_numpy(np.sort(chosen)).to(device)]  # (B, D)
    vae = load_vae(arguments.model, device)
    start, end = (encode_at(arguments.sequence, vae, images, u) for u in (0.0, 1.0))
    t = torch.linspace(0, 1, FINE_SEGMENTS + 1, device=device)  # (N,)
    paths = {LINE: torch.lerp(start[:, None], end[:, None], t[:, None])}  # (B, N, d) each
    settings = SolverSettings.parse(arguments.settings)
    for name in arguments.geometries:
        geometry = load_geometry(name, vae=arguments.model, device=device)
        found = settings.connect(geometry, start, end)
        log.info("%s: %d of %d converged", name, found.converged.sum(), len(images))
        paths[name] = found(t)
    measured = measure_halfway(arguments.sequence, vae, images, paths)
    tables = [
        pd.DataFrame(
            {
                "model": arguments.sequence,
                "kind": RANDOM,
                "pair": range(len(images)),
                "path": path,
                **{name: value.cpu().numpy() for name, value in values.items()},
            }
        )
        for path, values in measured.items()
    ]
    save_table(pd.concat(tables), arguments.output)
    fractions = torch.linspace(0, 1, FRACTIONS, device=device)  # (T,)
    errors, strips = follow_sequence(arguments.sequence, vae, images, paths, fractions)
    arrays = {
        "fractions": fractions,
        **{f"{path}_error": value for path, value in errors.items()},
        **{f"{path}_images": value for path, value in strips.items()},
    }
    save_arrays(arguments.strips, {name: value.cpu().numpy() for name, value in arrays.items()}, {})


if __name__ == "__main__":
    run(main)
