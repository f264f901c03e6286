"""Decode images along geodesics, for Figures 3 and 4."""

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from latent_transport.datasets.subsets import load_subset
from latent_transport.evidence.data.curves import Curves
from latent_transport.evidence.data.pairs import draw_pairs
from latent_transport.evidence.measures.strips import decode_strips, inner_fractions
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_arrays
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--geodesics", required=True, help="table of geodesics")
    parser.add_argument("--curves", required=True)
    parser.add_argument("--further", nargs="*", default=[], help="names of further geometries")
    parser.add_argument("--further-curves", nargs="*", default=[], help="in the names' order")
    parser.add_argument("--pairs", type=int, required=True, help="pairs to draw")
    parser.add_argument("--images", type=int, required=True, help="images between the ends")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    subset = load_subset(arguments.subset)
    table = load_table(arguments.geodesics).set_index("pair")
    pairs = draw_pairs(table.reset_index(), arguments.pairs, arguments.seed)
    decoder = load_vae(arguments.model, device).decoder
    curves = {"geodesic": arguments.curves}
    curves |= zip(arguments.further, arguments.further_curves, strict=True)
    paths = {
        name: torch.from_numpy(Curves.load(path).of(pairs).points).to(device)
        for name, path in curves.items()
    }  # (m, N, d) each
    ends_of = table.loc[pairs, ["row0", "row1"]].to_numpy()  # (m, 2)
    ends = subset.images[ends_of]  # (m, 2, D)
    arrays = {
        "pair": np.asarray(pairs, dtype=np.int64),
        "ends": ends,
        "labels": subset.labels[ends_of],
        **decode_strips(decoder, paths, ends, inner_fractions(arguments.images, device)),
    }
    save_arrays(arguments.output, arrays, {})


if __name__ == "__main__":
    run(main)
