"""Judge how plausible the images on the paths between pairs are."""

import argparse
from collections.abc import Sequence

import torch

from latent_transport.datasets.subsets import load_subset
from latent_transport.evidence.measures.classifiers import load_classifier
from latent_transport.evidence.measures.containment import load_paths
from latent_transport.evidence.measures.judgements import judge_paths
from latent_transport.evidence.measures.plausibility import Judge, extract_features
from latent_transport.evidence.measures.strips import inner_fractions
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--subset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--classifier", required=True)
    parser.add_argument("--pairs", required=True, help="table of the endpoint pairs")
    parser.add_argument("--paths", nargs="+", required=True, help="names, e.g. wasserstein1")
    parser.add_argument("--curves", nargs="+", required=True, help="arrays, in the names' order")
    parser.add_argument("--images", type=int, required=True, help="images between the ends")
    parser.add_argument("--samples", type=int, required=True, help="importance samples an image")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    subset = load_subset(arguments.subset)
    pairs = load_table(arguments.pairs)
    vae = load_vae(arguments.model, device)
    classifier = load_classifier(arguments.classifier, device)
    training = extract_features(classifier, images_of(subset, "train", device))  # (m, F)
    judge = Judge(vae, classifier, training, arguments.samples)
    ends = torch.from_numpy(subset.images[pairs[["row0", "row1"]].to_numpy()])  # (p, 2, D)
    paths = load_paths(arguments.paths, arguments.curves, pairs["pair"].to_numpy())
    table = judge_paths(
        judge,
        pairs,
        {name: torch.from_numpy(points) for name, points in paths.items()},
        inner_fractions(arguments.images, device),
        ends=ends,
        seed=arguments.seed,
    )
    table.insert(0, "model", arguments.name)
    save_table(table, arguments.output)


if __name__ == "__main__":
    run(main)
