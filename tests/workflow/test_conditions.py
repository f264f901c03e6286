"""Jobs do not depend on the conditions they run under; what make and git make of them."""

import os
import subprocess
from pathlib import Path

import pytest
from conditions.collection import CONDITIONS
from conditions.harness import UnavailableError, finish_plain, run
from sandbox import copy_repository

from workflow.provenance import COMMIT, describe_source

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """A clone in which every job has been done under plain conditions."""
    clone = tmp_path_factory.mktemp("plain") / "clone"
    finish_plain(clone)
    return clone


def test_there_are_enough_of_them():
    assert len(CONDITIONS) >= 40


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_job_comes_out_the_same_or_says_why_not(plain, tmp_path, name):
    try:
        outcome = run(CONDITIONS[name], plain, tmp_path)
    except UnavailableError as error:
        pytest.skip(str(error))
    assert outcome.expected, outcome


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
