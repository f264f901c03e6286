"""Ranges of versions agree wherever they are stated, and exact versions lie within them."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Packages whose conda-forge name differs; the -base and -minimal ones bring less along.
CONDA_NAMES = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
    "snakemake-minimal": "snakemake",
}

# What importing a package is called where its name differs.
IMPORT_NAMES = {"pot": "ot", "pyyaml": "yaml", "scikit-learn": "sklearn"}


def parse(lines) -> dict[str, SpecifierSet]:
    requirements = map(Requirement, lines)
    return {canonicalize_name(each.name): each.specifier for each in requirements}


def ranges(*extras) -> dict[str, SpecifierSet]:
    """Ranges of the library and of some extras, by package."""
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    found = parse(lines)
    found.pop("latent-transport", None)  # an extra that includes another one
    return found


def pins(name) -> dict[str, str]:
    """Exact versions of a file in requirements/, by package."""
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_conda_environment_has_the_ranges_of_the_package():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = parse(line for line in listed if isinstance(line, str))
    python = conda.pop("python")
    del conda["pip"], conda["nodejs"], conda["c-compiler"]
    found = {CONDA_NAMES.get(name, name): specifier for name, specifier in conda.items()}
    found |= parse(listed[-1]["pip"])
    expected = ranges("stochman", "pipeline", "test")
    assert found == {name: expected[name] for name in found}
    assert set(ranges("stochman", "pipeline")) <= set(found)
    assert set(SpecifierSet(PROJECT["requires-python"])) <= set(python)


def test_conda_recipe_is_that_of_the_library():
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    assert recipe["context"]["version"] == PROJECT["version"]
    conda = parse(recipe["requirements"]["run"])
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    found = {CONDA_NAMES.get(name, name): specifier for name, specifier in conda.items()}
    assert found == ranges()


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("linux-x86_64.txt", ("stochman", "pipeline", "slurm", "test")),
        ("lowest.txt", ("stochman", "pipeline", "test")),
    ],
)
def test_exact_versions_are_in_the_ranges(name, extras):
    pinned = pins(name)
    outside = {
        package: pinned.get(package)
        for package, specifier in ranges(*extras).items()
        if package not in pinned or pinned[package] not in specifier
    }
    assert not outside


def test_lowest_versions_are_the_lower_bounds():
    bounds = {
        package: specifier.version
        for package, specifiers in ranges("stochman", "pipeline", "test").items()
        for specifier in specifiers
        if specifier.operator == ">="
    }
    pinned = pins("lowest.txt")
    assert pinned.keys() == bounds.keys()
    for package, bound in bounds.items():
        assert pinned[package] in SpecifierSet(f"=={bound}.*"), package


@pytest.fixture(scope="module")
def alone():
    """Run a script as if nothing but the library's own requirements were installed."""
    others = ranges("stochman", "pipeline", "test").keys() - ranges().keys()
    blocked = [IMPORT_NAMES.get(package, package.replace("-", "_")) for package in sorted(others)]
    hide = f"import sys\nsys.modules.update(dict.fromkeys({blocked}))\n"  # None: not installed

    def run(script):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, "-c", hide + script]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_library_alone_has_every_public_name_but_stochmans(alone):
    done = alone(
        "import latent_transport as lt\n"
        "for name in lt.__all__:\n"
        "    if not name.startswith('StochMan'):\n"
        "        getattr(lt, name)\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_library_alone_imports_everything_but_the_evidence_and_what_names_an_extra(alone):
    done = alone(
        "import importlib, pkgutil\n"
        "import latent_transport as lt\n"
        "def walk(package):\n"
        "    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        if module.name.rpartition('.')[2].startswith('triton_'):\n"
        "            continue\n"
        "        try:\n"
        "            found = importlib.import_module(module.name)\n"
        "        except ImportError as error:\n"
        "            print(module.name, error, sep=': ')\n"
        "        else:\n"
        "            if module.ispkg:\n"
        "                walk(found)\n"
        "walk(lt)\n"
    )
    assert done.returncode == 0, done.stderr
    refused = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert refused.keys() == {"latent_transport.evidence"}
    assert "latent-transport[pipeline]" in refused["latent_transport.evidence"]


@pytest.mark.parametrize(
    ("made", "extra"),
    [
        ("StochMan()", "stochman"),
        ("StochManManifold(None)", "stochman"),
        ("GeodesicKMeans(None)", "statistics"),
        ("GeodesicKMedoids(None)", "statistics"),
        ("GeodesicPCA(None)", "statistics"),
    ],
)
def test_what_needs_an_extra_names_it_when_it_is_used(alone, made, extra):
    done = alone(f"import latent_transport as lt\nlt.{made}\n")
    assert "ImportError" in done.stderr
    assert f"latent-transport[{extra}]" in done.stderr


def test_names_may_be_imported_at_once(alone):
    # Packages that load their names late do so at once where this variable is set.
    done = alone("import os\nos.environ['EAGER_IMPORT'] = '1'\nimport latent_transport\n")
    assert done.returncode == 0, done.stderr


def test_the_library_moves_no_pandas():
    # anndata, and with it scvi-tools, allows no pandas 3: the library must not ask for one.
    assert "pandas" not in ranges()


def test_the_version_is_the_same_everywhere():
    version = PROJECT["version"]
    assert json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))["version"] == version
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert f"## {version} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
