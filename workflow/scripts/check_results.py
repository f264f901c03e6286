"""Compare the numbers of a run with reference values; or make these from a run."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from latent_transport.evidence.claims.numbers import Numbers
from latent_transport.evidence.claims.reproduction import (
    REPRODUCED,
    compare_numbers,
    format_comparison,
    make_reference,
)
from latent_transport.storage import DataError, load_table, save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", required=True, type=Path, help="numbers.json of the run")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--reference", help="table to compare with")
    group.add_argument("--write-reference", help="table to write, with default tolerances")
    arguments = parser.parse_args(argv)
    numbers = load_numbers(arguments.numbers)
    if arguments.write_reference:
        save_table(make_reference(numbers), arguments.write_reference)
        return
    compared = compare_numbers(load_table(arguments.reference), numbers)
    print(format_comparison(compared))
    if (compared["outcome"] != REPRODUCED).any():
        sys.exit(f"error: the run does not reproduce {arguments.reference}")


def load_numbers(path: Path) -> Numbers:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read, {error}: run the workflow again to make it"
        ) from error


if __name__ == "__main__":
    run(main)
