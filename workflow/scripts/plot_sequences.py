"""Draw sequences whose intermediates are known, and paths beside them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from latent_transport.evidence.plotting.sequences import plot_sequences
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_arrays
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--strips", nargs="+", required=True, help="arrays, a file a sequence, named by it"
    )
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    figure = plot_sequences({Path(path).stem: load_arrays(path) for path in arguments.strips})
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)
