"""Take the first endpoint pairs of each kind."""

import argparse
from collections.abc import Sequence

from latent_transport.evidence.data.pairs import take_first
from latent_transport.evidence.keys import FAR, RANDOM
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", required=True, help="table of pairs")
    parser.add_argument("--random", type=int, required=True, help="random pairs at most")
    parser.add_argument("--far", type=int, required=True, help="pairs that are far apart, at most")
    parser.add_argument("--output", required=True, help="table of pairs to write")
    arguments = parser.parse_args(argv)
    counts = {RANDOM: arguments.random, FAR: arguments.far}
    save_table(take_first(load_table(arguments.pairs), counts), arguments.output)


if __name__ == "__main__":
    run(main)
