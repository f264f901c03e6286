"""The same seed gives the same numbers: run again, and however the work is divided."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from tiny import SETTINGS, fingerprint, plan_tiny, run_tiny

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.models.loading import load_geometry
from workflow.scripts import choose_pairs, solve_geodesics

RESULTS = Path("results", "tiny")
PAIRS = 8
TOLERANCE = 1e-4  # relative, of lengths


# --- Two runs, one of them with interruptions ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ((".csv", ".parquet"), 20),
        ((".safetensors", "-ubyte"), 20),
        ((".json", ".tex"), 2),
        ((".pdf",), 15),  # figures, their published copies, and the manuscript
        ((".png",), 14),
    ],
)
def test_two_runs_give_the_same_bytes(finished, interrupted, kind, count):
    one, two = (
        {name: told for name, told in fingerprint(folder / RESULTS).items() if name.endswith(kind)}
        for folder in (finished, interrupted)
    )
    assert len(one) >= count
    assert one == two


# --- One run, divided in other ways ---


def test_neither_chunks_nor_cores_change_a_result(repository, finished):
    target = str(RESULTS / "geodesics" / "digit1" / "wasserstein1" / "geodesics.csv")
    jobs = plan_tiny(repository, target, geodesics__chunks=1)
    assert jobs == {"solve_geodesics": 1, "gather_geodesics": 1}
    run_tiny(repository, target, cores=1, geodesics__chunks=1)
    one, two = (pd.read_csv(folder / target) for folder in (repository, finished))
    for column in ("length", "energy", "line_length", "line_energy"):
        np.testing.assert_allclose(one[column], two[column], rtol=TOLERANCE)
    told = ["pair", "kind", "row0", "row1", "index0", "index1", "label0", "label1", "seed"]
    pd.testing.assert_frame_equal(one[told], two[told])


@pytest.fixture(params=["digit1", "all"])
def model(finished, request) -> Path:
    """Folder of a trained model: a latent plane, and a space of three dimensions."""
    return finished / RESULTS / "models" / request.param


@pytest.fixture
def pairs(model, tmp_path) -> Path:
    """More endpoint pairs than the tiny run has."""
    path = tmp_path / "pairs.csv"
    choose_pairs.main(
        [
            *("--codes", str(model / "codes.safetensors"), "--split", "test"),
            *("--random", str(PAIRS // 2), "--far", str(PAIRS // 2), "--seed", "0"),
            *("--output", str(path)),
        ]
    )
    return path


def solve_chunks(model: Path, pairs: Path, chunks: int) -> np.ndarray:
    """Lengths of the geodesics of all pairs, solved by the script of the workflow in chunks."""
    tables = []
    keys = ("controls", "points", "max_iterations")
    settings = {key: SETTINGS["geodesics"][key] for key in keys}
    settings |= {"solver": "gauss-newton", "tolerance": 1e-4}
    for number in range(1, chunks + 1):
        tables.append(pairs.with_name(f"{number}-of-{chunks}.csv"))
        solve_geodesics.main(
            [
                *("--geometry", "wasserstein1", "--model", str(model / "vae.safetensors")),
                *("--codes", str(model / "codes.safetensors"), "--pairs", str(pairs)),
                *("--chunk", f"{number}-of-{chunks}", "--settings", json.dumps(settings)),
                *("--table", str(tables[-1])),
                *("--curves", str(pairs.with_name("curves.safetensors"))),
                *("--device", "cpu"),
            ]
        )
    table = pd.concat(map(pd.read_csv, tables)).sort_values("pair")
    np.testing.assert_array_equal(table["pair"], np.arange(PAIRS))
    return table["length"].to_numpy()


def test_chunks_change_no_length(model, pairs):
    whole = solve_chunks(model, pairs, 1)
    for chunks in (2, 7):
        np.testing.assert_allclose(solve_chunks(model, pairs, chunks), whole, rtol=TOLERANCE)
    # The first way again, after the others.
    np.testing.assert_array_equal(solve_chunks(model, pairs, 1), whole)


@pytest.mark.parametrize("solver", [GaussNewton, LBFGS])
def test_the_memory_of_a_solver_changes_no_length(model, pairs, solver):
    files = {"vae": model / "vae.safetensors", "codes": model / "codes.safetensors"}
    geometry = load_geometry("wasserstein1", **files, device="cpu")
    codes = torch.from_numpy(load_file(model / "codes.safetensors")["mean"])
    table = pd.read_csv(pairs)
    z0, z1 = (codes[torch.tensor(table[row].to_numpy())] for row in ("row0", "row1"))
    # One curve at a time, some, and all.
    one, some, all_at_once = (
        connecting_geodesics(
            geometry, z0, z1, solver=solver(memory=memory), controls=4, points=12
        ).length
        for memory in (1, 2**22, 2**30)
    )
    torch.testing.assert_close(one, all_at_once, rtol=TOLERANCE, atol=0)
    torch.testing.assert_close(some, all_at_once, rtol=TOLERANCE, atol=0)
