"""Draw Figure 2: latent spaces of single digits, with geodesics chosen by chance."""

import argparse
from collections.abc import Sequence

from latent_transport.datasets.classes import read_classes
from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.curves import Curves
from latent_transport.evidence.keys import FAR
from latent_transport.evidence.plotting.spaces import (
    LatentSpace,
    draw_curve_pairs,
    plot_latent_spaces,
)
from latent_transport.evidence.plotting.style import save_figure
from latent_transport.evidence.vocabulary import model_label
from latent_transport.storage import DataError, load_arrays, load_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", required=True, help="names, e.g. digit0 digit1")
    files = ("fields", "codes", "geodesics", "curves")
    for name in files:
        parser.add_argument(
            f"--{name}", nargs="+", required=True, help="one file a model, in the models' order"
        )
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--pairs", type=int, required=True, help="how many geodesics a panel")
    parser.add_argument("--seed", type=int, required=True, help="seed of their choice")
    parser.add_argument("--output", nargs="+", required=True, help="pdf, png or svg files to write")
    arguments = parser.parse_args(argv)
    for name in files:
        found = len(getattr(arguments, name))
        if found != len(arguments.models):
            raise DataError(f"--{name} names {found} files for {len(arguments.models)} models")

    classes = read_classes(arguments.classes)
    spaces = [
        load_space(model_label(model, classes), *paths, pairs=arguments.pairs, seed=arguments.seed)
        for model, *paths in zip(
            arguments.models, *(getattr(arguments, name) for name in files), strict=True
        )
    ]
    save_figure(plot_latent_spaces(spaces), *arguments.output)


def load_space(
    title: str, field: str, codes: str, geodesics: str, curves: str, *, pairs: int, seed: int
) -> LatentSpace:
    table = load_table(geodesics)
    chosen = draw_curve_pairs(table, pairs, seed=seed)
    return LatentSpace(
        title=title,
        codes=Codes.load(codes).mean,
        curves=Curves.load(curves).of(chosen).points,
        far=(table.set_index("pair").loc[chosen, "kind"] == FAR).to_numpy(),
        **load_arrays(field, "x", "y", "volume", "excursion"),
    )


if __name__ == "__main__":
    run(main)
