"""Snakemake's own checks of the workflow."""

import subprocess
import sys

import pytest
from sandbox import ROOT, copy_repository, plan, run_snakemake, write_config


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("style") / "repository")


def test_linter_finds_nothing(repository):
    done = run_snakemake(repository, "--lint")
    assert done.returncode == 0, done.stdout
    assert "in a good condition" in done.stdout


def test_rules_are_formatted():
    pytest.importorskip("snakefmt")
    command = "from snakefmt.snakefmt import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--check", "Snakefile", "workflow"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_stub_for_the_catalogue_is_the_workflow(repository):
    whole = plan(repository)
    assert whole["all"] == 1
    assert plan(repository, "--snakefile", "workflow/Snakefile") == whole


def test_each_stage_is_a_target(repository):
    data = {"fetch", "subset"}
    models = {*data, "train_vae", "encode", "evaluate_vae"}
    assert set(plan(repository, "data")) == {*data, "data"}
    assert set(plan(repository, "models")) == {*models, "models"}
    geodesics = set(plan(repository, "geodesics"))
    assert {"choose_pairs", "solve_geodesics", "gather_geodesics"} <= geodesics
    assert not any(rule.startswith("plot") for rule in geodesics)


@pytest.mark.parametrize("whole", [True, False])
def test_without_the_model_of_all_digits_its_figures_are_left_out(repository, whole):
    settings = {"all_digits": whole, "evidence": {"parts": []}, "paper": {"benchmarks": False}}
    jobs = plan(repository, "--configfile", write_config(repository, settings))
    assert jobs["train_vae"] == 10 + whole
    assert jobs["measure_field"] == 10
    for rule in ("plot_figure3", "plot_figure4", "plot_figure3_extended", "decode_paths"):
        assert (rule in jobs) == whole
    assert jobs["measure_indicatrices"] == 1
    plots = sum(count for rule, count in jobs.items() if rule.startswith("plot_"))
    assert jobs["publish_figure"] == 2 * plots  # a PDF and a PNG of each
