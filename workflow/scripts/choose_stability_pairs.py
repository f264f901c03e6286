"""Choose the test images whose distances are measured under every retrained model."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.subsets import load_subset
from latent_transport.evidence.data.pairs import choose_random_pairs
from latent_transport.storage import save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subset", required=True, help="images of the model, e.g. digit0")
    parser.add_argument("--pairs", type=int, required=True, help="uniformly random pairs")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table of pairs to write")
    arguments = parser.parse_args(argv)
    subset = load_subset(arguments.subset)
    pairs = choose_random_pairs(subset, arguments.pairs, seed=arguments.seed)
    save_table(pairs[["pair", "index0", "index1", "label0", "label1"]], arguments.output)


if __name__ == "__main__":
    run(main)
