"""
Shooting geodesics
==================

The exponential map follows a geodesic from a point, with a velocity; the logarithm map finds the
velocity that leads to an end. Geodesics of one length that leave a point in all directions end on a
geodesic circle, which is round in the data and not in the latent space.
"""

# %%
# A bump in a plane.
import matplotlib.pyplot as plt
import torch

import latent_transport as lt


def decoder(z):
    x, y = z.unbind(-1)
    height = 1.5 * torch.exp(-2 * (x**2 + y**2))
    return torch.distributions.Normal(torch.stack((x, y, height), -1), 1.0)


geometry = lt.Wasserstein2(decoder)

# %%
# Velocities of one length by the geometry, not by the latent axes.
start = torch.tensor([-0.9, 0.2], dtype=torch.float64)
angle = 2 * torch.pi * torch.arange(24, dtype=torch.float64) / 24
directions = torch.stack((angle.cos(), angle.sin()), -1)  # (24, 2)
unit = directions / geometry.norm(start.expand(24, 2), directions)[:, None]
shots = lt.shoot_geodesics(geometry, start, 1.6 * unit)

figure, axes = plt.subplots(figsize=(4.5, 4))
corners = torch.tensor([[-2.6, -1.6], [1.0, 2.0]], dtype=torch.float64)
lt.plot_latent(geometry, corners, axes=axes)
for points in shots.points:  # (9, 2)
    axes.plot(points[:, 0], points[:, 1], color="white", lw=0.8)
ends = shots.points[torch.arange(25) % 24, -1]  # (25, 2)
axes.plot(ends[:, 0], ends[:, 1], color="tab:orange")

# %%
# Back again: the logarithms of the ends are the velocities, where no shorter way goes around.
near = lt.logarithm_map(geometry, start.expand(24, 2), shots.points[:, 4])
print((2 * near - 1.6 * unit).norm(dim=-1).max())
