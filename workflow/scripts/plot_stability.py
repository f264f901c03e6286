"""Draw how much distances vary over retrained models."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.classes import read_classes
from latent_transport.evidence.plotting.stability import plot_stability
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="table of a row a pair and geometry")
    parser.add_argument("--levels", required=True, help="table of a row a seed and geometry")
    parser.add_argument("--summary", required=True, help="table of means and intervals")
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    figure = plot_stability(
        load_table(arguments.table),
        load_table(arguments.summary),
        load_table(arguments.levels),
        classes=read_classes(arguments.classes),
    )
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)
