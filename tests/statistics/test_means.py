"""Fréchet means and medians, against closed forms and optima found without geodesics."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import stereographic
from latent_transport.statistics import means as module
from tests.problems import DOUBLE


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def sphere(geometry=lt.Wasserstein1):
    return geometry(lambda z: Normal(stereographic(z), 1.0))


def flat(kind=lt.Wasserstein1, dims=2):
    """Linear means: W1 is Euclidean there."""
    matrix = draw(dims, 12, seed=7)
    return kind(lambda z: Normal(z @ matrix, 1.0)), matrix


def least_on_sphere(x, weights, power):
    """The objective at its optimum, by Karcher's or Weiszfeld's iteration in closed form."""
    middle = x.mean(0) / np.linalg.norm(x.mean(0))
    for _ in range(3000):
        cosine = np.clip(x @ middle, -1, 1)
        angle = np.arccos(cosine)
        tangent = x - cosine[:, None] * middle
        unit = tangent / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-300)
        near = angle > 1e-12
        pull = weights * (angle if power == 2 else near)
        step = pull @ unit
        if power == 1:
            step /= (weights[near] / angle[near]).sum()
        size = np.linalg.norm(step)
        if size < 1e-13:
            break
        middle = np.cos(size) * middle + np.sin(size) * step / size
    return weights @ np.arccos(np.clip(x @ middle, -1, 1)) ** power


@pytest.mark.parametrize(("dims", "power"), [(2, 2), (10, 2), (100, 2), (2, 1), (10, 1)])
def test_objectives_on_spheres_are_the_least(dims, power):
    z = draw(100, dims, seed=dims) * 0.8 / dims**0.5 + 0.3 / dims**0.5
    weights = torch.arange(1.0, 101, **DOUBLE)
    found = lt.frechet_mean(sphere(), z, weights, power)
    shares = (weights / weights.sum()).numpy()
    least = least_on_sphere(stereographic(z).numpy(), shares, power)
    assert found.converged
    assert -1e-4 < found.objective.item() / least - 1 < 1e-3
    expected = torch.as_tensor(shares) @ found.distances**power
    torch.testing.assert_close(found.objective, expected)


@pytest.mark.parametrize("kind", [lt.Wasserstein1, lt.Euclidean])
def test_the_mean_of_flat_points_is_theirs(kind):
    geometry, _ = flat(kind, 3)
    z, weights = draw(12, 3, seed=1), draw(12, seed=2).abs()
    found = lt.frechet_mean(geometry, z, weights, tolerance=1e-8)
    expected = weights @ z / weights.sum()
    torch.testing.assert_close(found.point, expected, rtol=0, atol=1e-3)


def test_the_mean_of_two_points_is_in_their_middle():
    z = draw(2, 3, seed=3) / 2
    found = lt.frechet_mean(sphere(), z, tolerance=1e-8)
    middle = lt.connecting_geodesics(sphere(), z[:1], z[1:])(0.5)[0]
    torch.testing.assert_close(found.point, middle, rtol=0, atol=1e-3)
    assert abs(found.distances[0] / found.distances[1] - 1) < 2e-3


def test_a_mean_of_finsler_distances_is_a_minimum():
    """Means and scales are linear: W1 is a norm, whose distances need no geodesic."""
    means, scales = draw(3, 40, seed=7), draw(3, 40, seed=8) * 0.1
    geometry = lt.Wasserstein1(lambda z: Normal(z @ means, 3 + z @ scales))
    z = draw(20, 3, seed=4) / 2
    found = lt.frechet_mean(geometry, z, tolerance=1e-7)
    point = z.mean(0).requires_grad_()
    optimizer = torch.optim.LBFGS([point], max_iter=200, tolerance_grad=1e-10, tolerance_change=0)

    def objective():
        optimizer.zero_grad()
        value = geometry.distance(point.expand_as(z), z).square().mean()
        value.backward()
        return value

    least = optimizer.step(objective)
    least = geometry.distance(point.expand_as(z), z).square().mean()
    assert found.objective / least - 1 < 1e-5
    assert (found.point - point).norm() < 1e-2


def test_a_median_may_be_one_of_the_points():
    """An angle above 120 degrees: the median of the corners is the blunt one."""
    geometry = lt.Wasserstein1(lambda z: Normal(2 * z, 1.0))
    z = torch.tensor([[-1.0, 0.3], [0.0, 0.0], [1.0, 0.3]], **DOUBLE)
    found = lt.frechet_mean(geometry, z, power=1)
    assert found.converged
    assert torch.equal(found.point, z[1])
    sharp = torch.tensor([[-1.0, 0.0], [0.0, 3**0.5], [1.0, 0.0]], **DOUBLE)  # Fermat's point
    found = lt.frechet_mean(geometry, sharp, power=1, tolerance=1e-9)
    expected = torch.tensor([0.0, 3**-0.5], **DOUBLE)
    torch.testing.assert_close(found.point, expected, rtol=0, atol=1e-3)


def test_a_heavy_point_is_the_median_and_equal_points_are_their_own():
    z = draw(5, 2, seed=5) / 2
    weights = torch.tensor([1.0, 1, 1, 1, 9], **DOUBLE)
    found = lt.frechet_mean(sphere(), z, weights, power=1)
    assert torch.equal(found.point, z[4])
    same = lt.frechet_mean(sphere(), z[:1].expand(3, -1))
    assert same.converged
    torch.testing.assert_close(same.point, z[0])
    assert same.objective == 0


def test_points_of_no_weight_do_not_matter():
    z = draw(6, 2, seed=6) / 2
    weights = torch.tensor([1.0, 1, 1, 1, 0, 0], **DOUBLE)
    found = lt.frechet_mean(sphere(), z, weights)
    torch.testing.assert_close(found.point, lt.frechet_mean(sphere(), z[:4]).point)
    expected = lt.geodesic_distance(sphere(), found.point, z)
    torch.testing.assert_close(found.distances, expected, rtol=1e-3, atol=0)


def test_the_best_of_several_starts_is_kept():
    """Points around a sphere's pole, and some beside the other: two minima."""
    geometry = sphere()
    z = torch.cat((draw(12, 2, seed=9) * 0.2, 3 + draw(3, 2, seed=10) * 0.2))
    found = lt.frechet_mean(geometry, z, starts=3)
    assert found.starts.shape == (3,)
    assert found.objective <= found.starts.min() * 1.001
    assert (found.point - z[:12].mean(0)).norm() < 1


def test_the_order_of_points_does_not_matter():
    z = draw(8, 2, seed=11) / 2
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    first, again = lt.frechet_mean(sphere(), z), lt.frechet_mean(sphere(), z[order])
    torch.testing.assert_close(first.point, again.point, rtol=0, atol=1e-4)
    torch.testing.assert_close(first.distances[order], again.distances, rtol=1e-3, atol=0)


def test_single_precision_and_inference_mode_will_do():
    z = (draw(10, 2, seed=12) / 2).float()
    with torch.inference_mode():
        found = lt.frechet_mean(sphere(), z, progress="mean")
    assert found.converged
    expected = lt.frechet_mean(sphere(), z.double())
    assert abs(found.objective / expected.objective - 1) < 1e-3


def test_what_does_not_converge_is_told():
    z = draw(10, 10, seed=13) + 0.5
    with pytest.warns(RuntimeWarning, match="did not converge") as told:
        found = lt.frechet_mean(sphere(), z, tolerance=1e-15, max_iterations=1)
    assert not found.converged
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"power": 3}, "power is 3"),
        ({"weights": torch.ones(2)}, "weights have shape"),
        ({"weights": -torch.ones(3)}, "weights are negative"),
        ({"weights": torch.zeros(3)}, "all 0"),
        ({"starts": 0}, "starts is 0"),
        ({"max_iterations": 0}, "max_iterations is 0"),
        ({"tolerance": 0.0}, "tolerance is 0"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        lt.frechet_mean(sphere(), torch.zeros(3, 2), **options)


def test_what_is_no_cloud_is_refused():
    with pytest.raises(ValueError, match="z has shape"):
        lt.frechet_mean(sphere(), torch.zeros(2))
    with pytest.raises(TypeError, match="weights are a"):
        lt.frechet_mean(sphere(), torch.zeros(2, 2), torch.ones(2, dtype=torch.int64))


def test_starts_are_where_decoded_points_are_near():
    z = torch.tensor([[0.0, 0.0], [0.1, 0.0], [5.0, 0.0]], **DOUBLE)
    geometry = lt.Wasserstein1(lambda z: Normal(z, 1.0))
    weights = torch.full((3,), 1 / 3, **DOUBLE)
    chosen = module.choose_starts(geometry, z, weights, 1, 2)
    assert chosen.tolist() == [[0.1, 0.0], [5.0, 0.0]]
