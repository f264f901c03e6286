"""Draw other packages' geodesics beside ours: error against seconds."""

import argparse
from collections.abc import Sequence

from latent_transport.evidence.plotting.peers import plot_peers
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="table of compare_peers")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    save_figure(plot_peers(load_table(arguments.table)), *arguments.output)


if __name__ == "__main__":
    run(main)
