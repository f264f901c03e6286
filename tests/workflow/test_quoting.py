"""No text of the config reaches a shell as anything but one quoted word."""

import re
import shlex

import pytest
from sandbox import ROOT, copy_repository, run_snakemake, write_config

from workflow.configuration import read_schema
from workflow.scripts.document_config import walk

RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
PLACEHOLDER = re.compile(r"(?<!\{)\{((?:input|output|log|params|wildcards)\b[^{}]*)\}(?!\})")
HOSTILE = 'it\'s; touch "$(touch ran)" `touch ran` & x'


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("quoting") / "repository")


def hostile_settings(**more):
    folders = {name: f"{name}/{HOSTILE}" for name in ("results", "logs", "benchmarks", "paper")}
    return {"pathvars": folders, **more}


def commands_of(path):
    """The placeholders of a file's shell commands that are not quoted by ``:q``."""
    commands = re.findall(r"^ *shell:\n((?: +\".*\"\n)+)", path.read_text(encoding="utf-8"), re.M)
    return [found for command in commands for found in PLACEHOLDER.findall(command)]


def test_free_text_stands_in_few_settings():
    # A further one needs a place in the settings of the test below.
    schema = read_schema()
    text = {
        ".".join(path)
        for path, leaf in walk(schema, schema, ())
        if "string" in leaf.get("type", ()) and "enum" not in leaf
    }
    folders = {f"pathvars.{name}" for name in ("results", "logs", "benchmarks", "paper")}
    assert text == {*folders, "data.folder", "paper.beside", "paper.reference"}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_files_are_quoted_and_wildcards_constrained(path):
    common = (ROOT / "workflow" / "rules" / "common.smk").read_text(encoding="utf-8")
    constrained = re.findall(
        r'^    (\w+)=(?:rf?)?"', common.partition("wildcard_constraints:")[2], re.M
    )
    assert {"model", "geometry"} <= set(constrained)
    for found in commands_of(path):
        if found.endswith(":q") or found.startswith("params."):
            continue
        # Snakemake itself constrains the names of scattered chunks.
        assert found.removeprefix("wildcards.") in {*constrained, "scatteritem"}, found


def test_text_of_the_config_is_always_one_word(repository):
    folder = repository / HOSTILE
    folder.mkdir()
    (folder / "reference.csv").write_text("x\n")
    (folder / "numbers.json").write_text("{}")
    paper = {"reference": f"{HOSTILE}/reference.csv", "beside": HOSTILE}
    settings = hostile_settings(data={"folder": HOSTILE}, paper=paper)
    config = write_config(repository, settings)
    done = run_snakemake(
        *(repository, "all", "check", "page", "benchmark", "-n", "-p"),
        *("--configfile", config),
    )
    assert done.returncode == 0, done.stdout[-3000:]
    commands = re.findall(r"^Shell command: ((?:python -m|cp) .+)$", done.stdout, re.M)
    assert len({command.split()[2] for command in commands}) > 30
    for command in commands:
        words = shlex.split(command)
        assert "touch" not in words, command
        assert not any(word.endswith(";") or word in ("&", "x") for word in words), command
        assert shlex.quote(HOSTILE)[1:-1] in command  # the log at least
    assert not (repository / "ran").exists()


def test_hostile_folders_are_only_folders(repository):
    settings = hostile_settings(
        data={"source": "sample"}, digits=[1], figures={"surface_digit": 1}, page={"digit": 1}
    )
    config = write_config(repository, settings)
    target = f"results/{HOSTILE}/data/digit1.safetensors"
    done = run_snakemake(repository, target, "--cores", "1", "--configfile", config)
    assert done.returncode == 0, done.stdout
    assert (repository / target).is_file()
    assert not list(repository.rglob("ran"))
