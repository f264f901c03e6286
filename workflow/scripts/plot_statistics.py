"""Draw the middles of latent planes, and images along their principal geodesics."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from latent_transport.datasets.classes import read_classes
from latent_transport.evidence.plotting.statistics import plot_statistics
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_arrays
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--strips", nargs="+", required=True, help="arrays, a file a plane, named by it"
    )
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    figure = plot_statistics(
        {Path(path).stem: load_arrays(path) for path in arguments.strips},
        classes=read_classes(arguments.classes),
    )
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)
