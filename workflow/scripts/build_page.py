"""Build the interactive page of one latent plane."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from latent_transport.datasets.classes import read_classes
from latent_transport.datasets.codes import Codes
from latent_transport.evidence.page.builder import Plane, Provenance, build_page
from latent_transport.evidence.page.network import pack_decoder
from latent_transport.storage import load_arrays, load_metadata, replacing
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digit", type=int, required=True, help="label of the class")
    parser.add_argument("--classes", required=True, help="names of the classes, one a line")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--field", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="HTML file to write")
    arguments = parser.parse_args(argv)
    field = load_arrays(arguments.field, "x", "y", "volume")
    plane = Plane(codes=Codes.load(arguments.codes), **field)
    decoder = pack_decoder(
        load_arrays(arguments.model), load_metadata(arguments.model)["architecture"]
    )
    name = read_classes(arguments.classes)[arguments.digit]
    provenance = Provenance(name, arguments.seed)
    page = build_page(decoder, plane, provenance)
    with replacing(arguments.output) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run(main)
