"""Runs that are killed, run out of disk or meet damaged files: they say so, and can go on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox import copy_repository, run_snakemake, start_snakemake, write_config
from tiny import SETTINGS, fingerprint, plan_tiny, run_tiny

pytestmark = pytest.mark.slow

RESULTS = Path("results", "tiny")
DIGIT = RESULTS / "models" / "digit1"
PATHS = RESULTS / "geodesics" / "digit1" / "wasserstein1"
DATA = RESULTS / "data" / "all.safetensors"


@pytest.fixture
def fresh(tmp_path) -> Path:
    """A copy of the repository without results."""
    return copy_repository(tmp_path / "repository")


def run_target(repository: Path, target: Path) -> subprocess.CompletedProcess:
    config = write_config(repository, SETTINGS)
    return run_snakemake(repository, target, "--cores", "2", "--configfile", config)


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# --- Killed ---


def test_a_run_killed_ten_times_ends_with_the_same_results(finished, interrupted):
    assert fingerprint(interrupted / RESULTS) == fingerprint(finished / RESULTS)


def test_unlocking_needs_no_further_option(fresh):
    (fresh / ".snakemake" / "locks").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--unlock"],
        cwd=fresh,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (fresh / ".snakemake" / "locks").exists()


def test_of_two_runs_at_once_the_second_is_refused_and_the_first_ends_well(fresh):
    options = [DATA, "--cores", "1", "--configfile", write_config(fresh, SETTINGS)]
    with start_snakemake(fresh, *options) as first:
        begun = any(re.match("(local)?rule fetch", line) for line in first.stdout)
        second = run_snakemake(fresh, *options)
        first.communicate()
    assert begun
    assert second.returncode != 0
    assert "LockException" in second.stdout
    assert "Directory cannot be locked" in second.stdout
    assert "Traceback" not in second.stdout
    assert first.returncode == 0
    assert (fresh / DATA).is_file()


# --- Without room ---


def mount(*arguments: str | Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a disk for the test can only be mounted by root")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted for the test: {done.stderr.strip()}")


@pytest.fixture
def disk(fresh, request):
    """Where the results go in a fresh copy: a disk of their own, with the given options."""
    folder = fresh / RESULTS
    folder.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", request.param, "none", folder)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("disk", ["size=6m"], indirect=True)
def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_space(fresh, disk, finished):
    assert run_target(fresh, DATA).returncode != 0
    log = (disk / "logs" / "subset" / "all.log").read_text()
    assert f"error: [Errno 28] No space left on device: '{DATA}'" in log
    assert "Traceback" not in log
    assert not [name for name in list_files(disk / "data") if not name.startswith("raw/")]
    mount("-o", "remount,size=64m", disk)
    done = run_target(fresh, DATA)
    assert done.returncode == 0, done.stdout
    assert "rule fetch" not in done.stdout
    assert (fresh / DATA).read_bytes() == (finished / DATA).read_bytes()


@pytest.mark.parametrize("disk", ["ro"], indirect=True)
def test_a_folder_that_cannot_be_written_to_is_named(fresh, disk):
    done = run_target(fresh, DATA)
    assert done.returncode != 0
    assert "Failed to create output directory results/tiny/data/raw" in done.stdout
    assert "Read-only file system" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_file_in_the_place_of_the_results_is_named_before_any_job(fresh):
    (fresh / "results").touch()
    done = run_target(fresh, DATA)
    assert done.returncode != 0
    assert 'config key pathvars.results is "results/tiny"; expected a folder' in done.stdout
    assert "Traceback" not in done.stdout
    assert "Job stats" not in done.stdout


# --- Damaged or deleted ---


@pytest.mark.parametrize(
    ("damaged", "target", "log"),
    [
        (DIGIT / "vae.safetensors", DIGIT / "codes.safetensors", "encode/digit1.log"),
        (
            PATHS / "chunks" / "1-of-2.csv",
            PATHS / "geodesics.csv",
            "gather_geodesics/digit1/wasserstein1.log",
        ),
        (
            PATHS / "chunks" / "2-of-2.safetensors",
            PATHS / "curves.safetensors",
            "gather_geodesics/digit1/wasserstein1.log",
        ),
    ],
)
def test_a_truncated_file_is_named_and_deleting_it_heals(
    repository, finished, damaged, target, log
):
    path = repository / damaged
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert run_target(repository, target).returncode != 0
    told = (repository / RESULTS / "logs" / log).read_text()
    assert re.search(rf"error: {damaged} \(\d+ bytes\) cannot be read, .*: delete it and run", told)
    assert "Traceback" not in told
    path.unlink()
    done = run_target(repository, target)
    assert done.returncode == 0, done.stdout
    assert fingerprint(repository / RESULTS) == fingerprint(finished / RESULTS)


def test_a_deleted_intermediate_result_is_made_again_for_what_needs_it(repository, finished):
    (repository / RESULTS / "paths" / "all.safetensors").unlink()
    figure = RESULTS / "figures" / "figure4.pdf"
    (repository / figure).unlink()
    run_tiny(repository, str(figure))
    assert fingerprint(repository / RESULTS) == fingerprint(finished / RESULTS)


@pytest.mark.parametrize(
    ("deleted", "rule"),
    [
        (DATA, "subset"),
        (DIGIT / "vae.safetensors", "train_vae"),
        (PATHS / "geodesics.parquet", "gather_geodesics"),
        (RESULTS / "paper" / "figures" / "figure1.png", "publish_figure"),
    ],
)
def test_a_deleted_result_is_made_again(repository, deleted, rule):
    (repository / deleted).unlink()
    assert plan_tiny(repository)[rule] == 1
