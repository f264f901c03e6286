"""
From a decoder to a figure
==========================

A decoder, a geometry, geodesics between many points at once, and a picture of them.
"""

# %%
# A decoder is any differentiable callable from latent points to a distribution. This one has one
# normal variable for each of three coordinates of a surface: a bump in a plane.
import torch

import latent_transport as lt


def decoder(z):
    x, y = z.unbind(-1)
    height = 2 * torch.exp(-2 * (x**2 + y**2))
    return torch.distributions.Normal(torch.stack((x, y, height), -1), 0.1)


# %%
# A geometry pulls a distance of distributions back to the latent space: here Wasserstein-1.
geometry = lt.Wasserstein1(decoder)
angle = torch.linspace(-0.6, 0.6, 7)
z0 = torch.stack((-angle.cos(), angle.sin()), -1)  # (7, 2)
paths = lt.connecting_geodesics(geometry, z0, -z0.flip(0) * torch.tensor([1.0, 1.0]))

# %%
# Each curve says whether it is what it is said to be, and how long it is; the bounds are of the
# distance itself.
print(paths)
print(paths.length, paths.converged)
lower, upper = paths.bounds

# %%
# The curves go around the bump: over it, the way is longer.
codes = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) * 0.7
axes = paths.plot(codes)
