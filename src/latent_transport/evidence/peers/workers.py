"""Processes in which peers solve: one thread each, with the environment that a package wants.

A worker reads a line of JSON, ``{"peer": ..., "problem": ...}``, and answers with one: ``seconds``,
``length``, ``curve_length`` and ``converged``, or ``status``, which says why there is no answer.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from latent_transport.evidence.peers.base import Solve
from latent_transport.evidence.peers.catalogue import ONE_THREAD, PEERS
from latent_transport.evidence.peers.lengths import measure_length
from latent_transport.evidence.peers.problems import make_problems


class Worker:
    """A process that solves for a peer, started when it is first asked.

    Parameters
    ----------
    environment : mapping of str to str
        Beside that of this process and of one thread.
    core : int, optional
        The only core that it may use, where the system can tell it so.
    """

    def __init__(self, environment: Mapping[str, str], core: int | None = None) -> None:
        self.environment = {**os.environ, **ONE_THREAD, **environment}
        self.core = core
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, peer: str, problem: str, limit: float) -> dict[str, Any]:
        """Let a peer solve a problem: what it found, or a ``status`` that says why it did not.

        Parameters
        ----------
        peer, problem : str
            Their names.
        limit : float
            Seconds after which the process is ended; another is started at the next question.
        """
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):  # it ended: its answers do so too
            process.stdin.write(json.dumps({"peer": peer, "problem": problem}).encode() + b"\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], limit)
        answer = process.stdout.readline() if ready else b""
        if answer:
            return dict(json.loads(answer))
        self.close()
        return {"status": "process ended" if ready else f"over {limit:g} s"}

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "latent_transport.evidence.peers.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment,
        )
        if self.core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, {self.core})
        return self._process


def connect(peer: str, problem: str, prepared: dict[tuple[str, str], Solve]) -> dict[str, Any]:
    """Let a peer solve a problem in this process, and time it.

    Parameters
    ----------
    peer, problem : str
        Their names.
    prepared : dict
        Solves that earlier calls prepared, to which this one is added: their compilation counts in
        the seconds of the first call only. Imports count in none.
    """
    question = make_problems()[problem]
    try:
        prepare = PEERS[peer].load()
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        return {"status": "not installed" if missing else f"does not import: {error}"}
    try:
        begin = time.perf_counter()
        if (peer, problem) not in prepared:
            prepared[peer, problem] = prepare(question)
        found = prepared[peer, problem]()
        seconds = time.perf_counter() - begin
    except NotImplementedError as error:
        return {"status": f"not known: {error}"}
    except Exception as error:  # a peer's failure is a row of the table
        said = str(error).strip().partition("\n")[0]
        return {"status": f"{type(error).__name__}: {said[:100]}"}
    return {
        "seconds": seconds,
        "length": found.length,
        "curve_length": measure_length(question, found.points),
        "converged": found.converged,
    }


def serve() -> None:
    """Answer the questions on standard input, until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what peers print is no answer
    prepared: dict[tuple[str, str], Solve] = {}
    for line in sys.stdin:
        print(json.dumps(connect(**json.loads(line), prepared=prepared)), file=answers, flush=True)


if __name__ == "__main__":
    serve()
