"""Draw the field of indicatrices of a latent plane: where, and in which direction, W1 is short."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.plotting.indicatrices import plot_indicatrices
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_arrays
from workflow.scripts.command import run

ARRAYS = ("points", "wasserstein1", "wasserstein2", "departure")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indicatrices", required=True, help="indicatrices.safetensors of a model")
    parser.add_argument("--field", required=True, help="field.safetensors of the same model")
    parser.add_argument("--codes", required=True, help="codes.safetensors of the same model")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    figure = plot_indicatrices(
        load_arrays(arguments.indicatrices, *ARRAYS),
        load_arrays(arguments.field, "x", "y", "volume"),
        Codes.load(arguments.codes).mean,
    )
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)
