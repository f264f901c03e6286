"""
Parallel transport and curvature
================================

A vector that is carried around a triangle without turning comes back turned: by the curvature that
the triangle encloses.
"""

# %%
# A sphere, in longitude and latitude.
import matplotlib.pyplot as plt
import torch
from matplotlib.colors import SymLogNorm

import latent_transport as lt


def decoder(z):
    longitude, latitude = z.unbind(-1)
    x, y = longitude.cos() * latitude.cos(), longitude.sin() * latitude.cos()
    return torch.distributions.Normal(torch.stack((x, y, latitude.sin()), -1), 1.0)


geometry = lt.Wasserstein2(decoder)
corners = torch.tensor([[-0.7, 0.0], [0.7, 0.0], [0.0, 1.0]], dtype=torch.float64)
paths = lt.connecting_geodesics(geometry, corners, corners.roll(-1, 0))

# %%
# Carried along the three sides. Angles are those of the surface, not of its chart.
vector = torch.tensor([0.0, 0.25], dtype=torch.float64)
figure, axes = plt.subplots(figsize=(4.5, 3.5))
paths.plot(axes=axes)
carried = vector
for k in range(3):
    axes.annotate("", corners[k] + carried, corners[k], arrowprops={"arrowstyle": "->"})
    carried = lt.parallel_transport(geometry, paths[k : k + 1], carried)[0]
axes.annotate(
    "", corners[0] + carried, corners[0], arrowprops={"arrowstyle": "->", "color": "tab:orange"}
)
axes.set_xlim(-1, 1)

length = geometry.norm(corners[0], vector)
chord = geometry.norm(corners[0], carried - vector)
print("turned by", 2 * torch.asin(chord / length / 2))


# %%
# The curvature of a bump: positive on top, negative on its slope.
def bump(z):
    x, y = z.unbind(-1)
    height = 0.5 * torch.exp(-(x**2 + y**2))
    return torch.distributions.Normal(torch.stack((x, y, height), -1), 1.0)


line = torch.linspace(-1.9, 1.9, 19, dtype=torch.float64)
grid = torch.cartesian_prod(line, line)  # (361, 2)
u, v = torch.eye(2, dtype=torch.float64)
curvature = lt.sectional_curvature(lt.Wasserstein2(bump), grid, u, v).view(19, 19)

figure, axes = plt.subplots(figsize=(4.5, 3.5))
image = axes.imshow(
    curvature.T,
    origin="lower",
    extent=(-2, 2) * 2,
    cmap="RdBu_r",
    norm=SymLogNorm(0.02, vmin=-1, vmax=1),
)
figure.colorbar(image, label="curvature")
