"""Geodesics on any device: as long as in float64 on the CPU, and in bounded memory however many."""

import pytest
import torch

import latent_transport as lt
from latent_transport.evidence.measures.benchmarks import peak_allocation
from tests.problems import make_network

torch.set_num_threads(1)

COARSE = {"controls": 4, "points": 16}


def make_geometry(kind, dims, **like):
    """Plain W1 of logistics or of mixtures, or weighted by a density; the same numbers for all."""
    family = "mixture" if kind == "mixture" else "logistic"
    geometry = lt.Wasserstein1(make_network(family, dims=dims, variables=max(24, 2 * dims), **like))
    if kind != "weighted":
        return geometry
    codes = torch.randn(100, dims, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    codes = codes.to(**like)
    density = lt.AggregatePosterior(codes, torch.full_like(codes, 0.7), components=100)
    return lt.Conformal(geometry, density, 0.3)


def draw_ends(count, dims, **like):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, count, dims, generator=generator, dtype=torch.float64).to(**like) / 3


@pytest.mark.parametrize(
    ("kind", "dims"),
    [("logistic", 2), ("mixture", 2), ("weighted", 2), ("logistic", 30), ("weighted", 30)],
)
def test_lengths_are_those_of_float64_on_the_cpu(kind, dims, device):
    def solve(**like):
        ends = draw_ends(3, dims, **like)
        return lt.connecting_geodesics(make_geometry(kind, dims, **like), *ends, **COARSE)

    expected = solve(dtype=torch.float64, device=torch.device("cpu"))
    paths = solve(dtype=torch.float32, device=device)
    for x in (paths.length, paths.energy, paths.converged, paths(torch.linspace(0, 1, 5))):
        assert x.device.type == device.type
    assert paths.converged.all()
    assert expected.converged.all()
    torch.testing.assert_close(paths.length.cpu().double(), expected.length, rtol=1e-3, atol=0)


def test_ten_thousand_at_once_take_no_more_memory_than_allowed(device):
    """On the CPU a 25th of them, within a 32nd."""
    many, memory = (10_000, 2**29) if device.type == "cuda" else (400, 2**24)
    single = {"dtype": torch.float32, "device": device}
    geometry = make_geometry("logistic", 2, **single)
    ends = draw_ends(many, 2, **single)
    solver = lt.GaussNewton(max_iterations=3, memory=memory)
    found = []

    def solve():
        found.append(lt.connecting_geodesics(geometry, *ends, solver=solver, **COARSE))

    assert peak_allocation(solve, device) < memory
    assert found[0].length.isfinite().all()
