"""Principal geodesics, on spheres and in flat spaces."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import angle, stereographic
from latent_transport.statistics.projections import project
from tests.problems import DOUBLE


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def sphere():
    return lt.Wasserstein1(lambda z: Normal(stereographic(z), 1.0))


def test_flat_components_are_those_of_the_data():
    matrix = draw(3, 8, seed=1)
    geometry = lt.Wasserstein1(lambda z: Normal(z @ matrix, 1.0))
    z = draw(20, 3, seed=2) * torch.tensor([2.0, 1, 0.5], **DOUBLE)
    found = lt.GeodesicPCA(geometry, 2).fit(z)
    expected = PCA(2).fit((z @ matrix).numpy())
    np.testing.assert_allclose(found.explained_variance_, expected.explained_variance_, rtol=1e-4)
    ratios = expected.explained_variance_ratio_
    np.testing.assert_allclose(found.explained_variance_ratio_, ratios, rtol=1e-4)
    decoded = (found.components_ @ matrix).numpy()
    np.testing.assert_allclose(np.abs(decoded @ expected.components_.T), np.eye(2), atol=1e-3)
    coordinates = np.abs(expected.transform((z @ matrix).numpy()))
    np.testing.assert_allclose(found.transform(z).abs().numpy(), coordinates, atol=2e-2)
    every = lt.GeodesicPCA(geometry).fit(z)
    torch.testing.assert_close(every.inverse_transform(every.transform(z)), z, rtol=0, atol=1e-3)


def test_points_along_a_great_circle_have_one_component():
    at = torch.linspace(-0.9, 0.9, 9, **DOUBLE)
    z = torch.stack((at, torch.zeros_like(at)), -1)  # through the pole of the chart
    found = lt.GeodesicPCA(sphere(), 2).fit(z)
    assert found.explained_variance_ratio_[0] > 0.9999
    truth = angle(stereographic, z, torch.zeros_like(z)) * at.sign()
    coordinates = found.transform(z)[:, 0]
    torch.testing.assert_close(coordinates, truth, rtol=0, atol=5e-3)
    variance = truth.square().sum().item() / 8
    assert abs(found.explained_variance_[0] / variance - 1) < 2e-3
    torch.testing.assert_close(found.inverse_transform(found.transform(z)), z, rtol=0, atol=5e-3)


@pytest.mark.parametrize("dims", [2, 4])
def test_nearest_points_of_great_circles_are_projections_to_their_planes(dims):
    z = draw(10, dims, seed=3) * 0.7 / dims**0.5 + 0.1
    found = lt.GeodesicPCA(sphere(), 2, projection="geodesic").fit(z)
    coordinates = found.transform(z)
    mean = found.mean_.expand_as(found.components_).clone()
    middle, ahead = torch.func.jvp(stereographic, (mean,), (found.components_,))  # (2, d + 1) each
    x = stereographic(z)
    truth = torch.atan2(x @ ahead.T, x @ middle.T)
    torch.testing.assert_close(coordinates, truth, rtol=0, atol=1e-3)
    tangent = lt.GeodesicPCA(sphere(), 2).fit(z)
    assert (tangent.transform(z) - truth).abs().max() > 0.05  # they are not the same
    np.testing.assert_allclose(found.explained_variance_, truth.square().sum(0) / 9, rtol=1e-3)
    total = tangent.explained_variance_[0] / tangent.explained_variance_ratio_[0]
    ratios = found.explained_variance_ / total
    np.testing.assert_allclose(found.explained_variance_ratio_, ratios, rtol=1e-6)


def test_what_inverse_transform_makes_of_one_coordinate_is_the_nearest_point():
    z = draw(6, 2, seed=6) / 2
    found = lt.GeodesicPCA(sphere(), 1, projection="geodesic").fit(z)
    at = found.transform(z)
    nearest = angle(stereographic, z, found.inverse_transform(at))
    for aside in (-0.05, 0.05):
        assert (nearest < angle(stereographic, z, found.inverse_transform(at + aside))).all()


def test_in_flat_spaces_both_projections_are_the_same():
    matrix = draw(3, 8, seed=1)
    geometry = lt.Wasserstein1(lambda z: Normal(z @ matrix, 1.0))
    z = draw(8, 3, seed=2)
    found = lt.GeodesicPCA(geometry, 2, projection="geodesic").fit(z)
    nearest = found.transform(z)
    tangent = lt.GeodesicPCA(geometry, 2).fit(z)
    scale = tangent.explained_variance_[0] ** 0.5
    torch.testing.assert_close(nearest, tangent.transform(z), rtol=0, atol=2e-3 * scale)
    expected = tangent.explained_variance_
    np.testing.assert_allclose(found.explained_variance_, expected, rtol=2e-3)


def test_nearest_points_of_finsler_geodesics_are_those_of_the_norm():
    """Means and scales are linear: W1 is a norm, geodesics are straight."""
    means, scales = draw(2, 40, seed=7), draw(2, 40, seed=8) * 0.1
    geometry = lt.Wasserstein1(lambda z: Normal(z @ means, 3 + z @ scales))
    z = draw(6, 2, seed=3) / 2
    found = lt.GeodesicPCA(geometry, 1, projection="geodesic").fit(z)
    coordinates = found.transform(z)

    def distance(t, point):
        there = found.mean_ + t * found.components_  # (1, d)
        return geometry.distance(there, point[None]).item()

    for point, coordinate in zip(z, coordinates[:, 0].tolist(), strict=True):
        best = minimize_scalar(distance, args=(point,), bracket=(coordinate - 1, coordinate + 1))
        assert distance(coordinate, point) < best.fun * (1 + 1e-4)


def test_a_nearest_point_beyond_the_geodesics_end_is_told():
    """Points more than a quarter of a turn from the mean may be nearest to half a turn from it."""
    directions = torch.tensor([[0.5, 0.0]], **DOUBLE)  # of unit length at the chart's origin
    z = torch.tensor([[-0.2, 1.2], [0.2, 0.3]], **DOUBLE)
    distances = angle(stereographic, z, torch.zeros_like(z))
    guesses = torch.zeros(2, 1, **DOUBLE)
    with pytest.warns(RuntimeWarning, match="1 of 2 projections"):
        found = project(sphere(), torch.zeros(2, **DOUBLE), directions, z, guesses, distances)
    assert found.converged.tolist() == [[False], [True]]


def test_components_are_orthonormal_for_finsler_norms_too():
    means, scales = draw(3, 40, seed=7), draw(3, 40, seed=8) * 0.1
    geometry = lt.Wasserstein1(lambda z: Normal(z @ means, 3 + z @ scales))
    found = lt.GeodesicPCA(geometry).fit(draw(12, 3, seed=3) / 2)
    gram = found.components_ @ found.metric_ @ found.components_.T
    torch.testing.assert_close(gram, torch.eye(3, **DOUBLE), rtol=0, atol=1e-8)
    assert found.explained_variance_ratio_.sum() == pytest.approx(1)
    lengths = geometry.norm(found.mean_.expand(3, -1), found.components_)
    assert ((lengths - 1).abs() < 0.05).all()


@pytest.mark.parametrize("projection", ["tangent", "geodesic"])
def test_coordinates_that_a_decoder_ignores_have_no_part(projection):
    geometry = lt.Wasserstein1(lambda z: Normal(2 * z[:, :2], 1.0))
    found = lt.GeodesicPCA(geometry, projection=projection).fit(draw(8, 3, seed=4))
    assert torch.isfinite(found.components_).all()
    assert found.explained_variance_[2] == pytest.approx(0, abs=1e-9)


def test_the_estimator_keeps_scikit_learns_conventions():
    geometry = lt.Wasserstein1(lambda z: Normal(2 * z, 1.0))
    estimator = clone(lt.GeodesicPCA(geometry, 1, projection="geodesic"), safe=False)
    assert estimator.get_params(deep=False)["projection"] == "geodesic"
    z = draw(6, 2, seed=5).float().numpy()
    with pytest.raises(NotFittedError):
        estimator.transform(z)
    coordinates = estimator.fit_transform(z)
    assert isinstance(coordinates, np.ndarray)
    assert coordinates.shape == (6, 1)
    assert coordinates.dtype == np.float32
    assert estimator.get_feature_names_out().tolist() == ["geodesicpca0"]
    assert estimator.n_features_in_ == 2
    for count in (0, 3, 1.5):
        with pytest.raises(ValueError, match="n_components is"):
            lt.GeodesicPCA(geometry, count).fit(z)
    with pytest.raises(ValueError, match="projection is 'nearest'"):
        lt.GeodesicPCA(geometry, projection="nearest").fit(z)
    with pytest.raises(ValueError, match="a single point"):
        lt.GeodesicPCA(geometry).fit(z[:1])
    with pytest.raises(ValueError, match="2 features; expected 1"):
        estimator.inverse_transform(z)
