"""
Means, clusters and principal geodesics
=======================================

Statistics by the distances of a decoder: the mean stays on the surface, and clusters follow it.
"""

# %%
# A curved sheet, rolled up in the first coordinate, and two groups of codes.
import matplotlib.pyplot as plt
import torch

import latent_transport as lt


def decoder(z):
    x, y = z.unbind(-1)
    roll = torch.stack(((3 * x).cos(), (3 * x).sin(), y), -1)
    return torch.distributions.Normal(roll * (1 + 0.3 * x[..., None]), 1.0)


geometry = lt.Wasserstein2(decoder)
generator = torch.Generator().manual_seed(0)
codes = torch.randn(40, 2, generator=generator, dtype=torch.float64) * torch.tensor([0.25, 0.5])
codes[:20, 0] -= 0.7
codes[20:, 0] += 0.7

# %%
# Mean and median of one group, and its first principal geodesic.
group = codes[20:]
mean, median = lt.frechet_mean(geometry, group), lt.frechet_mean(geometry, group, power=1)
print(mean.point, mean.converged, median.point, median.converged)

pca = lt.GeodesicPCA(geometry, n_components=1).fit(group)
along = pca.inverse_transform(torch.linspace(-1.5, 1.5, 31, dtype=torch.float64)[:, None])

clusters = lt.GeodesicKMeans(geometry, n_clusters=2, random_state=0).fit(codes)

figure, axes = plt.subplots(figsize=(5, 4))
lt.plot_latent(geometry, codes, axes=axes)
axes.scatter(codes[:, 0], codes[:, 1], c=clusters.labels_, cmap="coolwarm", s=25)
axes.plot(along[:, 0], along[:, 1], color="white", label="principal geodesic")
axes.scatter(*mean.point, marker="*", s=120, color="gold", label="mean")
axes.scatter(*median.point, marker="P", s=70, color="orange", label="median")
axes.legend()
