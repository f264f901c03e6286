"""Draw images on geodesics above linear interpolations: the first pair's, or the other pairs'."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.classes import read_classes
from latent_transport.evidence.plotting.images import ROWS, plot_image_path, plot_image_paths
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.storage import load_arrays
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", required=True, help="safetensors file of the pairs to draw")
    parser.add_argument(
        "--pairs",
        choices=("first", "others"),
        required=True,
        help="first: one large strip (Figure 3); others: strips in two columns (Figure 4)",
    )
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=list(ROWS),
        default=["geodesic", "interpolation"],
        help="from top to bottom",
    )
    parser.add_argument("--confidence", help="arrays of judge_strips, to write beside the rows")
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    paths = load_arrays(arguments.paths, "ends", "labels", *arguments.rows)
    confidence = None
    if arguments.confidence is not None:
        confidence = load_arrays(arguments.confidence, *arguments.rows)
    if arguments.pairs == "first":
        figure = plot_image_path(paths, rows=arguments.rows, confidence=confidence)
    else:
        others = {name: array[1:] for name, array in paths.items()}
        if confidence is not None:
            confidence = {name: array[1:] for name, array in confidence.items()}
        classes = read_classes(arguments.classes)
        figure = plot_image_paths(
            others, rows=arguments.rows, classes=classes, confidence=confidence
        )
    save_figure(figure, *arguments.output)


if __name__ == "__main__":
    run(main)
