"""Judge the paper's claims by the summaries of the evidence, each as the config declares."""

import argparse
import json
from collections.abc import Sequence

from latent_transport.evidence.claims.verdicts import judge_claims
from latent_transport.evidence.vocabulary import PARTS
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in (name for name, part in PARTS.items() if part.judged):
        parser.add_argument(f"--{name}", help="table of summaries")
    parser.add_argument("--claims", required=True, help="evidence.claims as JSON")
    parser.add_argument("--output-verdicts", required=True, help="table of a row a claim")
    parser.add_argument("--output-tests", required=True, help="table of a row a test")
    arguments = vars(parser.parse_args(argv))
    output_verdicts, output_tests = (arguments.pop(f"output_{n}") for n in ("verdicts", "tests"))
    declared = json.loads(arguments.pop("claims"))
    tables = {name: load_table(path) for name, path in arguments.items() if path}
    verdicts, tests = judge_claims(tables, declared)
    save_table(verdicts, output_verdicts)
    save_table(tests, output_tests)


if __name__ == "__main__":
    run(main)
