"""Fetch the raw IDX files of MNIST, or of its sample."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.sources import SOURCES, fetch
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=SOURCES, required=True)
    parser.add_argument("--data-folder", help="folder with the files, for source mnist")
    parser.add_argument("--output", required=True, help="folder to write the four files to")
    arguments = parser.parse_args(argv)
    fetch(arguments.output, source=arguments.source, data_folder=arguments.data_folder)


if __name__ == "__main__":
    run(main)
