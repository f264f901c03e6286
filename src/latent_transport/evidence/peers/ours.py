"""Ours: the geodesics of this package, with its default settings."""

import torch
from torch import Tensor
from torch.distributions import Normal

from latent_transport.evidence.peers.base import FINE, Found, Solve
from latent_transport.evidence.peers.problems import Problem
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.riemannian import Euclidean, FisherRao


def prepare(problem: Problem) -> Solve:
    """Return our solve of a problem, from its decoder alone, in float64."""
    z0, z1 = (torch.from_numpy(z)[None] for z in (problem.start, problem.end))
    geometry = make_geometry(problem)
    t = torch.linspace(0, 1, FINE, dtype=z0.dtype)

    def solve() -> Found:
        paths = connecting_geodesics(geometry, z0, z1)
        return Found(paths(t)[0].numpy(), paths.length.item(), float(paths.converged))

    return solve


def make_geometry(problem: Problem) -> Geometry:
    """Return the geometry of a problem: that of its surface, or of normals."""
    embed = problem.embed

    def decode_normal(z: Tensor) -> Normal:
        return Normal(z[..., :1], z[..., 1:].exp())

    if embed is None:
        return FisherRao(decode_normal)
    return Euclidean(lambda z: Normal(embed(torch, z), 1.0))
