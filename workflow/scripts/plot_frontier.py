"""Draw the front of plausible images against lengths."""

import argparse
from collections.abc import Sequence

from latent_transport.evidence.plotting.frontier import plot_frontier
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", required=True, help="table of the front")
    parser.add_argument("--model", default="all", help="model to draw")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    figure = plot_frontier(load_table(arguments.summary), arguments.model)
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)
