"""Judge how plausible the images on the paths between pairs are."""

import argparse
import json
from collections.abc import Sequence

import numpy as np
import torch

from latent_transport.datasets.subsets import load_subset
from latent_transport.distributions.registry import distribution_mean
from latent_transport.evidence.keys import (
    FADE,
    IMAGES,
    INTERPOLATION,
    LINE,
    POSTERIOR,
    PRIOR,
    RECONSTRUCTIONS,
)
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
    parser.add_argument("--judge", required=True, help="model that gives the likelihood")
    parser.add_argument("--classifier", required=True)
    parser.add_argument("--pairs", required=True, help="table of the endpoint pairs")
    parser.add_argument("--paths", nargs="+", required=True, help="names, e.g. wasserstein1")
    parser.add_argument("--curves", nargs="+", required=True, help="arrays, in the names' order")
    parser.add_argument("--first", type=json.loads, help="JSON: path -> pairs of each kind it has")
    parser.add_argument("--images", type=int, required=True, help="images between the ends")
    parser.add_argument("--samples", type=int, required=True, help="importance samples an image")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    subset = load_subset(arguments.subset)
    pairs = load_table(arguments.pairs)
    vae, other = (load_vae(path, device) for path in (arguments.model, arguments.judge))
    classifier = load_classifier(arguments.classifier, device)
    training = extract_features(classifier, images_of(subset, "train", device))  # (m, F)
    judge = Judge(vae.decoder, other, classifier, training, arguments.samples)
    paths = load_paths(arguments.paths, arguments.curves, pairs, arguments.first)
    codes = torch.from_numpy(paths[LINE][:, [0, -1]]).to(device)  # (p, 2, d)
    ends = torch.from_numpy(subset.images[pairs[["row0", "row1"]].to_numpy()])  # (p, 2, D)
    rng = np.random.default_rng(arguments.seed)
    count = len(pairs), arguments.images
    test = images_of(subset, "test", device)  # (m, D)
    others = test[rng.integers(len(test), size=count)]  # (p, T, D)
    prior = rng.standard_normal((*count, codes.shape[-1]), dtype=np.float32)  # (p, T, d)
    with torch.no_grad():
        faded = distribution_mean(vae.decoder(codes))  # (p, 2, D)
        posterior = vae.encoder(others.flatten(0, 1)).base_dist
    encoded, scale = (part.unflatten(0, count) for part in (posterior.loc, posterior.scale))
    noise = torch.from_numpy(rng.standard_normal(encoded.shape, dtype=np.float32))  # (p, T, d)
    table = judge_paths(
        judge,
        pairs,
        {name: torch.from_numpy(points) for name, points in paths.items()},
        inner_fractions(arguments.images, device),
        fades={FADE: faded, INTERPOLATION: ends},
        images={IMAGES: others},
        points={
            RECONSTRUCTIONS: encoded,
            POSTERIOR: encoded + scale * noise.to(device),
            PRIOR: torch.from_numpy(prior),
        },
        seed=arguments.seed,
    )
    table.insert(0, "model", arguments.name)
    save_table(table, arguments.output)


if __name__ == "__main__":
    run(main)
