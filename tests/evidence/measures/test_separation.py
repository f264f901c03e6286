"""How far curves part: known arcs in a flat geometry, and the geodesics of a network."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import Normal

from latent_transport.evidence.data.curves import Curves
from latent_transport.evidence.measures.separation import measure_separation
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.riemannian import FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import VAE, Architecture, save_vae
from latent_transport.storage import DataError, load_table, save_table
from workflow.scripts.measure_separation import main

torch.set_num_threads(1)

FLAT = Wasserstein2(lambda z: Normal(z, 1.0))  # W2 of translated normals is Euclidean


def make_line(count=1025):
    x = torch.linspace(-1, 1, count, dtype=torch.float64)
    return torch.stack((x, torch.zeros_like(x)), -1)[None]  # (1, N, 2)


def make_arc(count=1025, speed=1.0):
    """Half the unit circle from (-1, 0) to (1, 0), at a speed that varies unless it is 1."""
    angle = math.pi * (1 - torch.linspace(0, 1, count, dtype=torch.float64) ** speed)
    return torch.stack((angle.cos(), angle.sin()), -1)[None]  # (1, N, 2)


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_half_a_circle_and_its_diameter(speed):
    """At equal fractions t they are farthest apart halfway, by the radius: half the chord."""
    found = measure_separation(FLAT, make_line(), FLAT, make_arc(speed=speed))
    assert found["separation"].item() == pytest.approx(0.5, abs=1e-3)
    assert found["excess_first"].item() == pytest.approx(math.pi / 2 - 1, abs=1e-4)
    assert found["excess_second"].item() == pytest.approx(2 / math.pi - 1, abs=1e-4)


def test_a_curve_does_not_part_from_itself():
    found = measure_separation(FLAT, make_arc(speed=2.0), FLAT, make_arc(2049, speed=1.0))
    assert found["separation"].item() < 1e-3
    assert abs(found["excess_first"].item()) < 1e-5


def test_curves_are_measured_each_by_itself():
    curves = torch.cat([make_line(), make_arc()] * 12)  # more than are held at once
    others = torch.cat([make_arc(), make_line()] * 12)
    found = measure_separation(FLAT, curves, FLAT, others)
    assert found["separation"].shape == (24,)
    torch.testing.assert_close(
        found["separation"], torch.full((24,), 0.5).double(), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(found["excess_first"][::2], found["excess_first"][:1].expand(12))


def test_curves_of_other_pairs_are_refused():
    with pytest.raises(ValueError, match="1 of 1 pairs of curves have different ends"):
        measure_separation(FLAT, make_line(), FLAT, make_line() + 1)
    with pytest.raises(ValueError, match="expected"):
        measure_separation(FLAT, make_line()[0], FLAT, make_arc())


@pytest.fixture
def run(tmp_path):
    """A small model, its pairs, and the script's arguments."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        architecture = Architecture(latent_dim=2, data_dim=9, hidden=(16,))
        vae = VAE(architecture).eval().requires_grad_(False)
    save_vae(vae, tmp_path / "vae.safetensors", {})
    generator = torch.Generator().manual_seed(1)
    ends = 3 * torch.randn(2, 4, 2, generator=generator)
    pairs = pd.DataFrame({"pair": range(4), "kind": ["random", "random", "far", "far"]})
    save_table(pairs, tmp_path / "pairs.csv")
    t = torch.linspace(0, 1, 257)
    for name, geometry in (("w", Wasserstein1), ("f", FisherRao)):
        points = connecting_geodesics(geometry(vae.decoder), *ends)(t)
        Curves(np.arange(4), t.numpy(), points.numpy()).save(tmp_path / f"{name}.safetensors")
    options = {
        "name": "digit3",
        "model": tmp_path / "vae.safetensors",
        "pairs": tmp_path / "pairs.csv",
        "wasserstein1": tmp_path / "w.safetensors",
        "fisher-rao": tmp_path / "f.safetensors",
        "output": tmp_path / "out.csv",
    }
    return [str(part) for key, value in options.items() for part in (f"--{key}", value)]


def test_script_finds_each_geodesic_shortest_in_its_own_geometry(run, tmp_path):
    main(run)
    table = load_table(tmp_path / "out.csv")
    assert list(table.columns[:4]) == ["model", "kind", "pair", "path"]
    assert (table["separation"] > 0).all()
    assert (table[["excess_wasserstein1", "excess_fisher_rao"]] > -1e-3).all(axis=None)


def test_script_refuses_curves_of_other_pairs(run, tmp_path):
    points = np.zeros((4, 257, 2), np.float32)
    Curves(np.arange(1, 5), np.linspace(0, 1, 257), points).save(tmp_path / "f.safetensors")
    with pytest.raises(DataError, match=r"f\.safetensors lacks 1 pairs, such as 0"):
        main(run)
