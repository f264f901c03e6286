"""Fetch the raw IDX files of a data set, and the names of its classes."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from latent_transport.datasets.catalogue import SOURCES
from latent_transport.datasets.classes import FILE, write_classes
from latent_transport.datasets.sources import fetch, find_classes
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=SOURCES, required=True)
    parser.add_argument("--data-folder", help="folder with the files")
    parser.add_argument("--output", required=True, type=Path, help="folder to write to")
    arguments = parser.parse_args(argv)
    options = {"source": arguments.source, "data_folder": arguments.data_folder}
    fetch(arguments.output, **options)
    write_classes(arguments.output / FILE, find_classes(arguments.output, **options))


if __name__ == "__main__":
    run(main)
