"""Copies of the repository, and Snakemake in them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

ROOT = Path(__file__).parents[2]
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
    variables: Mapping[str, str] = MappingProxyType({}),
    limit: int | None = None,
) -> subprocess.CompletedProcess:
    """Run Snakemake in ``folder`` and return its status, with all that it printed as stdout.

    ``variables`` are added to the environment. After ``limit`` seconds Snakemake and its jobs are
    killed, which raises ``TimeoutExpired``.
    """
    with start_snakemake(folder, *arguments, variables=variables) as process:
        try:
            printed, _ = process.communicate(timeout=limit)
        except BaseException:  # tests that are interrupted leave no jobs behind
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, printed)


def start_snakemake(
    folder: Path, *arguments: str | Path, variables: Mapping[str, str] = MappingProxyType({})
) -> subprocess.Popen:
    """Start Snakemake in ``folder``, as the leader of a process group of its own.

    One core, unless the arguments say otherwise: before 9.27 a dry run wants a number, too.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    environment.pop("PYTHONPATH", None)  # the jobs must find the copy by themselves
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


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
