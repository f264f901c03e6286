import json
import shlex
import sys
from functools import cache
from pathlib import Path

import grimp
import yaml
from jsonschema import Draft202012Validator
from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
ENVIRONMENT = str(ROOT / "environment.yml")


def check_schema(path):
    """Stop with a line about each config key that does not fit the schema.

    Snakemake's own ``validate`` stops at the first, and prints the part of the schema around it,
    all of it for an unknown key at the top.
    """
    schema = yaml.safe_load((ROOT / path).read_text())
    lines = []
    for error in Draft202012Validator(schema).iter_errors(config):
        keys = list(map(str, error.absolute_path))
        if error.validator == "additionalProperties":
            unknown = [name for name in error.instance if name not in error.schema["properties"]]
            known = ", ".join(error.schema["properties"])
            lines += [f"{'.'.join([*keys, name])}: unknown; expected {known}" for name in unknown]
        else:
            lines.append(f"{'.'.join(keys)}: {error.message}")
    if lines:
        raise WorkflowError("\n".join(f"config key {line}" for line in sorted(lines)))


check_schema("workflow/schemas/config.schema.yaml")


def require(condition, key, expected):
    """Stop with a message about a config key that contradicts another one."""
    if not condition:
        value = config
        for part in key.split("."):
            value = value[part]
        raise WorkflowError(f"config key {key} is {value}; expected {expected}")


def count_pairs(section):
    """Geodesics of each model of a section of the config."""
    return sum(config["geodesics"]["pairs"][section].values())


require(
    config["figures"]["surface_digit"] in config["digits"],
    "figures.surface_digit",
    f"one of the digits {config['digits']}",
)
require(
    count_pairs("digit") >= config["figures"]["curves"],
    "geodesics.pairs.digit",
    f"at least figures.curves = {config['figures']['curves']} pairs in all",
)
require(
    not config["all_digits"] or count_pairs("all") >= config["figures"]["pairs"],
    "geodesics.pairs.all",
    f"at least figures.pairs = {config['figures']['pairs']} pairs in all",
)

DIGIT_MODELS = [f"digit{digit}" for digit in sorted(config["digits"])]
MODELS = DIGIT_MODELS + ["all"] * config["all_digits"]

FORMATS = ("pdf", "png")
NAMES = ["figure1", "figure2", "training"] + ["figure3", "figure4"] * config["all_digits"]
FIGURES = expand("<results>/figures/{name}.{format}", name=NAMES, format=FORMATS)
PUBLISHED = expand("<paper>/figures/{name}.{format}", name=NAMES, format=FORMATS)


SURFACE = f"digit{config['figures']['surface_digit']}"


# Jobs find the library in this repository. Unless Snakemake deploys their software, they run the
# Python that runs Snakemake, whether or not its environment is activated.
exports = {"PYTHONPATH": ROOT / "src"}
if not workflow.deployment_settings.deployment_method:
    exports["PATH"] = Path(sys.executable).parent
shell.prefix(
    "set -euo pipefail; "
    + "".join(
        f'export {name}={shlex.quote(str(path))}"${{{{{name}:+:${name}}}}}"; '
        for name, path in exports.items()
    )
)


wildcard_constraints:
    model=r"digit\d|all",


scattergather:
    chunk=config["geodesics"]["chunks"],


@cache
def import_graph():
    """Who imports whom among the library and the scripts."""
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    try:
        return grimp.build_graph("latent_transport", "workflow", cache_dir=None)
    finally:
        del sys.path[:2]


def code_of(script):
    """Files that a script runs: itself, and all that it imports of ours, directly or not.

    As inputs of its rule they make an edit rerun what depends on the edited file, and nothing
    else.
    """
    modules = {f"workflow.scripts.{script}"}
    modules |= import_graph().find_upstream_modules(f"workflow.scripts.{script}")
    return sorted(map(_path_of, modules))


def _path_of(module):
    path = Path("src" if module.startswith("latent_transport") else ".", *module.split("."))
    package = path / "__init__.py"
    return str(package if (ROOT / package).exists() else path.with_suffix(".py"))


def kind_of(wildcards):
    """Section of the config for a model: that of all digits, or that of a single one."""
    return "all" if wildcards.model == "all" else "digit"


def digits_of(wildcards):
    """Digits that a model sees."""
    return list(range(10)) if wildcards.model == "all" else [int(wildcards.model[-1])]


def urgency_of(wildcards):
    """The largest model goes first, lest it run alone in the end."""
    return int(wildcards.model == "all")


def figure(name):
    """Both formats of a figure; the vector one stands in the report."""
    vector = report(
        f"<results>/figures/{name}.pdf",
        caption=f"../report/{name}.rst",
        category="Figures",
        labels={"figure": name},
    )
    return [vector, f"<results>/figures/{name}.png"]
