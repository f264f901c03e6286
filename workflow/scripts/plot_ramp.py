"""Draw the geodesics of a pixel on the ramp, and the pixel along them."""

import argparse
from collections.abc import Sequence

from latent_transport.evidence.plotting.ramps import plot_ramp
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_arrays, load_metadata
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", required=True, help="safetensors file of the ramp's curves")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    cases = load_metadata(arguments.curves)["cases"].split(",")
    figure = plot_ramp(
        load_arrays(arguments.curves), cases, shown=("large", "blurring"), strip="large"
    )
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)
