"""Train the classifier that judges images, and measure it on the test images."""

import argparse
import json
from collections.abc import Sequence

import pandas as pd
import torch

from latent_transport.datasets.subsets import SPLITS, load_subset
from latent_transport.evidence.measures.classifiers import (
    evaluate_classifier,
    save_classifier,
    train_classifier,
)
from latent_transport.models.loop import Schedule
from latent_transport.storage import save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", required=True, help="images of all digits")
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON object")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--classifier", required=True, help="weights to write")
    parser.add_argument("--history", required=True, help="training curves to write")
    parser.add_argument("--evaluation", required=True, help="table of one row to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    subset = load_subset(arguments.subset)
    train, validation, test = (
        (
            images_of(subset, split, device),
            torch.from_numpy(subset.of(split).labels).to(device),
        )
        for split in SPLITS
    )
    classifier, history = train_classifier(
        train,
        validation,
        schedule=Schedule(**arguments.settings, patience=None),
        seed=arguments.seed,
        progress="classifier",
    )
    save_classifier(classifier, arguments.classifier, {"seed": str(arguments.seed)})
    save_table(pd.DataFrame(history.rows), arguments.history)
    row = {
        "test_accuracy": evaluate_classifier(classifier, *test)["accuracy"],
        "parameters": sum(weight.numel() for weight in classifier.parameters()),
        "epochs": len(history.rows),
        "seconds": history.rows[-1]["seconds"],
    }
    save_table(pd.DataFrame([row]), arguments.evaluation)


if __name__ == "__main__":
    run(main)
