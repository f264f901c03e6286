"""Sidecars written beside the files of a script, and what it tells them."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from latent_transport.storage import recording_writes, replacing
from workflow.provenance import CONFIG, find_commit, find_versions, hash_file, sidecar_of

_device: ContextVar[str | None] = ContextVar("device", default=None)


def note_device(name: str) -> None:
    """Say on which device the script computes."""
    _device.set(name)


def name_processor() -> str:
    """Model of the CPU, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@contextmanager
def recording(arguments: Sequence[str]) -> Iterator[None]:
    """Write a sidecar beside each file that the block writes, once it has succeeded.

    Parameters
    ----------
    arguments : sequence of str
        Of the script; an option ``--seed`` among them is the seed.
    """
    begin = time.perf_counter()
    with recording_writes() as written:
        yield
    seconds = time.perf_counter() - begin
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--seed", type=int)
    record = {
        "script": _name_script(),
        "arguments": list(arguments),
        "commit": find_commit(),
        "config_hash": os.environ.get(CONFIG) or None,
        "seed": parser.parse_known_args(arguments)[0].seed,
        "device": _device.get(),
        "versions": find_versions(),
        "seconds": round(seconds, 3),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for path in dict.fromkeys(written):
        told = {"file": path.name, "sha256": hash_file(path), **record}
        with replacing(sidecar_of(path)) as temporary:
            temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _name_script() -> str:
    """Name of the module that runs as a script."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.rpartition(".")[2] if spec else Path(sys.argv[0]).stem
