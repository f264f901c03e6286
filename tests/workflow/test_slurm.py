"""The Slurm profile on a real Slurm, which is started for these tests and ends with them."""

import re

import pandas as pd
import pytest
from sandbox import ROOT, copy_repository, run_snakemake, uncomment, write_config
from slurm_cluster import ask_slurm, find_obstacle, start_cluster
from tiny import SETTINGS, change

OBSTACLE = find_obstacle()
pytestmark = pytest.mark.skipif(OBSTACLE is not None, reason=OBSTACLE or "")

PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"
# The plugin waits as long before the first check, and 10 s more after each that finds no news.
CHECKS = ("--slurm-init-seconds-before-status-checks", "15")
# Seconds after which a run has failed, on a busy computer too.
LIMIT = 900
# Rules of names that the profile knows. The last two run as one job.
SNAKEFILE = """
rule cancelled:
    output: "attempts.txt"
    shell:
        "echo {resources.mem_mb} {resources.runtime} >> begun.txt; "
        "if [ $(wc -l < begun.txt) = 1 ]; then scancel $SLURM_JOB_ID; sleep 60; fi; "
        "cp begun.txt {output}"

rule impossible:
    output: "impossible.txt"
    resources: mem_mb=10**6
    shell: "touch {output}"

rule solve_geodesics:
    output: "device.txt"
    resources: gpu=1
    shell: "echo ${{CUDA_VISIBLE_DEVICES-none}} > {output}"

rule gather_geodesics:
    input: "device.txt"
    output: "gathered.txt"
    shell: "cp {input} {output}"
"""


@pytest.fixture(scope="module")
def cluster():
    """The variables that lead to the cluster."""
    with start_cluster() as variables:
        yield variables


@pytest.fixture
def run_on_slurm(cluster):
    """Run Snakemake on the cluster; what it did, and Slurm's account of its jobs by rule."""

    def run(folder, profile, *arguments):
        chosen = ("--workflow-profile", profile.parent, *CHECKS)
        done = run_snakemake(folder, *chosen, *arguments, variables=cluster, limit=LIMIT)
        jobs = {}
        for number in re.findall(r"submitted with SLURM jobid (\d+)", done.stdout):
            shown = ask_slurm(cluster, "scontrol", "show", "job", "--details", number)
            job = dict(re.findall(r"(\S+?)=(\S*)", shown))
            jobs.setdefault(job["Comment"].removeprefix("rule_"), []).append(job)
        return done, jobs

    return run


@pytest.fixture
def small(tmp_path):
    """A folder with the small workflow."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


@pytest.fixture
def gres_profile(tmp_path):
    """The profile with its commented table in force."""
    path = tmp_path / "gres" / "config.yaml"
    path.parent.mkdir()
    path.write_text(uncomment(PROFILE.read_text()))
    return path


def test_the_workflow_runs_to_its_end(run_on_slurm, tmp_path):
    repository = copy_repository(tmp_path / "repository")
    settings = change(SETTINGS, all_digits=False, device="auto", geodesics__chunks=1)
    tables = ("results/tiny/tables/models.csv", "results/tiny/tables/geodesics.csv")
    figure = "results/tiny/paper/figures/training.png"
    config = write_config(repository, settings)
    done, jobs = run_on_slurm(
        repository, PROFILE, *tables, figure, "--configfile", config, "--resources", "gpu=1"
    )
    assert done.returncode == 0, done.stdout
    assert pd.read_csv(repository / tables[0])["model"].tolist() == ["digit1"]
    assert pd.read_csv(repository / tables[1])["pairs"].tolist() == [2, 1, 2, 1]
    assert (repository / figure).read_bytes().startswith(b"\x89PNG\r\n")
    # Who computes on torch got the GPU; fetching and publishing needed no job.
    states = {name: [(job["JobState"], job["JOB_GRES"]) for job in jobs[name]] for name in jobs}
    assert states == {
        "subset_wildcards_digit1": [("COMPLETED", "(null)")],
        "train_vae_wildcards_digit1": [("COMPLETED", "gpu:1")],
        "plot_training": [("COMPLETED", "(null)")],
        "codes_choose_pairs_encode_evaluate_vae": [("COMPLETED", "gpu:1")],
        "geodesics_gather_geodesics_solve_geodesics": [("COMPLETED", "gpu:1")],
        "tabulate": [("COMPLETED", "(null)")],
    }


def test_a_job_sees_the_gpu_that_the_resource_asks_for(run_on_slurm, small):
    done, jobs = run_on_slurm(small, PROFILE, "gathered.txt", "--resources", "gpu=1")
    assert done.returncode == 0, done.stdout
    assert (small / "gathered.txt").read_text() == "0\n"
    ((job,),) = jobs.values()
    assert (job["TresPerJob"], job["JOB_GRES"]) == ("gres:gpu:1", "gpu:1")


def test_a_job_sees_the_gpu_that_gres_asks_for(run_on_slurm, small, gres_profile):
    done, jobs = run_on_slurm(small, gres_profile, "gathered.txt")
    assert done.returncode == 0, done.stdout
    assert (small / "gathered.txt").read_text() == "0\n"
    ((job,),) = jobs.values()
    assert (job["TresPerNode"], job["JOB_GRES"]) == ("gres:gpu:1", "gpu:1")


def test_a_cancelled_job_runs_again_with_more_memory_and_time(run_on_slurm, small):
    done, jobs = run_on_slurm(small, PROFILE, "attempts.txt")
    assert done.returncode == 0, done.stdout
    first, second = jobs["cancelled"]
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("2000M", "4000M")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:30:00", "01:00:00")
    assert (small / "attempts.txt").read_text() == "2000 30\n4000 60\n"


def test_an_impossible_request_fails_with_the_message_of_slurm(run_on_slurm, small):
    done, jobs = run_on_slurm(small, PROFILE, "impossible.txt")
    assert done.returncode == 1, done.stdout
    assert "Memory specification can not be satisfied" in done.stdout
    assert not jobs
