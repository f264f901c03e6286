"""Profiles for a machine, a GPU, Slurm and Kubernetes: their settings, and what jobs ask for."""

import re
from collections import Counter
from graphlib import TopologicalSorter
from importlib.util import find_spec

import pytest
import yaml
from sandbox import ROOT, copy_repository, run_snakemake, uncomment, write_config
from snakemake.cli import get_argument_parser

PROFILES = sorted(path.parent.name for path in ROOT.glob("workflow/profiles/*/config.yaml"))
SMALL = {"data": {"source": "sample"}, "digits": [1], "figures": {"surface_digit": 1}}
# A job of a dry run, and where the next one or the summary begins.
JOB = re.compile(
    r"^ *(?:local)?rule (\w+):\n(.+?)(?=^ *(?:local)?rule |^\[|^Job stats|\Z)", re.M | re.S
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("profiles") / "repository")


@pytest.fixture(scope="module")
def plan_with(repository):
    """Jobs of a dry run with a profile: (rule, its block of the plan) each, in their order."""
    known = {}

    def plan(profile, *arguments, **settings):
        key = (profile, arguments, tuple(settings.items()))
        if key not in known:
            config = write_config(repository, {**SMALL, **settings})
            chosen = ("--workflow-profile", f"workflow/profiles/{profile}")
            done = run_snakemake(
                repository, "-n", "-p", *chosen, "--configfile", config, *arguments
            )
            assert done.returncode == 0, done.stdout
            blocks = JOB.findall(done.stdout)
            assert blocks
            known[key] = blocks
        return known[key]

    return plan


def settings_of(profile):
    return yaml.safe_load((ROOT / "workflow" / "profiles" / profile / "config.yaml").read_text())


def amount(name, block):
    """What a job asks for of a resource, or None."""
    found = re.search(rf"resources:.*\b{name}=(\d+)", block)
    return int(found[1]) if found else None


def files(name, block):
    """The files that a job's block lists as its ``input`` or ``output``."""
    found = re.search(rf"^ +{name}: (.+)$", block, re.M)
    return found[1].split(", ") if found else []


# --- Settings ---


def test_there_are_the_four():
    assert PROFILES == ["default", "gpu", "kubernetes", "slurm"]


@pytest.mark.parametrize("profile", PROFILES)
def test_each_setting_is_an_option_of_snakemake(profile):
    options = get_argument_parser()._option_string_actions
    known = {option.removeprefix("--") for option in options}
    for plugin in ("slurm", "kubernetes"):
        if find_spec(f"snakemake_executor_plugin_{plugin}") is None:
            known |= {key for key in settings_of(profile) if key.startswith(f"{plugin}-")}
    assert set(settings_of(profile)) <= known


@pytest.fixture(scope="module")
def rules(repository):
    done = run_snakemake(repository, "--list-rules")
    assert done.returncode == 0, done.stdout
    return set(done.stdout.split())


@pytest.mark.parametrize("profile", PROFILES)
def test_each_rule_that_a_profile_names_exists(profile, rules):
    # The commented settings too, which are there to be used.
    text = (ROOT / "workflow" / "profiles" / profile / "config.yaml").read_text()
    settings = yaml.safe_load(uncomment(text))
    for key in ("groups", "set-resources", "set-threads"):
        assert set(settings.get(key, {})) <= rules, key


def test_whom_the_cluster_charges_is_one_setting():
    text = (ROOT / "workflow" / "profiles" / "slurm" / "config.yaml").read_text()
    settings = yaml.safe_load(re.sub(r"^( +)# (slurm_\w+:)", r"\1\2", text, flags=re.M))
    assert settings["default-resources"]["slurm_account"] == "my-account"
    assert settings["default-resources"]["slurm_partition"] == "my-partition"


# --- What jobs ask for ---


@pytest.mark.parametrize("profile", ["default", "gpu"])
def test_a_job_asks_for_a_gpu_where_its_script_takes_a_device(plan_with, profile):
    jobs = plan_with(profile)
    asking = {rule for rule, block in jobs if amount("gpu", block)}
    assert {"train_vae", "solve_geodesics", "encode"} <= asking
    computing = {
        rule for rule, block in jobs if re.search("^Shell command: .* --device ", block, re.M)
    }
    for rule in {rule for rule, _ in jobs} - {"all", "paper"}:
        assert (rule in asking) == (rule in computing), rule


def test_no_job_asks_for_a_gpu_that_the_config_forbids(plan_with):
    jobs = plan_with("gpu", device="cpu")
    assert not any(amount("gpu", block) for _, block in jobs)


def test_long_jobs_say_what_they_need(plan_with):
    for rule, block in plan_with("default"):
        if rule in ("train_vae", "train_ensemble", "solve_geodesics", "measure_neighbours"):
            assert amount("mem_mb", block) >= 2000, rule
            assert amount("runtime", block) >= 60, rule


def test_slurm_jobs_ask_for_memory_and_time_and_run_on_cpus(plan_with):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    for rule, block in plan_with("slurm"):
        if rule in ("all", "paper", "fetch", "publish_figure"):  # run where Snakemake does
            continue
        assert amount("mem_mb", block) >= 2000, rule
        assert amount("runtime", block) >= 30, rule
        assert not amount("gpu", block), rule


def test_slurm_jobs_ask_for_gpus_once_there_are_some(plan_with):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    jobs = plan_with("slurm", "--resources", "gpu=2")
    for rule, block in jobs:
        if rule in ("train_vae", "solve_geodesics"):
            assert amount("gpu", block) == 1
        if rule.startswith(("plot_", "choose_pairs")):
            assert amount("gpu", block) is None


def test_a_group_of_slurm_jobs_fits_a_node_of_two_cores(plan_with):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    groups = settings_of("slurm")["groups"]
    jobs = [(rule, block) for rule, block in plan_with("slurm") if rule in groups]
    assert {rule for rule, _ in jobs} == {*groups}
    made_by = {file: job for job, (_, block) in enumerate(jobs) for file in files("output", block)}
    parents = {
        job: {
            made_by[file]
            for file in files("input", block)
            if file in made_by and groups[jobs[made_by[file]][0]] == groups[rule]
        }
        for job, (rule, block) in enumerate(jobs)
    }
    level, component = {}, {}
    for job in TopologicalSorter(parents).static_order():
        level[job] = max((level[parent] + 1 for parent in parents[job]), default=0)
        joined = {component[parent] for parent in parents[job]}
        component |= {other: job for other, old in component.items() if old in joined}
        component[job] = job
    # A group asks for the cores of all its jobs that wait for none of one another.
    together = Counter((component[job], level[job]) for job in level)
    (number, _), cores = together.most_common(1)[0]
    assert cores <= 2, [jobs[job][0] for job in component if component[job] == number]


def test_slurm_takes_the_gres_form(repository):
    slurm = pytest.importorskip("snakemake_executor_plugin_slurm.utils")
    path = repository / "workflow" / "profiles" / "gres" / "config.yaml"
    path.parent.mkdir()
    text = (ROOT / "workflow" / "profiles" / "slurm" / "config.yaml").read_text()
    path.write_text(uncomment(text))
    config = write_config(repository, SMALL)
    done = run_snakemake(
        repository, "-n", "models", "--workflow-profile", path.parent, "--configfile", config
    )
    assert done.returncode == 0, done.stdout
    asked = re.findall(r"resources:.*gres=(\S+)", done.stdout)
    assert asked == ["gpu:1"] * len(re.findall(r"^rule train_vae:", done.stdout, re.M))
    assert asked

    class Job:
        resources = type("Resources", (dict,), {"gres": asked[0]})(gres=asked[0], gpu=0)

    assert slurm.set_gres_string(Job) == " --gres=gpu:1"
