"""The code that rules have as inputs."""

from pathlib import Path

import pytest
from sandbox import ROOT

from workflow.dependencies import TELLING, code_of

SCRIPTS = sorted(
    path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py") if path.stem != "__init__"
)
RUN = [script for script in SCRIPTS if f"workflow.scripts.{script}" not in TELLING]
STORAGE = "src/latent_transport/storage.py"
PROVENANCE = "workflow/provenance.py"


def scripts_with(path: str) -> set[str]:
    return {script for script in RUN if path in code_of(script)}


@pytest.mark.parametrize("script", RUN)
def test_code_is_the_script_and_modules_that_are_there(script):
    code = code_of(script)
    assert f"workflow/scripts/{script}.py" in code
    assert code == sorted(set(code))
    assert all((ROOT / path).is_file() for path in code)


@pytest.mark.parametrize("script", RUN)
def test_no_face_of_a_package_is_code(script):
    assert "__init__.py" not in {Path(path).name for path in code_of(script)}


def test_indirect_imports_count():
    code = code_of("solve_geodesics")
    assert "src/latent_transport/models/vae.py" in code
    assert "src/latent_transport/kernels/logistic.py" in code
    assert "src/latent_transport/kernels/c/logistic.h" in code
    assert not any(path.endswith(".h") for path in code_of("fetch"))


def test_what_only_tells_is_left_out():
    for module in TELLING:
        path = f"{module.replace('.', '/')}.py"
        assert (ROOT / path).is_file()
        assert not scripts_with(path)


def test_provenance_counts_where_results_are_made_of_it():
    assert scripts_with(PROVENANCE) == {"collect_numbers", "collect_provenance"}


def test_what_decides_on_results_counts():
    assert {"train_vae", "solve_geodesics"} <= scripts_with("workflow/scripts/compute.py")
    assert {"fetch", "subset", "train_vae", "solve_geodesics"} <= scripts_with(STORAGE)


@pytest.mark.parametrize(
    "script",
    [
        *("solve_geodesics", "choose_strength", "judge_paths"),
        *("measure_statistics", "measure_clusters"),
        *(f"measure_{part}" for part in ("containment", "distances", "neighbours", "separation")),
    ],
)
def test_a_word_is_no_reason_to_compute_anything_again(script):
    assert not [path for path in code_of(script) if path.endswith("vocabulary.py")]
