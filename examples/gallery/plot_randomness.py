"""
Volume, uniform points and Brownian motion
==========================================

What is spread evenly in the data is not in the latent space: much room there is where the decoder
changes much.
"""

# %%
# A bump in a plane, steep on its slope.
import matplotlib.pyplot as plt
import torch

import latent_transport as lt


def decoder(z):
    x, y = z.unbind(-1)
    height = 3 * torch.exp(-2 * (x**2 + y**2))
    return torch.distributions.Normal(torch.stack((x, y, height), -1), 1.0)


geometry = lt.Wasserstein2(decoder)

# %%
# Uniform points of the surface crowd on the slope, in the chart; Brownian motion crosses it slowly.
box = torch.tensor([[-1.5, -1.5], [1.5, 1.5]], dtype=torch.float64)
generator = torch.Generator().manual_seed(0)
uniform = lt.sample_volume(geometry, *box, 400, generator=generator)
start = torch.zeros(6, 2, dtype=torch.float64)
walks = lt.sample_brownian(geometry, start, time=1.0, steps=100, generator=generator)

figure, grid = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for axes in grid:
    lt.plot_latent(geometry, box, axes=axes)
grid[0].scatter(uniform[:, 0], uniform[:, 1], s=4, color="white")
for walk in walks:  # (101, 2)
    grid[1].plot(walk[:, 0], walk[:, 1], lw=0.7)

# %%
# The volume of the box by the decoder, against the area of the box.
volume = lt.log_volume(geometry, uniform)
print(9 / torch.exp(-volume.value).mean())  # harmonic, of points that are uniform by volume
