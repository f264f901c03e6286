"""K-means and k-medoids by geodesic distances, against closed forms and against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import angle, stereographic
from latent_transport.statistics import assignment, centres, clusters, fans
from latent_transport.statistics.fans import COARSE
from tests.problems import DOUBLE


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def flat(z):
    return Normal(2 * z, 1.0)


def sphere():
    return lt.Wasserstein1(lambda z: Normal(stereographic(z), 1.0))


def blobs(count=8, spread=0.15):
    middles = torch.tensor([[0.0, 0.0], [1.2, 0.0], [0.0, 1.2]], **DOUBLE)
    return (middles[:, None] + spread * draw(3, count, 2, seed=1)).flatten(0, 1)


def angles(x, y):
    shape = len(x), len(y), 2
    return angle(stereographic, x[:, None].expand(shape), y[None].expand(shape))


def test_clusters_on_a_sphere_are_fixed_points_of_lloyds_iteration():
    z = blobs()
    found = lt.GeodesicKMeans(sphere(), 3).fit(z)
    assert found.converged_
    distances = angles(z, found.cluster_centers_)  # (n, 3)
    assert np.array_equal(found.labels_, distances.argmin(1).numpy())
    inertia = distances.amin(1).square().sum().item()
    assert abs(found.inertia_ / inertia - 1) < 2e-3
    for k, centre in enumerate(found.cluster_centers_):
        mean = lt.frechet_mean(sphere(), z[torch.as_tensor(found.labels_ == k)])
        assert angle(stereographic, mean.point[None], centre[None]) < 1e-2
    assert adjusted_rand_score(np.repeat(range(3), 8), found.labels_) == 1
    assert np.array_equal(found.predict(z), found.labels_)


def test_flat_clusters_are_scikit_learns():
    z = blobs()
    found = lt.GeodesicKMeans(lt.Wasserstein1(flat), 3, random_state=3).fit(z.numpy())
    expected = KMeans(3, n_init=10, random_state=0).fit(z.numpy())
    assert adjusted_rand_score(expected.labels_, found.labels_) == 1
    np.testing.assert_allclose(found.inertia_, 4 * expected.inertia_, rtol=2e-3)
    assert isinstance(found.cluster_centers_, np.ndarray)


def test_seeds_are_drawn_by_the_squares_of_distances():
    """On a line the proposals are exact, and none is refused."""
    z = torch.tensor([[0.0], [1.0], [3.0]], **DOUBLE)
    geometry = lt.Wasserstein1(flat)
    pairs = [clusters.choose_seeds(geometry, z, 2, seed).flatten().tolist() for seed in range(60)]
    second = [b for a, b in pairs if a == 0.0]
    assert len(second) > 10
    share = second.count(3.0) / len(second)
    assert abs(share - 0.9) < 4 * (0.09 / len(second)) ** 0.5
    assert {a for a, _ in pairs} == {0.0, 1.0, 3.0}


def test_few_geodesics_find_the_nearest_of_many_centres():
    z, places = draw(20, 2, seed=2) / 2, draw(6, 2, seed=3) / 2
    solved = []
    found = assignment.assign(sphere(), z, places, COARSE, tell=solved.append)
    distances = angles(z, places)
    assert torch.equal(found.labels, distances.argmin(1))
    torch.testing.assert_close(found.rays.lengths, distances.amin(1), rtol=2e-3, atol=0)
    assert (found.lower <= distances * 1.002 + 1e-9).all()
    assert sum(solved) < 0.6 * distances.numel()
    fewer = []
    guess = assignment.assign(sphere(), z, places, COARSE, certain=False, tell=fewer.append)
    assert (guess.labels == found.labels).double().mean() >= 0.9
    assert len(z) <= sum(fewer) < sum(solved)


def test_solved_rays_are_not_solved_again_and_one_step_is_taken():
    z, start = draw(12, 2, seed=4) / 2, torch.full((1, 2), 0.7, **DOUBLE)
    paths = assignment.solve_pairs(sphere(), start.expand_as(z), z, COARSE)
    group, weights = torch.zeros(12, dtype=torch.int64), torch.full((12,), 1 / 12, **DOUBLE)
    told = []

    def descend(curves, max_iterations):
        return centres.descend(
            sphere(),
            centres.Cloud(z, group, weights, 2),
            curves,
            start,
            COARSE,
            tolerance=1e-3,
            max_iterations=max_iterations,
            max_steps=1,
            tell=told.append,
        )

    rays = fans.rays_of(paths, COARSE)
    still = descend(rays, 0)
    assert told == []
    torch.testing.assert_close(
        still.objective[0], angles(z, start)[:, 0].square().mean(), rtol=4e-3, atol=0
    )
    moved, again = descend(rays, 8), descend(rays.curves, 8)
    assert moved.iterations.item() == again.iterations.item() == 1
    torch.testing.assert_close(moved.centres, again.centres, rtol=0, atol=1e-2)
    assert moved.objective < 0.6 * still.objective


def test_medoids_are_the_best_points():
    z = blobs(4)
    found = lt.GeodesicKMedoids(sphere(), 3).fit(z)
    distances = angles(z, z)
    loss = distances[:, found.medoid_indices_].amin(1).sum().item()
    assert abs(found.inertia_ / loss - 1) < 1e-3
    best = min(
        distances[:, [i, j, k]].amin(1).sum().item()
        for i in range(4)
        for j in range(4, 8)
        for k in range(8, 12)
    )
    assert loss < best * 1.0001
    assert torch.equal(found.cluster_centers_, z[torch.as_tensor(found.medoid_indices_)])
    assert np.array_equal(found.predict(z), found.labels_)


@pytest.mark.parametrize("kind", [lt.GeodesicKMeans, lt.GeodesicKMedoids])
def test_estimators_keep_scikit_learns_conventions(kind):
    geometry = lt.Wasserstein1(flat)
    estimator = kind(geometry, n_clusters=2, random_state=5)
    assert estimator.get_params()["n_clusters"] == 2
    copy = clone(estimator, safe=False).set_params(n_clusters=3)
    assert (copy.n_clusters, estimator.n_clusters) == (3, 2)
    with pytest.raises(NotFittedError):
        estimator.predict(blobs())
    z = blobs(3).float().numpy()
    before = z.copy()
    labels = estimator.fit_predict(z)
    assert np.array_equal(z, before)
    assert estimator.n_features_in_ == 2
    assert labels.dtype == np.int64
    assert estimator.cluster_centers_.dtype == np.float32
    assert set(labels) == {0, 1}
    assert np.array_equal(labels, clone(estimator).fit(z).labels_)
    with pytest.raises(ValueError, match="3 features; expected 2"):
        estimator.predict(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="n_clusters is 10"):
        kind(geometry, 10).fit(z[:9])
    with pytest.raises(ValueError, match="not finite"):
        estimator.fit(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="X has shape"):
        estimator.fit(z[0])


def test_fewer_different_points_than_clusters_will_do():
    z = torch.zeros(3, 2, **DOUBLE)
    found = lt.GeodesicKMeans(lt.Wasserstein1(flat), 2).fit(z)
    assert found.inertia_ == 0


def test_what_does_not_converge_is_told():
    with pytest.warns(RuntimeWarning, match="did not converge in 1 ") as told:
        lt.GeodesicKMeans(sphere(), 3, max_iter=1).fit(blobs(3))
    assert told[0].filename == __file__
