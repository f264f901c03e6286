"""Choose classes from the raw files and split them into train, validation and test images."""

import argparse
import logging
from collections.abc import Sequence

import numpy as np

from latent_transport.datasets.subsets import make_subset, save_subset
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", required=True, help="folder with the four IDX files")
    parser.add_argument("--digits", type=int, nargs="+", help="labels; all by default")
    parser.add_argument("--validation-fraction", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="safetensors file to write")
    arguments = parser.parse_args(argv)
    subset = make_subset(
        arguments.raw, arguments.digits, arguments.validation_fraction, arguments.seed
    )
    save_subset(subset, arguments.output)
    logging.getLogger(__name__).info(
        "%s: %d train, %d validation, %d test images", arguments.output, *np.bincount(subset.split)
    )


if __name__ == "__main__":
    run(main)
