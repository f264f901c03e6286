"""Encode all images of a subset: posterior means and scales."""

import argparse
from collections.abc import Sequence

import torch

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import load_subset
from latent_transport.models.vae import load_vae
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

IMAGES_AT_ONCE = 4096


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--output", required=True, help="codes to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    subset = load_subset(arguments.subset)
    vae = load_vae(arguments.model, device)
    posteriors = [
        vae.encoder(batch.to(device)).base_dist
        for batch in torch.from_numpy(subset.images).split(IMAGES_AT_ONCE)
    ]
    codes = Codes(
        mean=torch.cat([posterior.loc for posterior in posteriors]).cpu().numpy(),
        scale=torch.cat([posterior.scale for posterior in posteriors]).cpu().numpy(),
        labels=subset.labels,
        indices=subset.indices,
        split=subset.split,
    )
    codes.save(arguments.output)


if __name__ == "__main__":
    run(main)
