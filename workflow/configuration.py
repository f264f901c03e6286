"""What a config may say: its schema, and what no schema can state.

A key that does not fit gets one line, which names the key, what was found and what is allowed.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators

from latent_transport.datasets.catalogue import DATA_SETS, SOURCES
from latent_transport.datasets.folders import find_data
from latent_transport.evidence.claims.statements import CLAIMS
from latent_transport.evidence.keys import OURS, REPLICATES
from latent_transport.evidence.vocabulary import FURTHER, OF_PLANES, PARTS, REPLICATED, Part
from latent_transport.geodesics.solvers.names import SOLVERS
from latent_transport.models.architectures import ARCHITECTURES, CONVOLUTIONS
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.storage import DataError

SCHEMA = Path(__file__).parent / "schemas" / "config.schema.yaml"

# Definitions of the schema that are names which the code knows.
NAMES: dict[str, Iterable[str]] = {
    "source": SOURCES,
    "architecture_kind": ARCHITECTURES,
    "solver": SOLVERS,
    "part": PARTS,
    "geometry": GEOMETRIES,
    "plane_geometry": OF_PLANES,
    "further_geometry": FURTHER,
    "replicate": REPLICATES,
    "replicated_geometry": REPLICATED,
    "measure": dict.fromkeys(name for claim in CLAIMS.values() for name in claim.measures),
}

# Geometries of decoders without mixtures.
UNMIXED = [name for name, recipe in GEOMETRIES.items() if not recipe.takes_mixtures]

# A run writes to none of these, whatever its user may.
SYSTEM = {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "sys", "usr"}
OURS_ALONE = {".git", ".snakemake", "config", "src", "tests", "workflow"}
FOLDER = (
    "a folder below the working directory but for .git, .snakemake, config, src, tests and "
    "workflow, or an absolute path at least two folders deep and outside of the system's (/etc, "
    "/usr, ...); no .., no leading - or ~, no {, }, < or > in it, printable, no blanks at its ends"
)
MARKS = set("{}<>")  # of wildcards and path variables
LONGEST = 100


def find_errors(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return a line about each key that does not fit, sorted; none if every key fits.

    Contradictions are looked for only in a config that has all keys, of the right types.
    """
    lines = {}
    for error in _Validator(schema).iter_errors(config):
        for key, found in _describe_error(error, schema):
            lines[key] = f"config key {key} {found}"
    if not lines:
        for key, expected in _find_contradictions(config):
            lines.setdefault(key, _contradict(config, key, expected))
    return sorted(lines.values())


def find_reference_errors(config: Mapping[str, Any]) -> list[str]:
    """Return a line about the table of reference values, which only a check of results needs."""
    reference = config["paper"]["reference"]
    if reference is not None and not reference.startswith("-") and Path(reference).is_file():
        return []
    expected = "a table of reference values that exists; only config/paper.yaml names one"
    return [_contradict(config, "paper.reference", expected)]


def read_schema() -> dict[str, Any]:
    """Return the schema of the config, with the names that the code knows in their places."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    for definition, names in NAMES.items():
        schema["$defs"][definition] = {"enum": list(names)}
    return schema


def _is_integer(_checker: object, value: object) -> bool:
    # JSON Schema takes 1.0 for an integer; the jobs' options do not.
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: object, value: object) -> bool:
    # YAML has .nan and .inf, which no bound keeps out.
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


_Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def _describe_error(error: ValidationError, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each key that an error is about, and what is wrong with it."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties":
        known = ", ".join(error.schema["properties"])
        for name in error.instance:
            if name not in error.schema["properties"]:
                yield _join(*path, name), f"is unknown; expected one of {known}"
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield _join(*path, name), f"is missing; expected {_allowed(schema, *path, name)}"
    else:
        yield _join(*path), f"is {_show(error.instance)}; expected {_allowed(schema, *path)}"


def _find_contradictions(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each key that contradicts another one or the files there are, and what is expected."""
    for name, folder in config["pathvars"].items():
        if not _is_confined(folder):
            yield f"pathvars.{name}", FOLDER
        elif found := _find_obstacle(folder):
            yield f"pathvars.{name}", f"a folder, but {found}: move it, or name another"
    results, paper = (PurePosixPath(config["pathvars"][name]) for name in ("results", "paper"))
    if results == paper:
        yield "pathvars.paper", "another folder than pathvars.results, whose figures it copies"
    yield from _find_contradictory_data(config["data"])
    digits = config["digits"]
    count = _count_classes(config["data"]["source"])
    if max(digits) >= count:
        yield "digits", f"labels of data.source {config['data']['source']}, from 0 to {count - 1}"
    if config["figures"]["surface_digit"] not in digits:
        yield "figures.surface_digit", f"one of the digits {digits}"
    if config["page"]["digit"] not in (None, *digits):
        yield "page.digit", f"null, or one of the digits {digits}"
    for kind in _kinds(config):
        architecture = config["models"][kind]["architecture"]
        if architecture["kind"] == "conv" and len(architecture["hidden"]) != CONVOLUTIONS:
            expected = "the channels of two convolutions, since the kind is conv"
            yield f"models.{kind}.architecture.hidden", expected
    pairs = config["geodesics"]["pairs"]
    drawn = {"digit": "curves", "all": "pairs"}
    for kind in _kinds(config):
        least = config["figures"][drawn[kind]]
        if sum(pairs[kind].values()) < least:
            expected = f"at least figures.{drawn[kind]} = {least} pairs in all"
            yield f"geodesics.pairs.{kind}", expected
    yield from _find_contradictory_evidence(config)


def _find_contradictory_data(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    source, folder = data["source"], data["folder"]
    if source == "sample" and folder is not None:
        yield "data.folder", "null, since data.source is sample, which reads no folder"
    elif folder is None:
        if source == "folder":
            yield "data.folder", "the path of a folder, since data.source is folder"
    elif folder[:1] in ("", "-") or not Path(folder).expanduser().is_dir():
        alternative = "" if source == "folder" else "null, or "
        yield "data.folder", f"{alternative}the path of an existing folder"
    elif source == "folder":
        try:
            files = find_data(folder)
        except DataError as error:
            yield "data.folder", f"a folder of images: {error}"
        else:
            if MARKS & set("".join(map(str, files.values()))):
                yield "data.folder", "paths without {, }, < or >, which are marks of Snakemake's"


def _count_classes(source: str) -> int:
    """Number of the classes of a source, or of those that labels can tell apart."""
    known = "mnist" if source == "sample" else source
    return len(DATA_SETS[known].classes) if known in DATA_SETS else 256


def _find_contradictory_evidence(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    evidence = config["evidence"]
    parts = {name: PARTS[name] for name in evidence["parts"]}
    for kind in _kinds(config):
        geometries = evidence["geometries"][kind]
        compared = {name for part in parts.values() for name in part.compares}
        for needed in [OURS, *sorted(compared - {OURS})]:
            if needed not in geometries:
                expected = f"a list with {needed}, which other paths are compared with"
                yield f"evidence.geometries.{kind}", expected
        components = f"models.{kind}.architecture.components"
        solved = {name for part in parts.values() for name in _solved(part, geometries)}
        if kind == "all" and "replicates" in parts:
            solved.update(evidence["replicates"]["geometries"])
        if _look_up(config, components) > 1 and not solved.isdisjoint(UNMIXED):
            yield components, _expect_one_component(kind)
    few, whole = evidence["few"], config["geodesics"]["pairs"]["all"]
    if few["all"] and few["pairs"]["all"] < max(whole.values()):
        lacking = sorted({*config["figures"]["extended"]} & {*few["all"]})
        if lacking:
            yield "figures.extended", f"no {lacking[0]}, which evidence.few.all limits to few pairs"
        most = max(evidence["frontier"]["pairs"].values())
        if "frontier" in parts and most > few["pairs"]["all"]:
            expected = f"at most evidence.few.pairs.all = {few['pairs']['all']} pairs of each kind"
            yield "evidence.frontier.pairs", expected
    if "replicates" in parts and OURS not in evidence["replicates"]["geometries"]:
        expected = f"a list with {OURS}, of which the claims are"
        yield "evidence.replicates.geometries", expected
    if len(evidence["replicates"]["conv"]["hidden"]) != CONVOLUTIONS:
        yield "evidence.replicates.conv.hidden", "the channels of two convolutions"
    for name, claim in CLAIMS.items():
        if evidence["claims"][name]["measure"] not in claim.measures:
            yield f"evidence.claims.{name}.measure", f"one of {', '.join(claim.measures)}"
    weighed = any(GEOMETRIES[name].weighted for name in evidence["geometries"]["all"])
    if config["all_digits"] and weighed and not sum(evidence["strength"]["pairs"].values()):
        expected = "at least one pair in all, on which the strength of a weight is chosen"
        yield "evidence.strength.pairs", expected
    search = evidence["neighbours"]
    if search["neighbours"] >= search["points"]:
        expected = f"less than evidence.neighbours.points = {search['points']}"
        yield "evidence.neighbours.neighbours", expected
    if 0 < search["candidates"] < search["neighbours"]:
        expected = f"0, or at least evidence.neighbours.neighbours = {search['neighbours']}"
        yield "evidence.neighbours.candidates", expected
    clusters = evidence["statistics"]["clusters"]
    if clusters["clusters"] >= clusters["points"]:
        expected = f"less than evidence.statistics.clusters.points = {clusters['points']}"
        yield "evidence.statistics.clusters.clusters", expected


def _solved(part: Part, listed: Sequence[str]) -> set[str]:
    """Geometries of whose geodesics a part makes use, given those that the config lists."""
    return {*part.compares, *part.solves, *(listed if part.of_paths else ())}


def _expect_one_component(kind: str) -> str:
    parts = [name for name, part in PARTS.items() if not _solved(part, ()).isdisjoint(UNMIXED)]
    unmixed = " and ".join(UNMIXED)
    return (
        f"1, since the distances of mixtures are unknown in {unmixed}: or leave "
        f"{' and '.join(parts)} out of evidence.parts, and {unmixed} out of "
        f"evidence.geometries.{kind}"
    )


def _kinds(config: Mapping[str, Any]) -> list[str]:
    """Sections of the models that the config asks for."""
    return ["digit"] + ["all"] * config["all_digits"]


def _is_confined(folder: str) -> bool:
    """Whether a run may write to a folder: see ``FOLDER``."""
    parts = PurePosixPath(folder).parts
    if not folder.isprintable() or folder != folder.strip() or folder[0] in "-~":
        return False
    if MARKS & set(folder) or not parts or ".." in parts:
        return False
    if folder.startswith("/"):
        return len(parts) > 2 and parts[1] not in SYSTEM
    return parts[0] not in OURS_ALONE


def _find_obstacle(folder: str) -> str | None:
    """What stands in the place of a folder or of one above it, as far as one may look."""
    path = Path(folder)
    try:
        for part in (path, *path.parents):
            if part.is_file():
                return f"{part} is a file"
            if part.is_symlink() and not part.exists():
                return f"{part} is a link to {part.readlink()}, which is not there"
    except OSError:
        pass
    return None


def _contradict(config: Mapping[str, Any], key: str, expected: str) -> str:
    return f"config key {key} is {_show(_look_up(config, key))}; expected {expected}"


def _join(*path: object) -> str:
    return ".".join(map(str, path))


def _look_up(config: Mapping[str, Any], key: str) -> Any:
    for part in key.split("."):
        config = config[part]
    return config


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


# --- What a schema allows, in words ---


def _allowed(schema: Mapping[str, Any], *path: str | int) -> str:
    node = resolve(schema, schema)
    for part in path:
        part_schema = node["items"] if isinstance(part, int) else node["properties"][part]
        node = resolve(part_schema, schema)
    if "properties" in node:
        return f"a section with the keys {', '.join(node['properties'])}"
    return describe_allowed(node)


def resolve(node: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Replace ``$ref`` and ``allOf``, in ``items``, too, by what they stand for.

    Later parts refine earlier ones.
    """
    parts = [
        *([schema["$defs"][node["$ref"].rpartition("/")[2]]] if "$ref" in node else []),
        *node.get("allOf", []),
    ]
    resolved: dict[str, Any] = {}
    for part in parts:
        resolved = merge(resolved, resolve(part, schema))
    own = {key: value for key, value in node.items() if key not in ("$ref", "allOf")}
    if "items" in own:
        own["items"] = resolve(own["items"], schema)
    return merge(resolved, own)


def merge(base: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Extend one config by another, key by key, as Snakemake does."""
    merged = dict(base)
    for key, value in update.items():
        inner = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if inner else value
    return merged


def describe_allowed(leaf: Mapping[str, Any]) -> str:
    """Say in words what a part of the schema allows."""
    if "const" in leaf:
        return code(show(leaf["const"]))
    if "enum" in leaf:
        return " or ".join(code(show(value)) for value in leaf["enum"])
    if "anyOf" in leaf:
        return " or ".join(describe_allowed(part) for part in leaf["anyOf"])
    kinds = leaf["type"] if isinstance(leaf["type"], list) else [leaf["type"]]
    return " or ".join(_describe_kind(kind, leaf) for kind in kinds)


def _describe_kind(kind: str, leaf: Mapping[str, Any]) -> str:
    if kind == "array":
        different = "different " if leaf.get("uniqueItems") else ""
        item = describe_allowed(leaf["items"])
        return f"list of {leaf.get('minItems', 0)} or more {different}values, each: {item}"
    if kind in ("integer", "number"):
        return kind + _describe_bounds(leaf)
    words = {"boolean": "`true` or `false`", "null": "`null`", "string": "text"}
    return words[kind]


def _describe_bounds(leaf: Mapping[str, Any]) -> str:
    if "minimum" in leaf and "maximum" in leaf:
        return f" from {leaf['minimum']} to {leaf['maximum']}"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {leaf[name]}" for name, sign in signs.items() if name in leaf]
    return " " + " and ".join(bounds) if bounds else ""


def show(value: Any) -> str:
    """Return a value as it is written in YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return text.removesuffix("...\n").strip()


def code(text: str) -> str:
    """Set text as code in Markdown."""
    return f"`{text}`"
