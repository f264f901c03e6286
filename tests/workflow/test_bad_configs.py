"""Bad settings: generated from the schema, and contradictory; each is named, and nothing starts."""

import copy
import re

import pytest
import yaml
from sandbox import ROOT, copy_repository, run_snakemake, write_config

from workflow.configuration import (
    describe_allowed,
    find_errors,
    find_reference_errors,
    merge,
    read_schema,
    resolve,
)
from workflow.scripts.document_config import walk

SCHEMA = read_schema()
PAPER = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text(encoding="utf-8"))
LEAVES = {".".join(path): leaf for path, leaf in walk(SCHEMA, SCHEMA, ())}


def nest(path, value):
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def change(path, value):
    return merge(PAPER, nest(path, value))


def section(config, path):
    """The mapping that holds the last key of a path, and that key."""
    *sections, key = path.split(".")
    for name in sections:
        config = config[name]
    return config, key


def error_of(config):
    """The only line about a config."""
    errors = find_errors(config, SCHEMA)
    assert len(errors) == 1, errors
    assert "\n" not in errors[0]
    return errors[0]


# --- Generated from the schema ---


def bad_values(leaf):
    """Values that a part of the schema without keys of its own refuses, each with a name."""
    if "enum" in leaf:
        return {"no choice": "no such", "no text": 3, "nothing": None}
    if "anyOf" in leaf:  # a number, or a word
        return bad_values(leaf["anyOf"][0])
    kinds = leaf["type"] if isinstance(leaf["type"], list) else [leaf["type"]]
    bad = {"a section": {"a": 1}}
    if "null" not in kinds:
        bad["nothing"] = None
    if "boolean" in kinds:
        return bad | {"text": "yes", "number": 1}
    if "string" in kinds:
        return bad | {"number": 3, "list": ["a"]} | ({"empty": ""} if "minLength" in leaf else {})
    if "array" in kinds:
        bad["a single value"] = 1
        if leaf.get("minItems"):
            bad["empty"] = []
        return bad
    bad |= {"text": "1e-3", "boolean": True, "list": [3], "not a number": float("nan")}
    bad["infinite"] = float("inf")
    if "integer" in kinds:
        bad |= {"fraction": 2.5, "whole fraction": float(leaf.get("const", leaf["minimum"]))}
    step = 1 if "integer" in kinds else 1e-6
    for bound, sign in (("minimum", -1), ("maximum", 1)):
        if bound in leaf:
            bad[f"beyond the {bound}"] = leaf[bound] + sign * step
        exclusive = f"exclusive{bound.capitalize()}"
        if exclusive in leaf:
            bad[f"at the {bound}"] = leaf[exclusive]
    if "const" in leaf:
        bad["another number"] = leaf["const"] + 1
    return bad


BAD_VALUES = [
    pytest.param(path, value, id=f"{path}-{name.replace(' ', '_')}")
    for path, leaf in LEAVES.items()
    for name, value in bad_values(leaf).items()
]
BAD_ITEMS = [
    pytest.param(path, value, id=f"{path}-{name.replace(' ', '_')}")
    for path, leaf in LEAVES.items()
    if leaf.get("type") == "array"
    for name, value in bad_values(resolve(leaf["items"], SCHEMA)).items()
]
LISTS = [path for path, leaf in LEAVES.items() if leaf.get("uniqueItems")]


def test_there_are_enough_of_them():
    assert len(LEAVES) >= 60
    assert len(BAD_VALUES) >= 4 * len(LEAVES)
    assert find_errors(PAPER, SCHEMA) == []


@pytest.mark.parametrize("path", LEAVES)
def test_a_missing_key_is_named(path):
    config = copy.deepcopy(PAPER)
    holder, key = section(config, path)
    del holder[key]
    allowed = describe_allowed(LEAVES[path])
    assert error_of(config) == f"config key {path} is missing; expected {allowed}"


@pytest.mark.parametrize("path", LEAVES)
def test_an_unknown_key_is_named(path):
    config = copy.deepcopy(PAPER)
    holder, key = section(config, path)
    known = ", ".join(holder)
    holder[f"{key}x"] = holder[key]
    error = error_of(config)
    assert error.startswith(f"config key {path}x is unknown; expected one of ")
    assert sorted(error.partition("one of ")[2].split(", ")) == sorted(known.split(", "))


@pytest.mark.parametrize(("path", "value"), BAD_VALUES)
def test_a_value_that_is_not_allowed_is_named(path, value):
    config = copy.deepcopy(PAPER)
    holder, key = section(config, path)
    holder[key] = value
    error = error_of(config)
    assert error.startswith(f"config key {path} is ")
    assert error.endswith(f"; expected {describe_allowed(LEAVES[path])}")


@pytest.mark.parametrize(("path", "value"), BAD_ITEMS)
def test_an_item_of_a_list_that_is_not_allowed_is_named(path, value):
    error = error_of(change(path, [value]))
    assert error.startswith(f"config key {path}.0 is ")
    assert error.endswith(f"; expected {describe_allowed(resolve(LEAVES[path]['items'], SCHEMA))}")


@pytest.mark.parametrize("path", LISTS)
def test_a_repeated_item_is_named(path):
    holder, key = section(PAPER, path)
    error = error_of(change(path, [holder[key][0]] * 2))
    assert error.startswith(f"config key {path} is ")
    assert "different values" in error


@pytest.mark.parametrize("path", sorted({path.rpartition(".")[0] for path in LEAVES} - {""}))
@pytest.mark.parametrize("value", [None, 3, "text", [1]])
def test_a_section_that_is_none_is_named(path, value):
    error = error_of(change(path, value))
    assert error.startswith(f"config key {path} is ")
    assert "; expected a section with the keys " in error


def test_large_values_are_cut_short():
    assert len(error_of(change("seed", [1] * 1000))) < 200


def test_every_setting_that_does_not_fit_has_a_line():
    config = merge(change("seed", -1), nest("digits", [300, 301]))
    keys = [line.split()[2] for line in find_errors(config, SCHEMA)]
    assert keys == ["digits.0", "digits.1", "seed"]


# --- Contradictions ---

NO_PAIRS = {"random": 0, "far": 0}
MIXTURE = nest("models.all.architecture.components", 5)


@pytest.mark.parametrize(
    ("settings", "key", "expected"),
    [
        ({"digits": [1, 7]}, "figures.surface_digit", r"one of the digits \[1, 7\]"),
        (
            nest("figures.extended", ["fisher-rao"]),
            "figures.extended",
            "no fisher-rao, which evidence.few.all",
        ),
        (nest("page.digit", 6) | {"digits": [4]}, "page.digit", r"null, or .* digits \[4\]"),
        (
            nest("geodesics.pairs.digit", NO_PAIRS),
            "geodesics.pairs.digit",
            "at least figures.curves = 6 pairs in all",
        ),
        (
            nest("geodesics.pairs.all", {"random": 5, "far": 5}),
            "geodesics.pairs.all",
            "at least figures.pairs = 11 pairs in all",
        ),
        (nest("figures.curves", 201), "geodesics.pairs.digit", "figures.curves = 201"),
        (nest("figures.pairs", 201), "geodesics.pairs.all", "figures.pairs = 201"),
        (
            nest("evidence.geometries.digit", ["fisher-rao", "euclidean"]),
            "evidence.geometries.digit",
            "a list with wasserstein1",
        ),
        (
            nest("evidence.geometries.all", ["wasserstein1"]),
            "evidence.geometries.all",
            "a list with fisher-rao",
        ),
        (
            nest("evidence.geometries.all", []),
            "evidence.geometries.all",
            "a list with wasserstein1",
        ),
        (MIXTURE, "models.all.architecture.components", "1, since the .* mixtures are unknown"),
        (
            MIXTURE | {"evidence": {"parts": ["containment"]}},
            "models.all.architecture.components",
            "wasserstein2 and fisher-rao out of evidence.geometries.all",
        ),
        (
            nest("evidence.replicates.conv.hidden", [8]),
            "evidence.replicates.conv.hidden",
            "channels of two convolutions",
        ),
        (
            nest("evidence.replicates.geometries", ["active"]),
            "evidence.replicates.geometries",
            "a list with wasserstein1",
        ),
        (
            nest("evidence.strength.pairs", NO_PAIRS),
            "evidence.strength.pairs",
            "at least one pair in all",
        ),
        (
            nest("evidence.neighbours", {"neighbours": 20, "points": 20, "candidates": 0}),
            "evidence.neighbours.neighbours",
            "less than evidence.neighbours.points = 20",
        ),
        (
            nest("evidence.neighbours.candidates", 4),
            "evidence.neighbours.candidates",
            "0, or at least evidence.neighbours.neighbours = 5",
        ),
        (
            nest("evidence.statistics.clusters.clusters", 40),
            "evidence.statistics.clusters.clusters",
            "less than evidence.statistics.clusters.points = 40",
        ),
        (
            {"data": {"source": "sample", "folder": "."}},
            "data.folder",
            "null, since data.source is sample",
        ),
        (nest("data.folder", "no/such"), "data.folder", "null, or the path of an existing folder"),
        (nest("data.folder", ""), "data.folder", "existing folder"),
        (nest("data.source", "folder"), "data.folder", "a folder, since data.source is folder"),
        (
            {"data": {"source": "folder", "folder": "no/such"}},
            "data.folder",
            "the path of an existing folder",
        ),
        (
            {"data": {"source": "folder", "folder": str(ROOT / "docs")}},
            "data.folder",
            "a folder of images: .*docs has neither; expected one set of the files train-images",
        ),
        ({"digits": [4, 10]}, "digits", "labels of data.source mnist, from 0 to 9"),
        (nest("data.source", "kmnist") | {"digits": [4, 10]}, "digits", "of data.source kmnist"),
        (
            nest("models.all.architecture", {"kind": "conv", "hidden": [8]}),
            "models.all.architecture.hidden",
            "channels of two convolutions",
        ),
        (nest("data.folder", "-x"), "data.folder", "existing folder"),
        (nest("pathvars.paper", "results/./paper/"), "pathvars.paper", "than pathvars.results"),
    ],
)
def test_a_contradiction_is_named(settings, key, expected):
    error = error_of(merge(PAPER, settings))
    assert error.startswith(f"config key {key} is ")
    assert re.search(f"; expected .*{expected}", error), error


def test_marks_of_snakemake_in_the_folder_of_the_data_are_refused(tmp_path):
    folder = tmp_path / "a {b}"
    folder.mkdir()
    (folder / "mine.npz").touch()
    data = {"source": "folder", "folder": str(folder)}
    assert "expected paths without {, }, < or >" in error_of(merge(PAPER, {"data": data}))


@pytest.mark.parametrize(
    "settings",
    [
        nest("geodesics.pairs.all", NO_PAIRS) | {"all_digits": False},
        nest("evidence.strength.pairs", NO_PAIRS) | {"all_digits": False},
        MIXTURE | {"evidence": {"parts": []}},
        nest("page.digit", 0),
        nest("data.folder", "."),
        nest("data.source", "fashion-mnist") | nest("digits", [9, 4]),
        nest("models.all.architecture", {"kind": "conv", "hidden": [32, 64]}),
        nest("models.all.architecture", {"kind": "conv"}),
        nest("evidence.neighbours.candidates", 0),
        {"digits": [4]},
    ],
)
def test_what_does_not_matter_is_no_contradiction(settings):
    assert find_errors(merge(PAPER, settings), SCHEMA) == []


@pytest.mark.parametrize(
    "folder",
    [
        *("/", "/etc", "/etc/results", "/usr/share/results", "/scratch", "//etc/x", "/proc/1/x"),
        *("..", "../results", "results/../../other", "/home/../etc/x", ".", "./"),
        *("~/results", "-rf", "results/{model}", "<logs>/x", "a\nb", "a\x00b", " ", "a "),
        *("src", "workflow/results", ".git", ".snakemake/x", "config"),
    ],
)
def test_folders_out_of_bounds_are_refused(folder):
    error = error_of(change("pathvars.results", folder))
    assert error.startswith("config key pathvars.results is ")
    assert "expected a folder below the working directory" in error


@pytest.mark.parametrize("name", ["results", "logs", "benchmarks", "paper"])
def test_every_folder_is_checked(name):
    assert error_of(change(f"pathvars.{name}", "/")).startswith(f"config key pathvars.{name} is ")


@pytest.mark.parametrize(
    "folder", ["results/x", "out", "/scratch/me", "/home/me/run", "a b'c\"$(d);e", "été", "a/..b"]
)
def test_other_folders_are_accepted(folder):
    assert find_errors(change("pathvars.results", folder), SCHEMA) == []


@pytest.mark.parametrize("folder", ["runs", "runs/one", "runs/one/two"])
def test_a_file_where_a_folder_should_be_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / folder
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    error = error_of(change("pathvars.results", "runs/one/two"))
    assert error.startswith('config key pathvars.results is "runs/one/two"; expected a folder')
    assert f"but {folder} is a file" in error


@pytest.mark.parametrize("reference", [None, "", "no/such.csv", "-x", "."])
def test_a_reference_that_is_no_file_is_named(reference):
    errors = find_reference_errors(change("paper.reference", reference))
    assert len(errors) == 1
    assert errors[0].startswith("config key paper.reference is ")
    assert "expected a table of reference values that exists" in errors[0]


def test_a_reference_that_exists_is_accepted(tmp_path):
    (tmp_path / "r.csv").write_text("x\n")
    assert find_reference_errors(change("paper.reference", str(tmp_path / "r.csv"))) == []


# --- Through Snakemake ---


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("bad") / "repository")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"digits": [4, 12]},
            "digits is [4, 12]; expected labels of data.source mnist, from 0 to 9",
        ),
        ({"seed": 1.0}, "config key seed is 1.0; expected integer from 0 to 2147483647"),
        (
            nest("models.digit.architecture.latent_dim", 3),
            "config key models.digit.architecture.latent_dim is 3; expected `2`",
        ),
        (
            nest("data.validation_fraction", float("nan")),
            "config key data.validation_fraction is NaN; expected number > 0 and < 1",
        ),
        (nest("pathvars.results", "/etc/x"), 'config key pathvars.results is "/etc/x"; expected a'),
        (nest("figures.surface_digit", 4) | {"digits": [1]}, "surface_digit is 4; expected one of"),
    ],
)
def test_a_run_stops_before_any_job(repository, settings, line):
    before = set(repository.iterdir())
    config = write_config(repository, settings)
    done = run_snakemake(repository, "--cores", "1", "--configfile", config)
    assert done.returncode != 0
    assert done.stdout.count("config key ") == 1
    assert line in done.stdout
    assert "Job stats" not in done.stdout
    assert set(repository.iterdir()) - before <= {config, repository / ".snakemake"}


def test_a_check_without_reference_stops_before_any_job(repository):
    config = write_config(repository, nest("paper.reference", "no/such.csv"))
    done = run_snakemake(repository, "check", "--cores", "1", "--configfile", config)
    assert done.returncode != 0
    assert 'config key paper.reference is "no/such.csv"; expected a table of' in done.stdout
    assert "Job stats" not in done.stdout
