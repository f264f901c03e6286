"""
Staying near the data
=====================

Plain geodesics are shortest for the decoder, wherever that leads. Weighted by the density of the
codes, they stay where the codes are.
"""

# %%
# Codes on a circle, and a decoder that knows nothing of it.
import matplotlib.pyplot as plt
import torch

import latent_transport as lt

generator = torch.Generator().manual_seed(0)
angle = 2 * torch.pi * torch.rand(400, generator=generator)  # (400,)
codes = torch.stack((angle.cos(), angle.sin()), -1)  # (400, 2)
codes = codes + 0.08 * torch.randn(codes.shape, generator=generator)


def decoder(z):
    return torch.distributions.Normal(torch.cat((z, z.sin()), -1), 0.1)


# %%
# The plain geometry crosses the hole; the weighted one goes around.
plain = lt.Wasserstein1(decoder)
density = lt.AggregatePosterior(codes, torch.full_like(codes, 0.1))
weighted = lt.Conformal(plain, density, strength=1.0, reference=density(codes).mean())

z0, z1 = torch.tensor([[-1.0, 0.1]]), torch.tensor([[1.0, 0.1]])
figure, grid = plt.subplots(1, 2, figsize=(7, 3.5))
for axes, geometry, title in zip(grid, (plain, weighted), ("plain", "weighted"), strict=True):
    paths = lt.connecting_geodesics(geometry, z0, z1, restarts=4)
    paths.plot(codes, axes=axes)
    axes.set_title(title)
