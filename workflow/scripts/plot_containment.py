"""Draw how far the paths keep to the region of the codes."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.classes import read_classes
from latent_transport.evidence.plotting.containment import plot_containment
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", required=True, help="table of containment")
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--models", nargs="+", help="models to draw; by default all planes and all")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    figure = plot_containment(
        load_table(arguments.summary), arguments.models, classes=read_classes(arguments.classes)
    )
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)
