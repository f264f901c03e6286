"""Geodesics of several geometries between the same points, measured in each of them."""

import numpy as np
import torch
from torch.distributions import Normal

from latent_transport.evidence.measures.crossings import STORED, connect_in_each
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geometries.riemannian import Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1

torch.set_num_threads(1)

FLAT = Wasserstein1(lambda z: Normal(z, 1.0))
BENT = Wasserstein2(lambda z: Normal(torch.cat((z, z[..., :1] ** 2), -1), 1.0))


def test_each_curve_is_shortest_where_it_is_the_geodesic():
    ends = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(0)).unbind()
    settings = SolverSettings(controls=8, points=33)
    found = connect_in_each({"flat": FLAT, "bent": BENT}, *ends, settings)
    assert found.points.shape == (2, 6, STORED, 2)
    assert found.lengths.shape == (3, 2, 6)
    assert found.converged.shape == (2, 6)
    assert found.converged.all()
    flat, bent, line = found.lengths
    np.testing.assert_allclose(flat[0], (ends[1] - ends[0]).norm(dim=-1), rtol=1e-5)
    np.testing.assert_allclose(flat, line, rtol=1e-3)
    assert (bent[1] <= line[1] * (1 + 1e-4)).all()
    assert bent[1].min() > 0
    assert (bent[1] < line[1] * (1 - 1e-3)).any()
    assert (bent[0] >= flat[0] * (1 - 1e-5)).all()


def test_points_are_at_equal_steps_of_the_length_in_the_curves_own_geometry():
    ends = torch.tensor([[-1.0, 0.0]]), torch.tensor([[2.0, 0.5]])
    found = connect_in_each({"flat": FLAT, "bent": BENT}, *ends, SolverSettings(points=33))
    for geometry, points in zip((FLAT, BENT), found.points, strict=True):
        steps = geometry.segment_lengths(torch.from_numpy(points))  # (1, STORED - 1)
        torch.testing.assert_close(steps, steps.mean().expand_as(steps), rtol=0.02, atol=0)
        np.testing.assert_allclose(points[0, [0, -1]], torch.cat(ends), atol=1e-5)
