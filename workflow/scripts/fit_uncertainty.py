"""Fit the decoder that grows uncertain away from the codes."""

import argparse
import logging
from collections.abc import Sequence

import torch

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import load_subset
from latent_transport.models.uncertainty import fit_uncertainty, save_uncertainty
from latent_transport.models.vae import load_vae
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--subset", required=True, help="images of the digits")
    parser.add_argument("--centres", type=int, default=128, help="centres of k-means")
    parser.add_argument("--limit", type=float, default=0.01, help="relative change of the ELBO")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="centres and width to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    train = Codes.load(arguments.codes).of("train")
    decoder, notes = fit_uncertainty(
        load_vae(arguments.model, device),
        torch.from_numpy(train.mean).to(device),
        torch.from_numpy(train.scale).to(device),
        images_of(load_subset(arguments.subset), "validation", device),
        centres=arguments.centres,
        limit=arguments.limit,
        seed=arguments.seed,
    )
    logging.getLogger(__name__).info(
        "width %.4g; the ELBO worsens by %.3f %%", decoder.width, 100 * notes["change"]
    )
    settings = {"limit": arguments.limit, "seed": arguments.seed, **notes}
    save_uncertainty(decoder, arguments.output, {key: str(x) for key, x in settings.items()})


if __name__ == "__main__":
    run(main)
