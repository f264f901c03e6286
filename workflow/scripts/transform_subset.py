"""Put every image of a subset at a random place in a sequence, such as of brightness."""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import torch

from latent_transport.datasets.subsets import load_subset, save_subset
from latent_transport.evidence.keys import SEQUENCES
from latent_transport.evidence.measures.sequences import transform_at_random
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", required=True, help="images as they are")
    parser.add_argument("--sequence", choices=SEQUENCES, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="safetensors file to write")
    arguments = parser.parse_args(argv)
    subset = load_subset(arguments.subset)
    generator = torch.Generator().manual_seed(arguments.seed)
    images = torch.from_numpy(subset.images).to(torch.float32)  # (n, D)
    moved = transform_at_random(arguments.sequence, images, generator)  # (n, D)
    save_subset(replace(subset, images=moved.to(torch.uint8).numpy()), arguments.output)


if __name__ == "__main__":
    run(main)
