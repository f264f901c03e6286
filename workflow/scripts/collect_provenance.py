"""Tabulate where the results of a run came from, as their sidecars tell."""

import argparse
import logging
from collections.abc import Sequence

import pandas as pd

from latent_transport.storage import save_table
from workflow.provenance import read_provenance
from workflow.scripts.command import run

FACTS = ["script", "commit", "config_hash", "seed", "device", "seconds", "finished"]

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", nargs="+", required=True, help="files with a sidecar each")
    parser.add_argument("--output", required=True, help="table to write")
    arguments = parser.parse_args(argv)
    rows = []
    for path in arguments.results:
        record = read_provenance(path)
        if record is None:
            logger.warning("nothing tells where %s came from", path)
            record = {}
        facts = {name: record.get(name) for name in FACTS}
        rows.append({"file": path, **facts, **record.get("versions", {})})
    save_table(pd.DataFrame(rows).astype({"seed": "Int64"}), arguments.output)


if __name__ == "__main__":
    run(main)
