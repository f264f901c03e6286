"""Jobs do not depend on where they are called from, nor on what the caller's environment holds."""

import os
import subprocess

import pytest
from sandbox import copy_repository, plan, run_snakemake, write_config

from latent_transport.datasets.subsets import load_subset
from workflow.provenance import COMMIT, describe_source

SETTINGS = {
    "pathvars": {name: f"results/{name}" for name in ("results", "logs", "benchmarks", "paper")},
    "data": {"source": "sample"},
    "digits": [1],
    "all_digits": False,
    "figures": {"surface_digit": 1, "extended": []},
    "evidence": {"parts": ["ramp"]},
}
# Each of which has killed a job, or changed what it finds.
HOSTILE = {
    "GIT_DIR": "/nowhere",
    "LC_ALL": "C",
    "MATPLOTLIBRC": "/nowhere",
    "MPLBACKEND": "module://no_such_backend",
    "PYTHONOPTIMIZE": "2",
    "PYTHONSAFEPATH": "1",
    "PYTHONSTARTUP": "/nowhere",
    "PYTHONWARNINGS": "error",
}


def make(repository, *targets, **options):
    settings = write_config(repository, SETTINGS)
    run = run_snakemake(repository, *targets, "--configfile", settings, limit=300, **options)
    assert run.returncode == 0, run.stdout
    return run


@pytest.mark.parametrize("name", ["{braces} and a space", "it's ünïcode", "linked"])
def test_odd_folders(tmp_path, name):
    repository = copy_repository(tmp_path / name)
    if name == "linked":
        repository = tmp_path / "link"
        repository.symlink_to(tmp_path / name)
    make(repository, "results/results/data/digit1.safetensors")
    assert len(load_subset(repository / "results/results/data/digit1.safetensors").labels) == 500
    # Nothing is to be made again where the same folder is called by its other name.
    target = "results/results/data/digit1.safetensors"
    settings = tmp_path / name / "settings0.yaml"
    assert plan(tmp_path / name, target, "--configfile", settings) == {}


MODULE = """
module transport:
    snakefile: "../repository/Snakefile"

use rule * from transport
"""


@pytest.mark.parametrize("way", ["snakefile", "directory", "module"])
def test_run_from_elsewhere(tmp_path, way):
    repository = copy_repository(tmp_path / "repository")
    settings = write_config(tmp_path, SETTINGS)
    before = sorted(path for path in repository.rglob("*") if "__pycache__" not in path.parts)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = "results/results/figures/ramp.png"
    options = ["--configfile", settings]
    if way == "module":
        (elsewhere / "Snakefile").write_text(MODULE)
    else:
        options += ["--snakefile", repository / "Snakefile"]
    start = elsewhere
    if way == "directory":
        options += ["--directory", elsewhere]
        start = tmp_path
    run = run_snakemake(start, target, *options, limit=300)
    assert run.returncode == 0, run.stdout
    assert (elsewhere / target).stat().st_size > 0
    after = sorted(path for path in repository.rglob("*") if "__pycache__" not in path.parts)
    assert after == before, "the clone may be read-only"


def test_braces_and_elsewhere_do_not_go_together(tmp_path):
    repository = copy_repository(tmp_path / "{repository}")
    run = run_snakemake(tmp_path, "--dry-run", "--snakefile", repository / "Snakefile", limit=60)
    assert run.returncode != 0
    assert "has braces in its name: run from there" in run.stdout
    assert "Traceback" not in run.stdout


def test_a_link_to_nowhere_is_no_folder_for_results(tmp_path):
    repository = copy_repository(tmp_path / "repository")
    (repository / "results").symlink_to("/no/such/folder")
    settings = write_config(repository, SETTINGS)
    run = run_snakemake(repository, "--dry-run", "--configfile", settings, limit=60)
    assert run.returncode != 0
    assert "results is a link to /no/such/folder, which is not there: move it" in run.stdout


def test_without_a_home(tmp_path):
    repository = copy_repository(tmp_path / "repository")
    (repository / ".venv/bin").mkdir(parents=True)
    (repository / ".venv/installed").touch()
    # Newer than what an installation is made of, so that make does not install.
    (repository / ".venv/bin/snakemake").write_text('#!/bin/sh\necho "cache: $XDG_CACHE_HOME"\n')
    (repository / ".venv/bin/snakemake").chmod(0o755)
    for home, expected in (("/dev/null", f"{repository}/.snakemake/cache"), (tmp_path, "")):
        environment = {**os.environ, "HOME": str(home)}
        environment.pop("XDG_CACHE_HOME", None)
        made = ["make", "-s", "-o", ".venv/installed", "figures"]
        run = subprocess.run(
            made, cwd=repository, env=environment, check=True, capture_output=True, text=True
        )
        assert run.stdout == f"cache: {expected}\n"


def test_hostile_environments(tmp_path):
    repository = copy_repository(tmp_path / "repository")
    (repository / "empty").mkdir()
    variables = HOSTILE | {"TMPDIR": str(repository / "empty")}
    make(repository, "results/results/figures/ramp.png", variables=variables)
    assert (repository / "results/results/figures/ramp.png").stat().st_size > 0


def test_the_commit_is_that_of_the_code_whatever_git_is_told(tmp_path, monkeypatch):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "file").write_text("x")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    commit = describe_source(tmp_path, {})[COMMIT]
    assert len(commit) == 40
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_WORK_TREE", "/")
    assert describe_source(tmp_path, {})[COMMIT] == commit


def test_another_users_repository_is_told_of(tmp_path, monkeypatch, caplog):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    # As git does where the owner is another one.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    real = subprocess.run

    def run(*arguments, env, **options):
        return real(*arguments, env=env | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}, **options)

    monkeypatch.setattr(subprocess, "run", run)
    assert describe_source(tmp_path, {})[COMMIT] == ""
    assert "dubious ownership" in caplog.text
