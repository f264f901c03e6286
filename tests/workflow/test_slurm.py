"""The Slurm profile on a real Slurm, which is started for these tests and ends with them."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pandas as pd
import pytest
from sandbox import ROOT, copy_repository, run_snakemake, uncomment, write_config
from slurm_cluster import NODES, ask_slurm, find_obstacle, kill_node, start_cluster
from tiny import SETTINGS, change

OBSTACLE = find_obstacle()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(OBSTACLE is not None, reason=OBSTACLE or ""),
]

PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"
# The plugin waits as long before the first check, and 10 s more after each that finds no news.
CHECKS = ("--slurm-init-seconds-before-status-checks", "15")
# Seconds after which a run has failed, on a busy computer too.
LIMIT = 900
UPDATE = ("scontrol", "update")
# Rules of names that the profile knows. It makes one job of the two of geodesics.
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

# Its first try never comes to its end.
rule written:
    output: "written.txt"
    shell:
        "echo first half >> {output}; echo $SLURMD_NODENAME >> nodes.txt; "
        "if [ $(wc -l < nodes.txt) = 1 ]; then sleep 600; fi; "
        "echo second half >> {output}"

rule read:
    input: "written.txt"
    output: "read.txt"
    localrule: True
    shell: "cp {input} {output}"
"""


@pytest.fixture(scope="module")
def cluster():
    """The variables that lead to the cluster."""
    with start_cluster() as variables:
        yield variables


@pytest.fixture
def watched_cluster():
    """Another, which soon finds out that a node is dead."""
    with start_cluster(SlurmdTimeout=3, MessageTimeout=3) as variables:
        yield variables


def run(cluster, folder, profile, *arguments):
    """Run Snakemake on a cluster; what it did, and Slurm's account of its jobs by rule."""
    chosen = ("--workflow-profile", profile.parent, *CHECKS)
    done = run_snakemake(folder, *chosen, *arguments, variables=cluster, limit=LIMIT)
    jobs = {}
    for number in re.findall(r"submitted with SLURM jobid (\d+)", done.stdout):
        shown = ask_slurm(cluster, "scontrol", "show", "job", "--details", number)
        job = dict(re.findall(r"(\S+?)=(\S*)", shown))
        jobs.setdefault(job["Comment"].removeprefix("rule_"), []).append(job)
    return done, jobs


@pytest.fixture
def run_on_slurm(cluster):
    """Run Snakemake on the cluster of all tests."""
    return partial(run, cluster)


def wait_for(find: Callable[[], str]) -> str:
    """Return what is found, once it is."""
    deadline = time.monotonic() + LIMIT
    while not (found := find()):
        assert time.monotonic() < deadline, "not found in time"
        time.sleep(0.2)
    return found


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


@pytest.mark.parametrize("requeues", [True, False])
def test_a_job_whose_node_dies_runs_on_the_other(watched_cluster, small, requeues):
    def read_nodes() -> str:
        nodes = small / "nodes.txt"
        return nodes.read_text() if nodes.exists() else ""

    def kill_the_node() -> str:
        node = wait_for(read_nodes).strip()
        kill_node(watched_cluster, node)
        if not requeues:  # an operator is faster than Slurm to find out
            ask_slurm(watched_cluster, *UPDATE, f"NodeName={node}", "State=DOWN", "Reason=dead")
        return node

    further = [] if requeues else ["--slurm-no-requeue"]
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill_the_node)
        done, jobs = run(watched_cluster, small, PROFILE, "read.txt", *further)
    assert done.returncode == 0, done.stdout
    dead = killing.result()
    assert read_nodes().split() == [dead, *({*NODES} - {dead})]
    assert (small / "read.txt").read_text() == "first half\nsecond half\n"
    if requeues:  # as clusters do if nobody changed it; Snakemake need not know
        (job,) = jobs["written"]
        assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")
    else:
        first, second = jobs["written"]
        assert (first["JobState"], second["JobState"]) == ("NODE_FAIL", "COMPLETED")


def test_a_job_that_hangs_until_its_time_is_up_runs_again_with_more(cluster, tmp_path):
    def hang() -> None:
        job = wait_for(lambda: ask_slurm(cluster, "squeue", "-h", "-t", "running", "-o", "%A"))
        ask_slurm(cluster, "scancel", "--full", "--signal=STOP", job.strip())
        # As if its hour had passed. Slurm looks for such jobs every 30 s.
        ask_slurm(cluster, *UPDATE, f"JobId={job.strip()}", "TimeLimit=0")

    repository = copy_repository(tmp_path / "repository")
    # On no GPU, as the profile says, though the config would take one.
    settings = {**SETTINGS, "device": "auto", "benchmark": {"pixel_pairs": 64}}
    config = write_config(repository, settings)
    table = "results/tiny/benchmark/wasserstein1.csv"
    # The fourth check, 39 s after the start, finds the job gone, and the next one the table there.
    checks = (CHECKS[0], "3")
    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(hang)
        done, jobs = run(cluster, repository, PROFILE, table, "--configfile", config, *checks)
    hanging.result()
    assert done.returncode == 0, done.stdout
    first, second = jobs["benchmark_wasserstein1"]
    assert (first["JobState"], second["JobState"]) == ("TIMEOUT", "COMPLETED")
    assert second["TimeLimit"] == "02:00:00"  # twice what the rule asks for at first
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("4000M", "8000M")
    assert pd.read_csv(repository / table)["pairs"].max() == 64
    # Nothing but whole files.
    left = {path.name for path in (repository / table).parent.iterdir()}
    assert left == {"wasserstein1.csv", "wasserstein1.csv.provenance.json"}
