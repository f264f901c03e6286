"""Measure how sure a classifier is of the images in each row of the figures."""

import argparse
from collections.abc import Sequence

import torch

from latent_transport.evidence.measures.classifiers import load_classifier
from latent_transport.evidence.measures.plausibility import measure_classification
from latent_transport.storage import load_arrays, save_arrays
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", required=True, help="images of decode_paths")
    parser.add_argument("--rows", nargs="+", required=True, help="arrays of images to judge")
    parser.add_argument("--classifier", required=True)
    parser.add_argument("--output", required=True, help="arrays to write, a number a pair")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    classifier = load_classifier(arguments.classifier, device)
    strips = load_arrays(arguments.paths, *arguments.rows)  # (m, T, D) each
    confidence = {}
    for row, images in strips.items():
        measured = measure_classification(classifier, torch.from_numpy(images).to(device))
        confidence[row] = measured["confidence"].cpu().numpy()  # (m,)
    save_arrays(arguments.output, confidence, {})


if __name__ == "__main__":
    run(main)
