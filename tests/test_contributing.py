"""The map of the house in CONTRIBUTING.md: every module is in it, in the order of imports."""

import re
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "latent_transport"


@pytest.fixture(scope="module")
def rows():
    """Row of the table in which each module or package of the library stands."""
    lines = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("| ")]
    return {
        name: number
        for number, line in enumerate(table)
        for name in re.findall(r"`(\w+)(?:\.py|/)`", line)
        if (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file()
    }


def test_every_module_is_on_the_map(rows):
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__"}
    assert rows.keys() == packages | modules


def test_modules_import_only_from_their_own_row_and_those_above(rows, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "src"), *sys.path])
    graph = grimp.build_graph("latent_transport", cache_dir=None)
    importers = [module for module in graph.modules if "." in module]
    imports = {
        (module.split(".")[1], imported.split(".")[1])
        for module in importers
        for imported in graph.find_modules_directly_imported_by(module)
        if "." in imported
    }
    assert ("wasserstein", "families") in imports
    assert not [(a, b) for a, b in sorted(imports) if rows[b] > rows[a]]
