"""Statistics of a flat plane against NumPy's, and clusters that are the labels."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import Normal

from latent_transport.evidence.measures.statistics import (
    DEVIATIONS,
    measure_clusters,
    measure_plane,
)
from latent_transport.geometries.wasserstein1 import Wasserstein1

SCALES = torch.tensor([1.0, 3.0], dtype=torch.float64)
FLAT = Wasserstein1(lambda z: Normal(z * SCALES, 1.0))


def test_a_flat_plane_has_the_statistics_of_its_decoded_points():
    z = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plane = measure_plane(FLAT, z)
    decoded = (z * SCALES).numpy()
    pca = PCA(2).fit(decoded)
    ours, latent = plane.rows
    spread = np.sqrt(decoded.var(0).sum())
    np.testing.assert_allclose(plane.mean[0], z.mean(0), atol=1e-3)
    np.testing.assert_allclose(plane.latent_mean[0], z.mean(0))
    np.testing.assert_allclose([ours["spread"], latent["spread"]], spread, rtol=1e-3)
    assert latent["excess"] == pytest.approx(0, abs=1e-3)
    assert ours["first_share"] == pytest.approx(pca.explained_variance_ratio_[0], rel=1e-3)
    euclidean = PCA(2).fit(z.numpy()).explained_variance_ratio_[0]
    assert latent["first_share"] == pytest.approx(euclidean)
    assert ours["converged"] == 1
    for points, axis, variance in zip(
        (plane.first, plane.second), pca.components_, pca.explained_variance_, strict=True
    ):
        places = (points - plane.mean) * SCALES @ torch.from_numpy(axis)  # (T,)
        expected = np.array(DEVIATIONS) * np.sqrt(variance)
        np.testing.assert_allclose(places.abs(), np.abs(expected), rtol=1e-2, atol=1e-2)
        assert (places.sign()[[0, 1]] == -places.sign()[[4, 3]]).all()
    tangent = np.abs(pca.transform(decoded))
    np.testing.assert_allclose(plane.coordinates.abs(), tangent, rtol=0, atol=3e-2)
    assert torch.equal(plane.curves[:, ::4], torch.stack((plane.first, plane.second)))
    steps = plane.curves.diff(dim=1)  # straight, at constant speed
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), rtol=1e-2, atol=1e-2)


def test_clusters_that_lie_apart_are_the_labels():
    labels = np.repeat([0, 1, 2], 4)
    noise = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = 0.1 * noise + 10 * torch.eye(3, 2, dtype=torch.float64)[labels]
    ours, latent = measure_clusters(FLAT, z, labels, clusters=3, rounds=20, seed=0)
    assert (ours["path"], latent["path"]) == ("wasserstein1", "latent")
    assert ours["adjusted_rand"] == 1
    assert ours["converged"] == 1


def test_clusters_stopped_early_have_not_converged():
    z = torch.randn(12, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with pytest.warns(RuntimeWarning, match="did not converge"):
        ours, _ = measure_clusters(FLAT, z, np.arange(12) % 3, clusters=3, rounds=1, seed=0)
    assert ours["converged"] == 0
