"""Choose the strength of a conformal weight by the images on geodesics of validation pairs."""

import argparse
import json
from collections.abc import Sequence

import torch
from tqdm.auto import tqdm

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import load_subset
from latent_transport.evidence.claims.strengths import score_strengths
from latent_transport.evidence.data.pairs import find_ends
from latent_transport.evidence.keys import LINE
from latent_transport.evidence.measures.classifiers import load_classifier
from latent_transport.evidence.measures.judgements import judge_paths
from latent_transport.evidence.measures.plausibility import Judge, extract_features
from latent_transport.evidence.measures.strips import inner_fractions
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.measures import FINE_SEGMENTS
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.models.loading import load_geometry
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, replacing, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, images_of, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    weighted = [name for name, recipe in GEOMETRIES.items() if recipe.weighted]
    parser.add_argument("--geometry", required=True, choices=weighted)
    parser.add_argument("--subset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--uncertainty", help="of the uncertain decoder")
    parser.add_argument("--classifier", required=True)
    parser.add_argument("--pairs", required=True, help="table of validation pairs")
    parser.add_argument("--candidates", type=float, nargs="+", required=True, help="strengths")
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--images", type=int, required=True, help="images between the ends")
    parser.add_argument("--samples", type=int, required=True, help="importance samples an image")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--strength", required=True, help="JSON file to write")
    parser.add_argument("--table", required=True, help="table of scores to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    settings = SolverSettings.parse(arguments.settings)
    vae, pairs = load_vae(arguments.model, device), load_table(arguments.pairs)
    classifier = load_classifier(arguments.classifier, device)
    training = images_of(load_subset(arguments.subset), "train", device)  # (m, D)
    features = extract_features(classifier, training)  # (m, F)
    judge = Judge(vae.decoder, vae, classifier, features, arguments.samples)
    ends = find_ends(Codes.load(arguments.codes), pairs)
    z0, z1 = (torch.from_numpy(z).to(device) for z in ends)  # (p, d) each
    t = torch.linspace(0, 1, FINE_SEGMENTS + 1, device=device)  # (N,)
    curves = {LINE: torch.lerp(z0[:, None], z1[:, None], t[:, None])}  # (p, N, d) each
    for strength in tqdm(arguments.candidates, unit="strength"):
        geometry = load_geometry(
            arguments.geometry,
            vae=arguments.model,
            codes=arguments.codes,
            uncertainty=arguments.uncertainty,
            strength=strength,
            device=device,
        )
        curves[str(strength)] = settings.connect(geometry, z0, z1)(t)
    fractions = inner_fractions(arguments.images, device)  # (T,)
    table = judge_paths(judge, pairs, curves, fractions, seed=arguments.seed, at_once=len(pairs))
    scores = score_strengths(table, LINE)
    save_table(scores, arguments.table)
    best = {"strength": scores.loc[scores["score"].idxmax(), "strength"]}
    with replacing(arguments.strength) as path:
        path.write_text(json.dumps(best) + "\n")


if __name__ == "__main__":
    run(main)
