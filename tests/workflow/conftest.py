"""The tiny run, made once for all tests of the workflow and all processes that run them."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from sandbox import copy_repository, kill_after, run_snakemake, start_snakemake, write_config
from tiny import SETTINGS, run_tiny

# Of the 49 steps of the tiny run, each life but the last sees four.
KILLS, STEPS = 10, 4


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id) -> Path:
    """A folder that all processes of pytest-xdist share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session")
def finished(shared) -> Path:
    """A copy of the repository in which the tiny run has come to its end: not to be changed."""
    return make_once(shared / "finished", run_to_the_end)


@pytest.fixture(scope="session")
def interrupted(shared) -> Path:
    """Another, whose run was killed ten times on its way: not to be changed either."""
    return make_once(shared / "interrupted", run_with_kills)


@pytest.fixture
def repository(finished, tmp_path) -> Path:
    """A copy of the finished run that a test may change."""
    return shutil.copytree(finished, tmp_path / "repository")


def make_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Make ``folder`` if no other process has; one that fails leaves it for the next to try."""
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            making = Path(tempfile.mkdtemp(dir=folder.parent)) / folder.name
            make(making)
            making.rename(folder)
    return folder


def run_to_the_end(folder: Path) -> None:
    copy_repository(folder)
    run_tiny(folder)


def run_with_kills(folder: Path) -> None:
    copy_repository(folder)
    config = write_config(folder, SETTINGS)
    options = ["--cores", "2", "--configfile", config, "--rerun-incomplete"]
    for _ in range(KILLS):
        kill_after(start_snakemake(folder, *options), STEPS)
        unlocked = run_snakemake(folder, "--unlock", "--configfile", config)
        assert unlocked.returncode == 0, unlocked.stdout
    done = run_snakemake(folder, *options)
    assert done.returncode == 0, done.stdout
