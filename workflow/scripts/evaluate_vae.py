"""Measure a trained VAE on its held-out images: one row of the table of models."""

import argparse
from collections.abc import Sequence

import pandas as pd
import torch

from latent_transport.datasets.codes import Codes, active_dimensions
from latent_transport.datasets.subsets import SPLITS, load_subset
from latent_transport.models.elbo import evaluate_elbo
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare

SAMPLES = 4


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--subset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--history", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table of one row to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    subset = load_subset(arguments.subset)
    vae = load_vae(arguments.model, device)
    history = load_table(arguments.history)
    held_out = Codes.load(arguments.codes).of("test").mean  # (n, d)
    loss = evaluate_elbo(
        vae,
        images_of(subset, "test", device),
        generator=torch.Generator(device).manual_seed(arguments.seed),
        samples=SAMPLES,
    )
    row = {
        "model": arguments.name,
        "digits": " ".join(map(str, subset.digits)),
        "latent_dim": vae.architecture.latent_dim,
        "components": vae.architecture.components,
        **{split: len(subset.rows(split)) for split in SPLITS},
        "epochs": len(history),
        "best_epoch": int(history.loc[history["validation_loss"].idxmin(), "epoch"]),
        "bits_per_dim": loss["loss"],
        "reconstruction": loss["reconstruction"],
        "kl": loss["kl"],
        "active_dims": len(active_dimensions(held_out)),
        "seconds": history["seconds"].iloc[-1],
    }
    save_table(pd.DataFrame([row]), arguments.output)


if __name__ == "__main__":
    run(main)
