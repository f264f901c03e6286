"""Train the VAE of one latent space."""

import argparse
import json
from collections.abc import Sequence

import pandas as pd

from latent_transport.datasets.subsets import load_subset
from latent_transport.models.loop import Schedule
from latent_transport.models.training import train_vae
from latent_transport.models.vae import Architecture, save_vae
from latent_transport.storage import DataError, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", required=True, help="images of the model")
    parser.add_argument("--architecture", type=json.loads, required=True, help="JSON object")
    parser.add_argument("--schedule", type=json.loads, required=True, help="JSON object")
    parser.add_argument("--free-bits", type=float, default=0, help="nats a latent dimension")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--model", required=True, help="weights to write")
    parser.add_argument("--history", required=True, help="training curves to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    subset = load_subset(arguments.subset)
    try:
        architecture = Architecture(data_dim=subset.images.shape[1], **arguments.architecture)
    except ValueError as error:
        raise DataError(f"no such model of {arguments.subset}: {error}") from error
    vae, history = train_vae(
        architecture,
        images_of(subset, "train", device),
        images_of(subset, "validation", device),
        schedule=Schedule(**arguments.schedule),
        seed=arguments.seed,
        free_bits=arguments.free_bits,
        progress=f"digits {' '.join(map(str, subset.digits))}",
    )
    save_vae(vae, arguments.model, {"seed": str(arguments.seed)})
    save_table(pd.DataFrame(history.rows), arguments.history)


if __name__ == "__main__":
    run(main)
