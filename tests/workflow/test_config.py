"""Settings: which are accepted, what is said of the others, and their description."""

import re

import pytest
import yaml
from sandbox import ROOT, copy_repository, plan, run_snakemake, write_config

from workflow.scripts import document_config

README = ROOT / "config" / "README.md"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("config") / "repository")


def nest(path: str, value: object) -> dict:
    """Return settings with one key: ``nest("a.b", 1)`` is ``{"a": {"b": 1}}``."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


# --- Settings that do not fit ---


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sed", 1),
        ("models.all.schedule.epoch", 3),
        ("digits", [12]),
        ("digits", []),
        ("models.digit.architecture.latent_dim", 3),
        ("models.all.schedule.learning_rate", "1e-3"),
    ],
)
def test_a_setting_that_does_not_fit_is_named_before_any_job(repository, path, value):
    settings = write_config(repository, nest(path, value))
    done = run_snakemake(repository, "-n", "--configfile", settings)
    assert done.returncode != 0
    assert "Job stats" not in done.stdout
    said = re.findall(r"^ *(?:config key|ValidationError|On instance).*", done.stdout, re.M)
    assert re.search(rf"\b{path.rpartition('.')[2]}\b", " ".join(said)), done.stdout


def test_every_setting_that_does_not_fit_is_named_in_a_line_of_its_own(repository):
    settings = {
        "sed": 1,
        "seed": -1,
        "device": "gpu",
        "digits": [1, 300],
        "all_digits": "some",
        "data": {"source": "cifar", "validation_fraction": 1.5},
        "models": {"all": {"architecture": {"hidden": 256}, "schedule": {"epoch": 3}}},
        "geodesics": {"solver": "newton", "chunks": 0, "pairs": {"digit": {"random": -1}}},
        "figures": None,
    }
    done = run_snakemake(repository, "-n", "--configfile", write_config(repository, settings))
    said = re.findall(r"^ *config key ([\w.]+) (is .+)$", done.stdout, re.M)
    assert sorted(key for key, _ in said) == [
        "all_digits",
        "data.source",
        "data.validation_fraction",
        "device",
        "digits.1",
        "figures",
        "geodesics.chunks",
        "geodesics.pairs.digit.random",
        "geodesics.solver",
        "models.all.architecture.hidden",
        "models.all.schedule.epoch",
        "sed",
        "seed",
    ]
    assert dict(said)["digits.1"] == "is 300; expected integer from 0 to 255"
    assert "epochs" in dict(said)["models.all.schedule.epoch"]  # what it should have been
    assert len(done.stdout.splitlines()) < 20, done.stdout


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"digits": [1], "figures": {"surface_digit": 6}}, "figures.surface_digit"),
        (nest("geodesics.pairs.digit", {"random": 0, "far": 0}), "geodesics.pairs.digit"),
        (nest("geodesics.pairs.all", {"random": 0, "far": 0}), "geodesics.pairs.all"),
        (nest("figures.pairs", 1000), "figures.pairs"),
        (nest("figures.curves", 1000), "figures.curves"),
    ],
)
def test_settings_that_contradict_each_other_are_named_before_any_job(repository, settings, key):
    done = run_snakemake(repository, "-n", "--configfile", write_config(repository, settings))
    assert done.returncode != 0
    assert "Job stats" not in done.stdout
    assert key in done.stdout
    assert len(done.stdout.splitlines()) < 12, done.stdout


def test_pairs_of_a_model_that_is_not_made_are_not_asked_for(repository):
    settings = {"all_digits": False, **nest("geodesics.pairs.all", {"random": 0, "far": 0})}
    assert plan(repository, "--configfile", write_config(repository, settings))


# --- Settings that fit ---


def test_one_key_is_overridden_on_the_command_line(repository):
    done = run_snakemake(repository, "-n", "--printshellcmds", "data", "--config", "seed=1")
    assert "--seed 1 " in done.stdout
    assert "--seed 2022 " not in done.stdout


def test_a_file_extends_the_paper(repository):
    settings = write_config(repository, nest("geodesics.pairs.digit.random", 7))
    done = run_snakemake(repository, "-n", "-p", "geodesics", "--configfile", settings)
    pairs = yaml.safe_load((repository / "config/paper.yaml").read_text())["geodesics"]["pairs"]
    assert f"--random 7 --far {pairs['digit']['far']} " in done.stdout
    assert f"--random {pairs['all']['random']} --far {pairs['all']['far']} " in done.stdout


def test_files_extend_each_other_in_their_order(repository):
    settings = write_config(repository, {"digits": [6], "seed": 3})
    done = run_snakemake(
        repository, "-n", "-p", "data", "--configfile", "config/quick.yaml", settings
    )
    assert "--digits 6 --validation-fraction 0.1 --seed 3 " in done.stdout
    assert "--source sample" in done.stdout


def test_the_small_run_stays_out_of_the_papers_results(repository):
    done = run_snakemake(repository, "-n", "-p", "--configfile", "config/quick.yaml")
    assert done.returncode == 0
    assert "results/paper" not in done.stdout
    assert " paper/figures" not in done.stdout


# --- Their description ---


def test_description_is_up_to_date():
    assert README.read_text(encoding="utf-8") == document_config.document(), (
        "config/README.md is out of date: run  python -m workflow.scripts.document_config"
    )


def test_description_has_each_key_with_its_value():
    text = README.read_text(encoding="utf-8")

    def leaves(node, path=()):
        for key, value in node.items():
            if isinstance(value, dict):
                yield from leaves(value, (*path, key))
            else:
                yield ".".join((*path, key)), value

    paper = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    quick = dict(leaves(yaml.safe_load((ROOT / "config" / "quick.yaml").read_text())))
    documented = re.findall(r"^\| `([\w.]+)` \| (.+) \| (.+) \| `(.+)` \| `(.+)` \|$", text, re.M)
    assert {row[0] for row in documented} == set(dict(leaves(paper)))
    assert set(quick) <= set(dict(leaves(paper)))
    for key, *_, in_paper, in_quick in documented:
        value = dict(leaves(paper))[key]
        assert yaml.safe_load(in_paper) == value
        assert yaml.safe_load(in_quick) == quick.get(key, value)


def test_descriptions_file_is_written_whole(tmp_path):
    document_config.main(["--output", str(tmp_path / "README.md")])
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == document_config.document()


def test_example_of_the_description_runs(repository):
    example = re.search(r"```yaml\n(.+?)```", README.read_text(encoding="utf-8"), re.S).group(1)
    settings = write_config(repository, yaml.safe_load(example))
    done = run_snakemake(repository, "-n", "-p", "figures", "--configfile", settings)
    assert done.returncode == 0, done.stdout
    assert "--random 200 --far 100 " in done.stdout
    assert "results/paper" not in done.stdout


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        ({"type": "integer", "minimum": 3}, "integer ≥ 3"),
        ({"type": "integer", "minimum": 0, "maximum": 9}, "integer from 0 to 9"),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "number > 0 and < 1"),
        ({"type": "number", "maximum": 1}, "number ≤ 1"),
        ({"type": ["string", "null"]}, "text or `null`"),
        ({"type": "boolean"}, "`true` or `false`"),
        ({"enum": ["auto", "cpu"]}, "`auto` or `cpu`"),
        ({"type": "integer", "const": 2}, "`2`"),
        (
            {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer"}},
            "list of 1 or more different values, each: integer",
        ),
    ],
)
def test_what_is_allowed_is_said_in_words(leaf, text):
    assert document_config.describe_allowed(leaf) == text


def test_replicates_are_what_their_names_say(repository):
    settings = nest("evidence.parts", ["replicates"])
    settings["evidence"]["replicates"] = {"seeds": 2, "pairs": {"random": 5, "far": 4}}
    done = run_snakemake(
        repository,
        *("-n", "-p", "results/paper/tables/replicates.csv"),
        *("--configfile", write_config(repository, settings)),
    )
    assert done.returncode == 0, done.stdout

    def command_of(script, model):
        (line,) = (
            line
            for line in done.stdout.splitlines()
            if f"workflow.scripts.{script} " in line and f"/{model}/" in line
        )
        return line.replace("\\", "")

    trained = {
        name: command_of("train_vae", f"{name}-seed2")
        for name in ("plain", "narrow", "free-bits", "conv")
    }
    for name, command in trained.items():
        assert "data/all.safetensors" in command
        assert '"epochs": 8' in command
        assert "--seed 2024 " in command
        assert ('"latent_dim": 10' in command) == (name == "narrow")
        assert ("--free-bits 0.5 " in command) == (name == "free-bits")
        assert ('"kind": "conv"' in command) == (name == "conv")
    # Each has pairs of its own, and another training judges its images.
    pairs = [command_of("choose_pairs", name) for name in ("plain-seed1", "plain-seed2")]
    assert all("--random 5 --far 4 " in command for command in pairs)
    seeds = {command.partition("--seed ")[2].split()[0] for command in pairs}
    assert len(seeds) == 2
    judged = [line for line in done.stdout.splitlines() if "workflow.scripts.judge_paths " in line]
    for one, other in ((1, 2), (2, 1)):
        (command,) = (line for line in judged if f"--name conv-seed{one} " in line)
        assert f"--judge results/paper/models/conv-seed{other}/" in command
        assert "--samples 4 " in command
