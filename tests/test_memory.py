"""Temporaries that keep to a bound: what a row takes, parts of computations, resident peaks."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch.distributions import Categorical

import latent_transport as lt
from latent_transport import memory
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.normal_matrix import normal_matrix
from latent_transport.geodesics.solvers.objective import energy_objective
from latent_transport.geometries.measures import decode_along
from tests.problems import DOUBLE, make_network

ROOT = Path(__file__).parents[1]
BUDGET = 2**26


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


# --- What a row takes ---


def test_a_row_takes_its_hidden_layer_and_what_comes_of_it():
    layer = torch.zeros(3, 1000)
    found = memory.measure_row(lambda rows: torch.tanh(torch.zeros(rows, 3) @ layer).sum())
    assert 2 * 4000 <= found <= 2 * 4000 + 100


def test_what_a_gradient_keeps_counts_as_well():
    def compute(rows):
        x = torch.zeros(rows, 1000, requires_grad=True)
        for _ in range(5):
            x = x.sin()
        return x

    with torch.no_grad():
        assert memory.measure_row(compute) == 2 * 4000
    assert memory.measure_row(compute) == 6 * 4000


def test_what_all_rows_share_does_not_count():
    assert memory.measure_row(lambda rows: torch.zeros(rows, 10) + torch.zeros(1000, 1).sum()) < 100


def test_rows_fit_with_room_for_holes_and_one_always():
    assert memory.count_rows(10, 1000) == 50
    assert memory.count_rows(2000, 1000) == memory.count_rows(1, 0) == 1


# --- The same numbers in parts ---


def measure_everything(geometry):
    points, z, v = draw(3, 2, 9, 2), draw(40, 2, seed=1), draw(40, 2, seed=2)
    t = torch.linspace(0, 1, 20, **DOUBLE)
    yield geometry.segment_lengths(points)
    yield geometry.curve_energy(points)
    yield geometry.distance(z, v)
    yield geometry.distance(z[:, None], v[:5])
    yield geometry.distance(z[0], v)
    yield geometry.norm(z, v)
    yield geometry.tensor(z, v)
    yield geometry.tensor(z[:, None], v[:3])
    yield geometry.volume(z)
    yield decode_along(geometry.decoder, points[0], t.expand(2, -1))


@pytest.mark.parametrize("kind", [lt.Wasserstein1, lt.FisherRao])
@pytest.mark.parametrize("size", [1, 20_000])
def test_measures_in_parts_are_those_of_the_whole(kind, size, monkeypatch):
    geometry = kind(make_network("normal"))
    whole = list(measure_everything(geometry))
    monkeypatch.setattr(memory, "MEMORY", size)
    for part, expected in zip(measure_everything(geometry), whole, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_the_whole(monkeypatch):
    monkeypatch.setattr(memory, "MEMORY", 1)
    geometry = lt.Wasserstein1(make_network("normal"))
    points = draw(5, 9, 2).requires_grad_()
    (ours,) = torch.autograd.grad(geometry.curve_energy(points).sum(), points)
    (expected,) = torch.autograd.grad(geometry.polygon_energy(points).sum(), points)
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("kind", [lt.Wasserstein1, lt.FisherRao])
def test_a_curve_that_does_not_fit_is_differentiated_in_runs(kind, monkeypatch):
    geometry = kind(make_network("categorical"))
    spline = CubicSpline.straight(draw(1, 2), draw(1, 2, seed=1), 4)
    t = torch.linspace(0, 1, 12, **DOUBLE)
    everyone = torch.arange(1)

    def solve():
        matrix, _ = normal_matrix(geometry, spline(t), spline.basis(t))
        return matrix, *energy_objective(geometry, spline, t)(everyone, spline.controls)

    whole = solve()
    monkeypatch.setattr(memory, "MEMORY", 1)
    for part, expected in zip(solve(), whole, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-11, atol=1e-11)


# --- Many residuals a variable ---


class _Once(torch.autograd.Function):
    """The identity, without a forward mode."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad


class BackwardOnly(lt.FisherRao):
    def residuals(self, p, q):
        return super().residuals(p.apply(_Once.apply), q)


def make_classes(count, variables=3):
    weights = draw(2, variables * count, seed=4)
    return lambda z: Categorical(logits=(z @ weights).unflatten(-1, (variables, count)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_forward_and_reverse_mode_agree(dtype):
    decoder = make_classes(50)

    def cast(z):
        return Categorical(logits=decoder(z.double()).logits.to(dtype))

    spline = CubicSpline.straight(draw(3, 2).to(dtype), draw(3, 2, seed=1).to(dtype), 4)
    t = torch.linspace(0, 1, 7, dtype=dtype)
    ours, theirs = (
        normal_matrix(kind(cast), spline(t), spline.basis(t))[0]
        for kind in (lt.FisherRao, BackwardOnly)
    )
    bound = {torch.float64: 1e-12, torch.float32: 1e-5}[dtype] * theirs.abs().amax().item()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=bound)


def test_tensor_of_many_classes_is_the_fisher_information():
    decoder, z = make_classes(60, variables=1), draw(4, 2)
    found = lt.FisherRao(decoder).tensor(z, torch.ones_like(z))
    probs = decoder(z).probs[:, 0]  # (4, 60)
    slopes = torch.stack(
        [torch.func.jacfwd(lambda x: decoder(x).logits[0])(each) for each in z]
    )  # (4, 60, 2), of log probabilities
    torch.testing.assert_close(found, slopes.mT @ (probs[..., None] * slopes))


def test_passes_do_not_grow_with_the_classes():
    calls = []

    class Counting(lt.FisherRao):
        def residuals(self, p, q):
            calls.append(1)
            found = super().residuals(p, q)
            if found.requires_grad:
                found.register_hook(lambda grad: calls.append(1))
            return found

    spline = CubicSpline.straight(draw(1, 2), draw(1, 2, seed=1), 4)
    t = torch.linspace(0, 1, 7, **DOUBLE)
    normal_matrix(Counting(make_classes(500)), spline(t), spline.basis(t))
    assert len(calls) < 10


# --- Resident peaks, of processes of their own ---

HEAD = """
import resource, sys, warnings, torch
import latent_transport as lt
from latent_transport import memory
from torch.distributions import Categorical, Normal
torch.set_num_threads(1)
warnings.simplefilter("ignore")
memory.MEMORY = {budget}
def make(dims, outputs, hidden=64):
    torch.manual_seed(0)
    first, last = torch.randn(dims, hidden) / dims, torch.randn(hidden, outputs) / hidden
    return lambda z: torch.tanh(z @ first) @ last
def make_normal(dims, variables, hidden=64):
    net = make(dims, 2 * variables, hidden)
    def decoder(z):
        loc, scale = net(z).chunk(2, -1)
        return Normal(loc, scale.exp())
    return decoder
def peak():
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
def solve(geometry, dims, pairs, solver):
    z0, z1 = torch.randn(2, pairs, dims)
    paths = lt.connecting_geodesics(geometry, z0, z1, solver=solver)
    return paths, paths.length
"""

CASES = {
    "length": """
        geometry = lt.Wasserstein1(make_normal(2, 100))
        points = torch.randn(600, 257, 2)
        run = lambda n: geometry.curve_length(points[:n])
    """,
    "one-long-curve": """
        geometry = lt.Wasserstein2(make_normal(2, 100))
        points = torch.randn(1, 150_000, 2)
        run = lambda n: geometry.curve_energy(points[:, :100 * n])
    """,
    "local": """
        geometry = lt.Wasserstein1(make_normal(2, 100))
        z, v = torch.randn(2, 30_000, 2)
        run = lambda n: (
            geometry.norm(z[:50 * n], v[:50 * n]), geometry.tensor(z[:50 * n], v[:50 * n]),
            geometry.distance(z[:50 * n], v[:50 * n]),
        )
    """,
    "all-pairs": """
        geometry = lt.FisherRao(make_normal(2, 100))
        z, v = torch.randn(2, 200, 2)
        run = lambda n: geometry.distance(z[:n, None], v[:n])
    """,
    "codes-of-a-density": """
        codes = torch.randn(4000, 2)
        density = lt.AggregatePosterior(codes, torch.ones_like(codes), components=4000)
        geometry = lt.Conformal(lt.LatentEuclidean(), density, 0.3)
        points = torch.randn(60, 257, 2)
        run = lambda n: geometry.curve_length(points[:n])
    """,
    "graph": """
        graph = lt.NeighbourGraph(lt.LatentEuclidean(), torch.randn(1000, 2))
        z0, z1 = torch.randn(2, 3000, 2)
        run = lambda n: graph.shortest_paths(z0[:5 * n], z1[:5 * n], points=4)
    """,
    "gauss-newton": """
        geometry = lt.Wasserstein1(make_normal(2, 784))
        solver = lt.GaussNewton(max_iterations=3, memory=memory.MEMORY)
        run = lambda n: solve(geometry, 2, n // 8, solver)
    """,
    "normal-matrices": """
        geometry = lt.Wasserstein1(make_normal(64, 3))
        solver = lt.GaussNewton(max_iterations=3, memory=memory.MEMORY)
        run = lambda n: solve(geometry, 64, n // 6, solver)
    """,
    "mean-metrics": """
        geometry = lt.Wasserstein1(make_normal(128, 400))
        solver = lt.GaussNewton(max_iterations=3, memory=memory.MEMORY)
        run = lambda n: solve(geometry, 128, n // 30, solver)
    """,
    "axes": """
        geometry = lt.Wasserstein1(make_normal(400, 2000, hidden=2000))
        z, v = torch.randn(2, 60, 400)
        run = lambda n: geometry.norm(z[:n // 10], v[:n // 10])
    """,
    "lbfgs-hidden": """
        geometry = lt.Wasserstein1(make_normal(2, 3, hidden=2000))
        solver = lt.LBFGS(max_iterations=3, memory=memory.MEMORY)
        run = lambda n: solve(geometry, 2, n // 3, solver)
    """,
    "classes": """
        net = make(10, 2000)
        geometry = lt.FisherRao(lambda z: Categorical(logits=net(z).unsqueeze(-2)))
        solver = lt.GaussNewton(max_iterations=3, memory=memory.MEMORY)
        z, v = torch.randn(2, 60, 10)
        run = lambda n: (
            solve(geometry, 10, n // 30, solver), geometry.tensor(z[:n // 10], v[:n // 10])
        )
    """,
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process's peak")
@pytest.mark.parametrize("case", CASES)
def test_resident_peak_keeps_to_the_bound(case):
    tail = """
        run(60)
        before = peak()
        found = run(600)
        print(peak() - before)
    """
    script = HEAD.format(budget=BUDGET) + textwrap.dedent(CASES[case]) + textwrap.dedent(tail)
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 2 * BUDGET
