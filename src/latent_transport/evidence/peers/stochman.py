"""StochMan 0.3 (Detlefsen et al. 2021): cubic splines, moved by Adam."""

import torch
from stochman.curves import CubicSpline
from stochman.geodesic import geodesic_minimizing_energy
from stochman.manifold import EmbeddedManifold, Manifold
from torch import Tensor

from latent_transport.evidence.peers.base import FINE, Found, Solve
from latent_transport.evidence.peers.problems import Embedding, Problem

CHORDS = 128  # of which a length is the sum


class Surface(EmbeddedManifold):  # type: ignore[misc]  # StochMan has no types
    """A problem's surface."""

    def __init__(self, embedding: Embedding) -> None:
        self.embedding = embedding

    def embed(self, points: Tensor, jacobian: bool = False) -> Tensor:
        """Points (..., d) on the surface: (..., D)."""
        return self.embedding(torch, points)


class Chart(Manifold):  # type: ignore[misc]
    """The metric of a problem whose coordinates are orthogonal."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def metric(self, points: Tensor) -> Tensor:
        """Diagonals (n, d) of the tensors at points (n, d)."""
        n, d = points.shape
        axes = torch.eye(d, dtype=points.dtype).expand(n, d, d)
        return self.problem.squared_norm(torch, points[:, None].expand(n, d, d), axes)


def prepare(problem: Problem) -> Solve:
    """Return the solve with StochMan's defaults: 5 nodes, 20 points, 150 steps of Adam."""
    z0, z1 = _ends(problem)
    manifold = make_manifold(problem)

    def solve() -> Found:
        return describe(manifold, *manifold.connecting_geodesic(z0, z1))

    return solve


def prepare_fine(problem: Problem) -> Solve:
    """Return the solve with 20 nodes, 200 points, and at most 2000 steps."""
    z0, z1 = _ends(problem)
    manifold = make_manifold(problem)

    def solve() -> Found:
        curve = CubicSpline(z0, z1, num_nodes=20)
        success = geodesic_minimizing_energy(curve, manifold, max_iter=2000, eval_grid=200)
        return describe(manifold, curve, success)

    return solve


def make_manifold(problem: Problem) -> Manifold:
    """Return the problem as StochMan knows it."""
    return Chart(problem) if problem.embed is None else Surface(problem.embed)


def describe(manifold: Manifold, curve: CubicSpline, success: bool) -> Found:
    """Say what StochMan found; the length is its own, of 128 chords."""
    with torch.no_grad():
        t = torch.linspace(0, 1, FINE, dtype=curve.begin.dtype)
        points = curve(t).reshape(FINE, -1)
        length = manifold.curve_length(curve(t[:: FINE // CHORDS]))
    return Found(points.numpy(), length.item(), float(success))


def _ends(problem: Problem) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(problem.start)[None], torch.from_numpy(problem.end)[None]
