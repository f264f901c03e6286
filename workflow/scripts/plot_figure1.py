"""Draw Figure 1: a geodesic on the decoder's surface, and the chord between its ends."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.evidence.plotting.surfaces import plot_geodesic_and_chord
from latent_transport.storage import load_arrays
from workflow.scripts.command import run

ARRAYS = (
    "x",
    "y",
    "volume",
    "surface",
    "geodesic",
    "line",
    "surface_geodesic",
    "surface_line",
    "surface_chord",
)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--field", required=True, help="field.safetensors of a model")
    parser.add_argument("--codes", required=True, help="codes.safetensors of the same model")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    field = load_arrays(arguments.field, *ARRAYS)
    codes = Codes.load(arguments.codes).mean
    save_figure(plot_geodesic_and_chord(field, codes), *arguments.output)


if __name__ == "__main__":
    run(main)
