"""Time other packages' geodesics beside ours, on problems whose distances are known."""

import argparse
import logging
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from latent_transport.evidence.peers.catalogue import PEERS, describe_runs
from latent_transport.evidence.peers.problems import Problem, make_problems
from latent_transport.evidence.peers.workers import Worker
from latent_transport.storage import save_table
from workflow.recording import name_processor, note_device
from workflow.scripts.command import run

LIMIT = 60  # seconds that a peer may take for a problem

logger = logging.getLogger(__name__)


def compare(problem: Problem, workers: dict[str, Worker], *, rounds: int) -> list:
    """Let the peers take turns at a problem, once cold and then in rounds: a row each.

    A peer that fails, or takes too long, or whose runs together take too long, has no more turns.
    """
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    found: dict[str, dict[str, Any]] = {}
    playing = list(workers)
    for _ in range(1 + rounds):
        for name in list(playing):
            answer = workers[name].ask(name, problem.name, LIMIT)
            if "status" in answer:
                playing.remove(name)
                found.setdefault(name, answer)  # what it found before stands
                continue
            found[name] = answer
            seconds[name].append(answer["seconds"])
            if sum(seconds[name]) > LIMIT:
                playing.remove(name)
    return [describe(problem, name, seconds[name], found[name]) for name in workers]


def describe(
    problem: Problem, name: str, seconds: Sequence[float], found: dict[str, Any]
) -> dict[str, Any]:
    peer = PEERS[name]
    row = {
        "problem": problem.name,
        "kind": problem.kind,
        "dims": problem.dims,
        "distance": problem.distance,
        "peer": name,
        "version": peer.version,
        "settings": peer.settings,
        "status": found.get("status", "solved"),
    }
    return row | (describe_runs(problem, seconds, found) if seconds else {})


def main(argv: Sequence[str] | None = None) -> None:
    problems = make_problems()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, required=True, help="runs after the first")
    parser.add_argument(
        "--problems", nargs="+", choices=problems, default=list(problems), help="default: all"
    )
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    device = name_processor()
    note_device(device)
    # The last core: what else a machine runs often sits on the first.
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    # A process each: one that takes too long is ended, and with it what it compiled.
    workers = {name: Worker(peer.environment, core) for name, peer in PEERS.items()}
    rows = []
    try:
        for name in arguments.problems:
            logger.info("%s", name)
            rows += compare(problems[name], workers, rounds=arguments.rounds)
    finally:
        for worker in workers.values():
            worker.close()
    frame = pd.DataFrame(rows)
    frame["threads"], frame["device"] = 1, device
    save_table(frame, arguments.output)


if __name__ == "__main__":
    run(main)
