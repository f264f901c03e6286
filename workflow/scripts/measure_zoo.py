"""Solve problems whose geodesic distances are known, by each solver and in each precision."""

import argparse
from collections.abc import Sequence

import torch

from latent_transport.evidence.zoo.collection import make_zoo
from latent_transport.evidence.zoo.solving import solve_zoo
from latent_transport.storage import save_table
from workflow.recording import name_processor, note_device
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, help="table to write")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    note_device(name_processor())
    save_table(solve_zoo(make_zoo().values()), arguments.output)


if __name__ == "__main__":
    run(main)
