"""SciPy's collocation for boundary value problems, on the geodesic equation."""

import numpy as np
import torch
from scipy.integrate import solve_bvp
from torch import Tensor

from latent_transport.evidence.peers.base import FINE, Found, Solve
from latent_transport.evidence.peers.lengths import measure_length
from latent_transport.evidence.peers.problems import Problem

NODES = 11  # of the straight line that it starts from


def prepare(problem: Problem) -> Solve:
    """Return the solve with SciPy's defaults: a tolerance of 1e-3 and at most 1000 nodes."""
    return _prepare(problem, {})


def prepare_fine(problem: Problem) -> Solve:
    """Return the solve to a tolerance of 1e-8, with at most 10,000 nodes."""
    return _prepare(problem, {"tol": 1e-8, "max_nodes": 10_000})


def _prepare(problem: Problem, settings: dict[str, float]) -> Solve:
    t = np.linspace(0, 1, NODES)
    line = problem.start + t[:, None] * (problem.end - problem.start)  # (n, d)
    speed = np.broadcast_to(problem.end - problem.start, line.shape)
    first = np.concatenate((line, speed), 1).T  # (2d, n)
    dims = problem.dims

    def right_side(t: np.ndarray, state: np.ndarray) -> np.ndarray:
        z, v = torch.from_numpy(state.T.copy()).split(dims, 1)  # (n, d) each
        return torch.cat((v, accelerate(problem, z, v)), 1).numpy().T

    def boundary(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.concatenate((left[:dims] - problem.start, right[:dims] - problem.end))

    def solve() -> Found:
        solution = solve_bvp(right_side, boundary, t, first, **settings)
        points = solution.sol(np.linspace(0, 1, FINE))[:dims].T  # (n, d)
        # It knows no lengths: its word is that of its curve.
        return Found(points, measure_length(problem, points), float(solution.success))

    return solve


def accelerate(problem: Problem, z: Tensor, v: Tensor) -> Tensor:
    r"""Acceleration (n, d) of geodesics at points z with velocities v, (n, d) each.

    By Euler and Lagrange's equation of :math:`L(z, v) = v^T G(z) v / 2`,

    .. math:: L_{vv}\, a = L_z - L_{vz}\, v.
    """

    def energy(z: Tensor, v: Tensor) -> Tensor:
        return problem.squared_norm(torch, z, v) / 2

    def accelerate_one(z: Tensor, v: Tensor) -> Tensor:
        by_place = torch.func.grad(energy, 0)(z, v)
        momentum = torch.func.grad(energy, 1)
        change = torch.func.jvp(lambda z: momentum(z, v), (z,), (v,))[1]
        tensor = torch.func.jacrev(momentum, 1)(z, v)  # (d, d)
        return torch.linalg.solve(tensor, by_place - change)

    return torch.func.vmap(accelerate_one)(z, v)
