"""Solve one geodesic with the installed library, whose length is known."""

import torch

import latent_transport as lt

geometry = lt.Euclidean(lambda z: torch.distributions.Normal(2 * z, 1.0))
paths = lt.connecting_geodesics(geometry, torch.zeros(3, 2), torch.ones(3, 2))
assert paths.converged.all()  # noqa: S101
torch.testing.assert_close(paths.length, torch.full((3,), 8**0.5))
