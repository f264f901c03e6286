"""Print what comes out of a job under each condition; arguments choose by words of their names.

``python tests/workflow/tabulate_conditions.py`` ends with status 1 if anything is a fault.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conditions.collection import CONDITIONS
from conditions.harness import UnavailableError, finish_plain, run

WIDTH = 100  # of what is said


def main(words: Sequence[str]) -> int:
    """Print a row a condition as it comes, and return how many are faults."""
    chosen = [name for name in CONDITIONS if not words or any(word in name for word in words)]
    widest = max(map(len, chosen), default=0)
    print(f"  {'condition':{widest}}  exit  outcome      seconds  said")
    faults = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        plain = Path(folder) / "plain"
        finish_plain(plain)
        for number, name in enumerate(chosen):
            box = Path(folder) / str(number)
            box.mkdir()
            try:
                outcome = run(CONDITIONS[name], plain, box)
            except UnavailableError as error:
                print(f"  {name:{widest}}     -  {'skipped':11}  {'-':>7}  {error}", flush=True)
                continue
            faults += not outcome.expected
            print(
                f"{' ' if outcome.expected else '!'} {name:{widest}}  {outcome.exit!s:>4}  "
                f"{outcome.status:11}  {outcome.seconds:7.1f}  {outcome.said[:WIDTH]}",
                flush=True,
            )
    print(f"{len(chosen)} conditions, {faults} faults")
    return faults


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
