"""The tiny run and its benchmark on a GPU, which is written into what they make."""

import json

import pandas as pd
import torch
from sandbox import copy_repository
from tiny import run_tiny

from tests.devices import needs_gpu

BENCHMARK = {
    "pixel_pairs": 4096,
    "components": [1, 5],
    "repetitions": 1,
    "rounds": 1,
    "published_geodesics": 1,
    "weighted_geodesics": 2,
    "restarts": 0,
    "geodesics": {"digit": 2, "all": 2},
    "batches": {"digit": [2], "all": [2]},
}


def run_on(device, folder):
    """Make the tiny run and its benchmark on a device, and return where its results are."""
    copy_repository(folder)
    run_tiny(folder, "all", "benchmark", device=device, benchmark=BENCHMARK)
    return folder / "results" / "tiny"


def check_device(results, device, name):
    """See that the weights, curves and tables say that they are of that device, and processor."""
    for made in ("models/digit1/vae.safetensors", "geodesics/all/wasserstein1/curves.safetensors"):
        assert (results / made).exists()
    made = list((results / "models").rglob("vae.safetensors.provenance.json"))
    assert {json.loads(path.read_text())["device"] for path in made} == {name}
    tables = sorted((results / "benchmark").rglob("*.csv"))
    assert len(tables) == 6  # W1, solvers and scaling of two models, geometries of one
    for path in tables:
        table = pd.read_csv(path)
        assert set(table["device"]) == {device}
        assert set(table["processor"]) == {name}


@needs_gpu
def test_pipeline_and_benchmark_run_on_a_gpu(tmp_path):
    results = run_on("cuda", tmp_path / "run")
    check_device(results, "cuda", torch.cuda.get_device_name())
