"""
Noise on codes, smoothed by heat flow
=====================================

Averages by geodesic distances: codes that are neighbours in the latent space and lie apart in the
data keep their own values.
"""

# %%
# A ridge of the decoder parts the plane, and with it what is measured, with noise.
import matplotlib.pyplot as plt
import torch

import latent_transport as lt


def decoder(z):
    x, y = z.unbind(-1)
    return torch.distributions.Normal(torch.stack((x, y, 2 * torch.tanh(4 * x)), -1), 1.0)


geometry = lt.Wasserstein2(decoder)
generator = torch.Generator().manual_seed(0)
codes = 2 * torch.rand(80, 2, generator=generator, dtype=torch.float64) - 1
noise = torch.randn(80, generator=generator, dtype=torch.float64)
values = codes[:, 0].sign() + 0.7 * noise

# %%
# After a short time: the noise is less than half of what it was, the step at the ridge stays.
smooth = lt.heat_kernel_smooth(geometry, codes, values, time=0.05, neighbours=20)

figure, panels = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
for axes, shown, title in zip(panels, (values, smooth), ("measured", "smoothed"), strict=True):
    dots = axes.scatter(*codes.T, c=shown, cmap="coolwarm", vmin=-1.5, vmax=1.5, s=25)
    axes.set_title(title)
figure.colorbar(dots, ax=panels)
