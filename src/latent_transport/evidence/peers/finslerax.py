"""finslerax 1.1 (JAX): polygons, moved by block descent or by Gauss-Newton."""

import math
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import numpy as np
from finslerax.geometry import EuclideanSpace, FinslerMetric, SegmentQuadratureMetric
from finslerax.models import PullbackRiemannian
from finslerax.solvers import AVBDSolver, GaussNewtonGeodesic

from latent_transport.evidence.peers.base import Found, Solve
from latent_transport.evidence.peers.problems import Problem

SEGMENTS = 100  # of the fine polygon


class Cost(FinslerMetric):  # type: ignore[misc]  # finslerax is not there to be checked
    """A problem's length of velocities, as finslerax's cost F(x, v)."""

    problem: Problem = equinox.field(static=True, kw_only=True)

    def metric_fn(self, x: jax.Array, v: jax.Array) -> jax.Array:
        """Length of the velocity v (d,) at x (d,)."""
        return jnp.sqrt(self.problem.squared_norm(jnp, x, v))


def prepare_descent(problem: Problem) -> Solve:
    """Return the solve by block descent with defaults: 10 segments, 50 sweeps, float32."""
    return _prepare(problem, make_metric(problem), AVBDSolver())


def prepare(problem: Problem) -> Solve:
    """Return the solve by Gauss-Newton with defaults: 10 segments, 40 steps, float32."""
    return _prepare(problem, make_metric(problem), GaussNewtonGeodesic())


def prepare_decoder(problem: Problem) -> Solve:
    """Return the solve by Gauss-Newton with defaults from the decoder alone, as ours has it."""
    embed = problem.embed
    if embed is None:
        raise NotImplementedError("the geometry of normals is not that of an embedded surface")
    space = EuclideanSpace(problem.dims)
    metric = PullbackRiemannian(space, lambda z: embed(jnp, z))
    return _prepare(problem, metric, GaussNewtonGeodesic())


def prepare_fine(problem: Problem) -> Solve:
    """Return the solve by Gauss-Newton of 100 segments with Simpson's rule, until it stops.

    In float64, if ``JAX_ENABLE_X64`` is 1 in the environment.
    """
    metric = make_metric(problem)
    # Its documentation asks that lengths be measured by the metric that is not wrapped.
    energy = SegmentQuadratureMetric(metric, nquad=3)
    settings = {"n_steps": SEGMENTS, "train_mode": False}
    return _prepare(problem, metric, GaussNewtonGeodesic(), energy=energy, **settings)


def make_metric(problem: Problem) -> Cost:
    """Return the problem's metric in its chart."""
    return Cost(manifold=EuclideanSpace(problem.dims), problem=problem)


def _prepare(
    problem: Problem,
    metric: FinslerMetric,
    solver: Any,
    *,
    energy: FinslerMetric | None = None,
    **settings: Any,
) -> Solve:
    def run(start: jax.Array, end: jax.Array) -> tuple[jax.Array, jax.Array]:
        points = solver.solve(energy or metric, start, end, **settings).xs
        return points, metric.arc_length(points)

    compiled = jax.jit(run)
    start, end = jnp.asarray(problem.start), jnp.asarray(problem.end)

    def solve() -> Found:
        points, length = compiled(start, end)
        return Found(np.asarray(points, np.float64), float(length), math.nan)  # it says nothing

    return solve
