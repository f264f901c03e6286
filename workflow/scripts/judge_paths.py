"""Judge how plausible the images on the paths between pairs are."""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from latent_transport.datasets.subsets import load_subset
from latent_transport.evidence.keys import INTERPOLATION
from latent_transport.evidence.measures.classifiers import load_classifier
from latent_transport.evidence.measures.containment import load_paths
from latent_transport.evidence.measures.plausibility import Judge, extract_features
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare

PAIRS_AT_ONCE = 16


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
    fractions = torch.linspace(0, 1, arguments.images + 2, device=device)[1:-1]  # (T,)
    ends = torch.from_numpy(subset.images[pairs[["row0", "row1"]].to_numpy()])  # (p, 2, D)
    paths = load_paths(arguments.paths, arguments.curves, pairs["pair"].to_numpy())
    batches = np.array_split(np.arange(len(pairs)), -(-len(pairs) // PAIRS_AT_ONCE))

    def measure_curves(points: torch.Tensor, generator: torch.Generator) -> dict:
        return judge.measure_paths(points, fractions, generator)

    def measure_interpolation(ends: torch.Tensor, generator: torch.Generator) -> dict:
        first, last = ends.to(fractions.dtype).split(1, dim=1)  # (b, 1, D) each
        images = torch.lerp(first, last, fractions[:, None])  # (b, T, D)
        missing = torch.full((len(ends),), torch.nan, device=device)
        return judge.measure(images, generator) | {"pixel_entropy": missing}

    jobs = {name: (torch.from_numpy(points), measure_curves) for name, points in paths.items()}
    jobs[INTERPOLATION] = (ends, measure_interpolation)
    tables = []
    for path, (data, measure) in tqdm(jobs.items(), unit="path"):
        # The same noise on every path, so that their comparison is free of it.
        generator = torch.Generator(device).manual_seed(arguments.seed)
        for rows in batches:
            measured = measure(data[rows].to(device), generator)
            table = pairs.loc[rows, ["kind", "pair"]].assign(model=arguments.name, path=path)
            for name, values in measured.items():
                table[name] = values.cpu().numpy()
            tables.append(table)
    table = pd.concat(tables)
    keys = ["model", "kind", "pair", "path"]
    save_table(table[keys + [name for name in table if name not in keys]], arguments.output)


if __name__ == "__main__":
    run(main)
