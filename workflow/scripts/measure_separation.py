"""Measure how far the W1 and the Fisher-Rao geodesics of one latent space part."""

import argparse
from collections.abc import Sequence

import torch

from latent_transport.evidence.data.curves import Curves
from latent_transport.evidence.data.pairs import take_first
from latent_transport.evidence.measures.separation import measure_separation
from latent_transport.geometries.riemannian import FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import load_vae
from latent_transport.storage import DataError, load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="of the model, e.g. digit0 or all")
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", required=True, help="table of the pairs and their kinds")
    parser.add_argument("--first", type=int, help="pairs of each kind; without it, all")
    parser.add_argument("--wasserstein1", required=True, help="curves of the W1 geodesics")
    parser.add_argument("--fisher-rao", required=True, help="curves of the Fisher-Rao geodesics")
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    decoder = load_vae(arguments.model, device).decoder
    table = take_first(load_table(arguments.pairs), arguments.first)[["kind", "pair"]]
    ours, theirs = (
        torch.from_numpy(Curves.load(path).of(table["pair"]).points).to(device)
        for path in (arguments.wasserstein1, arguments.fisher_rao)
    )  # (m, T, d) each
    if ours.shape[2] != theirs.shape[2]:
        raise DataError(
            f"{arguments.wasserstein1} has curves in {ours.shape[2]} dimensions, "
            f"{arguments.fisher_rao} in {theirs.shape[2]}; expected curves of one model"
        )
    measured = measure_separation(Wasserstein1(decoder), ours, FisherRao(decoder), theirs)
    table.insert(0, "model", arguments.name)
    table["path"] = "wasserstein1"
    names = {"excess_first": "excess_wasserstein1", "excess_second": "excess_fisher_rao"}
    for name, values in measured.items():
        table[names.get(name, name)] = values.cpu().numpy()
    save_table(table, arguments.output)


if __name__ == "__main__":
    run(main)
