"""geomstats 2.8 on PyTorch: shooting by Euler's steps, and the straightening of polygons."""

import math

import torch
from geomstats.geometry.base import ImmersedSet
from geomstats.geometry.euclidean import Euclidean
from geomstats.geometry.riemannian_metric import RiemannianMetric
from geomstats.numerics.geodesic import PathStraightening
from geomstats.numerics.optimization import ScipyMinimize
from torch import Tensor

from latent_transport.evidence.peers.base import Found, Solve
from latent_transport.evidence.peers.problems import Embedding, Problem


class Surface(ImmersedSet):  # type: ignore[misc]  # geomstats has no types
    """A problem's surface, with geomstats' pulled-back metric."""

    def __init__(self, embedding: Embedding, dims: int) -> None:
        self.embedding = embedding
        self.coordinates = len(self.immersion(torch.zeros(dims)))
        super().__init__(dim=dims)

    def _define_embedding_space(self) -> Euclidean:
        return Euclidean(self.coordinates)

    def immersion(self, point: Tensor) -> Tensor:
        """Points (..., d) on the surface: (..., D)."""
        return self.embedding(torch, point)


class Norm(RiemannianMetric):  # type: ignore[misc]
    """A problem's length of velocities; straightening asks for no more."""

    def __init__(self, space: Euclidean, problem: Problem) -> None:
        super().__init__(space)
        self.problem = problem

    def squared_norm(self, vector: Tensor, base_point: Tensor) -> Tensor:
        """Squares (...) of the lengths of vectors (..., d) at points (..., d)."""
        return self.problem.squared_norm(torch, base_point, vector)


def prepare(problem: Problem) -> Solve:
    """Return the solve with its defaults for surfaces: shooting by 100 Euler steps, L-BFGS-B."""
    if problem.embed is None:
        raise NotImplementedError("the geometry of normals is not that of an embedded surface")
    space = Surface(problem.embed, problem.dims)
    start, end = torch.from_numpy(problem.start), torch.from_numpy(problem.end)

    def solve() -> Found:
        velocity = space.metric.log(end, start)
        states = space.metric.exp_solver.integrator.integrate(
            lambda state, _: space.metric.geodesic_equation(state), torch.stack((start, velocity))
        ).y
        points = torch.stack([*(position for position, _ in states), end])
        return Found(points.numpy(), float(space.metric.norm(velocity, start)), math.nan)

    return solve


def prepare_straightening(problem: Problem) -> Solve:
    """Return the solve by path straightening with defaults: 100 nodes, L-BFGS-B."""
    space = Euclidean(problem.dims, equip=False)
    space.metric = Norm(space, problem)
    optimizer = ScipyMinimize(
        method="L-BFGS-B", autodiff_jac=True, options={"disp": False}, save_result=True
    )
    solver = PathStraightening(space, optimizer=optimizer)  # the default one, but for saving
    start, end = torch.from_numpy(problem.start), torch.from_numpy(problem.end)

    def solve() -> Found:
        points = solver.discrete_geodesic_bvp(end, start)
        length = space.metric.norm(points[1:] - points[:-1], points[:-1]).sum()
        return Found(points.numpy(), float(length), float(optimizer.result_.success))

    return solve
