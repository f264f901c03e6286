"""Draw how well distances in a latent space tell the labels apart."""

import argparse
from collections.abc import Sequence

from latent_transport.evidence.plotting.neighbours import plot_neighbours
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", required=True, help="table of means and intervals")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    save_figure(plot_neighbours(load_table(arguments.summary)), *arguments.output)


if __name__ == "__main__":
    run(main)
