import json
import shlex
import sys
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(workflow.basedir)
DIGIT_MODELS = [f"digit{digit}" for digit in sorted(config["digits"])]
MODELS = DIGIT_MODELS + ["all"] * config["all_digits"]


# Jobs run the Python that runs Snakemake, whether or not its environment is activated.
shell.prefix(
    f'set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"; '
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
