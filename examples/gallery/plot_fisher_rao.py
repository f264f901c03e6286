r"""
Wasserstein against Fisher-Rao
==============================

One normal variable, and a latent plane of its mean and the logarithm of its scale. Under W2 the
plane of mean and scale is flat; under Fisher-Rao it is the hyperbolic half-plane, in which the
shortest way between two sharp distributions leads through blurred ones.
"""

# %%
import matplotlib.pyplot as plt
import torch

import latent_transport as lt


def decoder(z):
    return torch.distributions.Normal(z[..., :1], z[..., 1:].exp())


z0, z1 = torch.tensor([[-1.0, -1.5]]), torch.tensor([[1.0, -1.5]])
t = torch.linspace(0, 1, 100)

figure, axes = plt.subplots(figsize=(4, 3.5))
for name in ("Wasserstein1", "Wasserstein2", "FisherRao"):
    paths = lt.connecting_geodesics(getattr(lt, name)(decoder), z0, z1)
    z = paths(t)[0]  # (100, 2)
    axes.plot(z[:, 0], z[:, 1].exp(), label=f"{name}: {float(paths.length):.2f}")
axes.set_xlabel("mean")
axes.set_ylabel("scale")
axes.legend()

# %%
# Fisher-Rao's length is known: with :math:`\sqrt 2` in the mean's direction it is the distance of
# the hyperbolic half-plane.
print(paths.length, paths.converged)
