"""Write the page of the zoo from its table."""

import argparse
from collections.abc import Sequence

from latent_transport.evidence.zoo.pages import render_page
from latent_transport.storage import load_table, replacing
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="table of the zoo")
    parser.add_argument("--output", required=True, help="Markdown file to write")
    arguments = parser.parse_args(argv)
    with replacing(arguments.output) as temporary:
        temporary.write_text(render_page(load_table(arguments.table)), encoding="utf-8")


if __name__ == "__main__":
    run(main)
