"""Train an ensemble of decoders on the encoder of a trained VAE."""

import argparse
import json
from collections.abc import Sequence

from latent_transport.datasets.subsets import load_subset
from latent_transport.models.ensembles import save_ensemble, train_ensemble
from latent_transport.models.loop import Schedule
from latent_transport.models.vae import load_vae
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", required=True, help="images of the digits")
    parser.add_argument("--model", required=True)
    parser.add_argument("--members", type=int, required=True, help="decoders, the VAE's included")
    parser.add_argument("--schedule", type=json.loads, required=True, help="JSON object")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="weights to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    subset = load_subset(arguments.subset)
    ensemble, losses = train_ensemble(
        load_vae(arguments.model, device),
        images_of(subset, "train", device),
        images_of(subset, "validation", device),
        members=arguments.members,
        schedule=Schedule(**arguments.schedule),
        seed=arguments.seed,
        progress=f"decoders of digits {' '.join(map(str, subset.digits))}",
    )
    notes = {"seed": str(arguments.seed), "validation_reconstruction": json.dumps(losses)}
    save_ensemble(ensemble, arguments.output, notes)


if __name__ == "__main__":
    run(main)
