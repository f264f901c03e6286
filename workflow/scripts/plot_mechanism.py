"""Draw the confidence in the images of each path against what may explain it."""

import argparse
from collections.abc import Sequence

from latent_transport.evidence.plotting.mechanism import plot_mechanism
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plausibility", required=True, help="table of a row a pair and path")
    parser.add_argument("--containment", required=True, help="table of a row a pair and path")
    parser.add_argument("--model", default="all", help="model to draw")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    tables = (load_table(path) for path in (arguments.plausibility, arguments.containment))
    save_figure(plot_mechanism(*tables, arguments.model), *arguments.output)


if __name__ == "__main__":
    run(main)
