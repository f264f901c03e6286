"""How every script of the workflow runs as a command."""

import logging
import sys
from collections.abc import Callable

from latent_transport.storage import DataError
from workflow.recording import recording


def run(main: Callable[[], None]) -> None:
    """Run ``main`` with its log on stderr, times included, and record where its files came from.

    An error that the user can mend (data or options that do not fit, a loss that diverges, a file
    that cannot be read or written) is printed as ``error: ...`` without a traceback, and the exit
    status is 1. Any other exception is a defect of ours and keeps its traceback.
    """
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        with recording(sys.argv[1:]):
            main()
    except (ArithmeticError, DataError, OSError) as error:
        sys.exit(f"error: {error}")
