"""Build the interactive page of latent planes, one of which is shown at a time."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from latent_transport.datasets.classes import read_classes
from latent_transport.datasets.codes import Codes
from latent_transport.evidence.page.builder import build_page
from latent_transport.evidence.page.network import pack_decoder
from latent_transport.evidence.page.planes import Plane
from latent_transport.storage import DataError, load_arrays, load_metadata, replacing
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", nargs="+", type=int, required=True, help="labels of classes")
    parser.add_argument("--first", type=int, required=True, help="label of that shown first")
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    files = ("models", "codes", "fields")
    for name in files:
        parser.add_argument(
            f"--{name}", nargs="+", required=True, help="one file a digit, in the digits' order"
        )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="HTML file to write")
    arguments = parser.parse_args(argv)
    for name in files:
        found = len(getattr(arguments, name))
        if found != len(arguments.digits):
            raise DataError(f"--{name} names {found} files for {len(arguments.digits)} digits")

    classes = read_classes(arguments.classes)
    planes = [
        load_plane(classes[digit], *paths)
        for digit, *paths in zip(
            arguments.digits, *(getattr(arguments, name) for name in files), strict=True
        )
    ]
    page = build_page(planes, classes[arguments.first], arguments.seed)
    with replacing(arguments.output) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")


def load_plane(name: str, model: str, codes: str, field: str) -> Plane:
    return Plane(
        name=name,
        decoder=pack_decoder(load_arrays(model), load_metadata(model)["architecture"]),
        codes=Codes.load(codes),
        **load_arrays(field, "x", "y", "volume"),
    )


if __name__ == "__main__":
    run(main)
