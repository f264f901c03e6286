"""Jobs do not depend on where they are called from, nor on what the caller's environment holds."""

import subprocess

import pytest
from sandbox import copy_repository, run_snakemake, write_config

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
