"""Choose the endpoint pairs of one latent space's geodesics."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import SPLITS
from latent_transport.evidence.data.pairs import choose_pairs
from latent_transport.storage import save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--split", required=True, choices=SPLITS, help="of the images")
    parser.add_argument("--random", type=int, required=True, help="uniformly random pairs")
    parser.add_argument("--far", type=int, required=True, help="pairs that are far apart")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table of pairs to write")
    arguments = parser.parse_args(argv)
    pairs = choose_pairs(
        Codes.load(arguments.codes),
        random=arguments.random,
        far=arguments.far,
        seed=arguments.seed,
        split=arguments.split,
    )
    save_table(pairs, arguments.output)


if __name__ == "__main__":
    run(main)
