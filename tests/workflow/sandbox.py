"""Copies of the repository, and Snakemake in them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import yaml

ROOT = Path(__file__).parents[2]
# As the command of that name, which has no working directory among Python's folders of modules.
SNAKEMAKE = (sys.executable, "-P", "-m", "snakemake")
# What git ignores, what it keeps for itself, and these tests.
LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "results", "tests"
)


def copy_repository(target: Path) -> Path:
    """Copy what the workflow runs from, so that no lock or result of the original is met."""
    return shutil.copytree(ROOT, target, ignore=LEFT_OUT)


def write_config(folder: Path, settings: dict) -> Path:
    """Write settings to a file of their own in ``folder``."""
    path = folder / f"settings{len(list(folder.glob('settings*.yaml')))}.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def run_snakemake(
    folder: Path,
    *arguments: str | Path,
    variables: Mapping[str, str | None] = MappingProxyType({}),
    limit: int | None = None,
) -> subprocess.CompletedProcess:
    """Run Snakemake in ``folder`` and return its status, with all that it printed as stdout.

    ``variables`` are those of :func:`start`, ``limit`` that of :func:`finish`.
    """
    return finish(start_snakemake(folder, *arguments, variables=variables), limit)


def start_snakemake(
    folder: Path, *arguments: str | Path, variables: Mapping[str, str | None] = MappingProxyType({})
) -> subprocess.Popen:
    """Start Snakemake in ``folder``, on one core unless the arguments say otherwise.

    Before 9.27 a dry run wants a number, too.
    """
    return start(folder, [*SNAKEMAKE, "--cores", "1", *map(str, arguments)], variables)


def start(
    folder: Path,
    command: Sequence[str],
    variables: Mapping[str, str | None] = MappingProxyType({}),
) -> subprocess.Popen:
    """Start a command in ``folder``, as the leader of a process group of its own.

    ``variables`` are added to the environment, or, where they are None, left out of it.
    """
    # The jobs must find the copy by themselves.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": None, **variables}
    return subprocess.Popen(
        command,
        cwd=folder,
        env={name: value for name, value in environment.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def finish(process: subprocess.Popen, limit: int | None = None) -> subprocess.CompletedProcess:
    """Wait for a process that was started, and return its status and all that it printed.

    After ``limit`` seconds it and its children are killed, which raises ``TimeoutExpired``.
    """
    with process:
        try:
            printed, _ = process.communicate(timeout=limit)
        except BaseException:  # tests that are interrupted leave no jobs behind
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, printed)


def kill_after(process: subprocess.Popen, steps: int) -> None:
    """Kill Snakemake and its jobs without warning when so many steps are done."""
    with process:
        for line in process.stdout:
            done = re.match(r"(\d+) of \d+ steps", line)
            if done and int(done[1]) >= steps:
                os.killpg(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL, f"it ended before {steps} steps were done"


def plan(folder: Path, *arguments: str | Path) -> dict[str, int]:
    """Return how many jobs of each rule a run would start; none is ``{}``."""
    done = run_snakemake(folder, "--dry-run", *arguments)
    assert done.returncode == 0, done.stdout
    if "Nothing to be done" in done.stdout:
        return {}
    table = done.stdout.partition("Job stats:")[2].partition("\n\n")[0]
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}
    assert jobs.pop("total") == sum(jobs.values())
    return jobs


def uncomment(profile: str) -> str:
    """Put the commented table ``set-resources`` of a profile's text in force."""
    return re.sub(r"^# (set-resources:|(?:  )+\w+:.*)$", r"\1", profile, flags=re.M)
