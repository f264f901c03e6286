"""What geodesic distances tell of many points: the middle of a plane, its axes, clusters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from latent_transport.evidence.keys import LATENT, OURS
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.base import Geometry
from latent_transport.statistics.clusters import GeodesicKMeans
from latent_transport.statistics.components import GeodesicPCA
from latent_transport.statistics.means import frechet_mean

DEVIATIONS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Where a principal geodesic is looked at, in standard deviations from the mean."""

COMPONENTS = 2
BETWEEN = 4  # steps of a curve that is drawn, from one of these places to the next


@dataclass(frozen=True)
class Plane:
    """The middle and the principal geodesics of points in a latent plane.

    Attributes
    ----------
    latent_mean, mean, median : Tensor, shape (1, d)
        Mean of the coordinates, Fréchet mean, and geometric median.
    first, second : Tensor, shape (T, d)
        Points on the principal geodesics, at the T :data:`DEVIATIONS`.
    curves : Tensor, shape (2, 4 T - 3, d)
        The same geodesics, in smaller steps.
    coordinates : Tensor, shape (n, 2)
        Of the points' logarithms at the Fréchet mean, along the directions in which the two set
        out, in units of the data.
    variance : ndarray, shape (2,)
        That each of the two explains, in squared units of the data.
    rows : list of dict
        Of geodesics, and of what is Euclidean in the latent space: ``path``; ``spread``, the root
        mean square geodesic distance from the mean, in units of the data; ``excess``, the share by
        which its square lies above that from the Fréchet mean; ``first_share``, the share of the
        variance along the first component; and of geodesics ``converged``: 1 if both the mean and
        the median did, else 0.
    """

    latent_mean: Tensor
    mean: Tensor
    median: Tensor
    first: Tensor
    second: Tensor
    curves: Tensor
    coordinates: Tensor
    variance: np.ndarray
    rows: list[dict[str, Any]]

    def places(self) -> dict[str, Tensor]:
        """Points by name, (T, d) each, T the number of them."""
        names = ("latent_mean", "mean", "median", "first", "second")
        return {name: getattr(self, name) for name in names}


def measure_plane(geometry: Geometry, z: Tensor, *, progress: str | None = None) -> Plane:
    """Find the middle and the principal geodesics of points.

    Parameters
    ----------
    geometry : Geometry
        Of a plane.
    z : Tensor, shape (n, 2)
        Points, n > 2.
    progress : str, optional
        Label of a progress bar; there is none without.

    Returns
    -------
    Plane

    Raises
    ------
    TypeError, ValueError
        As :class:`GeodesicPCA` and :func:`frechet_mean`.
    """
    pca = GeodesicPCA(geometry, COMPONENTS, progress=progress).fit(z)
    median = frechet_mean(geometry, z, power=1, progress=progress)
    count = BETWEEN * (len(DEVIATIONS) - 1) + 1
    deviations = torch.linspace(DEVIATIONS[0], DEVIATIONS[-1], count).to(z)  # (4 T - 3,)
    scales = torch.from_numpy(pca.explained_variance_).to(z).sqrt()  # (2,)
    axes = deviations[:, None] * torch.diag(scales)[:, None]  # (2, 4 T - 3, 2)
    curves = pca.inverse_transform(axes.flatten(0, 1)).unflatten(0, axes.shape[:2])
    latent_mean = z.mean(0)  # (d,)
    spread, latent_spread = (
        _root_mean_square(connecting_geodesics(geometry, centre.expand_as(z), z).length)
        for centre in (pca.mean_, latent_mean)
    )
    euclidean = PCA(COMPONENTS).fit(z.cpu().numpy())
    rows = [
        {
            "path": OURS,
            "spread": spread,
            "excess": 0.0,
            "first_share": float(pca.explained_variance_ratio_[0]),
            "converged": float(pca.converged_ and median.converged),
        },
        {
            "path": LATENT,
            "spread": latent_spread,
            "excess": (latent_spread / spread) ** 2 - 1,
            "first_share": float(euclidean.explained_variance_ratio_[0]),
        },
    ]
    return Plane(
        latent_mean[None],
        pca.mean_[None],
        median.point[None],
        curves[0, ::BETWEEN],
        curves[1, ::BETWEEN],
        curves,
        pca.transform(z),
        pca.explained_variance_,
        rows,
    )


def measure_clusters(
    geometry: Geometry,
    z: Tensor,
    labels: np.ndarray,
    *,
    clusters: int,
    rounds: int,
    seed: int,
    progress: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Compare k-means clusters with labels, by geodesic distances and by Euclidean ones.

    Parameters
    ----------
    geometry : Geometry
        Measures the geodesics.
    z : Tensor, shape (n, d)
        Points.
    labels : ndarray of int, shape (n,)
        What the clusters are compared with.
    clusters : int
        Number of clusters, at most n.
    rounds : int
        Assignments to centres that geodesic k-means makes at most.
    seed : int
        Of the first centres, of either k-means.
    progress : str, optional
        Label of a progress bar; there is none without.

    Yields
    ------
    dict
        Of geodesic and then of Euclidean clusters: ``path``; ``adjusted_rand``, the adjusted Rand
        index of clusters and labels: 1 where they agree, 0 on average by chance (Hubert & Arabie
        1985, *Comparing partitions*); and of geodesic ones ``converged``: 1 if so, else 0.

    Raises
    ------
    TypeError, ValueError
        As :class:`GeodesicKMeans`.
    """
    ours = GeodesicKMeans(
        geometry, clusters, random_state=seed, max_iter=rounds, progress=progress
    ).fit(z)
    # One run of random first centres, as ours.
    euclidean = KMeans(clusters, n_init=1, random_state=seed).fit(z.cpu().numpy())
    yield {
        "path": OURS,
        "adjusted_rand": float(adjusted_rand_score(labels, ours.labels_)),
        "converged": float(ours.converged_),
    }
    yield {
        "path": LATENT,
        "adjusted_rand": float(adjusted_rand_score(labels, euclidean.labels_)),
    }


def _root_mean_square(lengths: Tensor) -> float:
    return float(lengths.double().square().mean().sqrt())
