"""Heat-kernel smoothing, against SciPy in flat spaces and heat flows of known decay."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import softmax
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import stereographic
from tests.problems import DOUBLE, PROBLEMS


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def flat(dims=2):
    """Linear means: W1 is Euclidean there."""
    matrix = draw(dims, 8, seed=7)
    return lt.Wasserstein1(lambda z: Normal(z @ matrix.to(z), 1.0)), matrix


def sphere():
    return lt.Wasserstein1(lambda z: Normal(stereographic(z), 1.0))


def test_flat_codes_are_smoothed_by_gaussians():
    geometry, matrix = flat()
    z, values, weights = draw(8, 2, seed=1), draw(8, 3, seed=2), draw(8, seed=3).abs()
    others = draw(4, 2, seed=4)
    times = torch.tensor([0.2, 3.0], **DOUBLE)
    found = lt.heat_kernel_smooth(geometry, z, values, times, others, weights=weights)
    squares = cdist(others @ matrix, z @ matrix) ** 2
    for smooth, time in zip(found, times, strict=True):
        shares = softmax(weights.log().numpy() - squares / (4 * time.item()), axis=1)
        np.testing.assert_allclose(smooth, shares @ values.numpy(), rtol=0, atol=1e-3)
    one = lt.heat_kernel_smooth(geometry, z, values[:, 0], 3.0, others[:1], weights=weights)
    torch.testing.assert_close(one, found[1, :1, 0], rtol=0, atol=1e-4)


def test_only_the_nearest_have_a_part_where_asked_for():
    geometry, matrix = flat()
    z, values = draw(12, 2, seed=1), draw(12, seed=2)
    squares = cdist(z @ matrix, z @ matrix) ** 2
    last = np.sort(squares, 1)[:, 4:5]  # with the code itself, four others
    shares = softmax(np.where(squares <= last, -squares / 2, -np.inf), axis=1)
    found = lt.heat_kernel_smooth(geometry, z, values, 0.5, neighbours=4)
    np.testing.assert_allclose(found, shares @ values.numpy(), rtol=0, atol=1e-3)
    every = lt.heat_kernel_smooth(geometry, z, values, 0.5, neighbours=11)
    expected = lt.heat_kernel_smooth(geometry, z, values, 0.5)
    torch.testing.assert_close(every, expected, rtol=0, atol=1e-4)
    there = lt.heat_kernel_smooth(geometry, z, values, 0.5, z[:3] + 1e-4, neighbours=5)
    torch.testing.assert_close(there, found[:3], rtol=0, atol=1e-2)


def test_waves_on_a_circle_decay_as_heat_does():
    """A circle of radius 3, whose codes are evenly spaced by angle and not by coordinate."""
    problem = PROBLEMS["circle"]
    angles = torch.linspace(-0.9, 2.6, 71, **DOUBLE)[:, None]
    z = ((1 + 0.8 * angles).sqrt() - 1) / 0.4  # where z + 0.2 z^2 is the angle
    waves = torch.cat([(count * angles).cos() for count in (1, 2, 3)], -1)
    time = 0.18  # 0.02 squared radians: five standard deviations are one radian
    at = slice(25, 45, 5)
    found = lt.heat_kernel_smooth(lt.Wasserstein1(problem.decoder), z, waves, time, z[at])
    counts = torch.tensor([1.0, 2.0, 3.0], **DOUBLE)
    decay = (-counts.square() * time / 9).exp()
    torch.testing.assert_close(found, decay * waves[at], rtol=0, atol=1e-3)


def test_spherical_harmonics_decay_as_heat_does():
    """In a cap around the pole of the chart, weighted by area, to terms of second order in t."""
    colatitudes, gauss = np.polynomial.legendre.leggauss(14)
    colatitudes = torch.from_numpy((colatitudes + 1) * 0.7)  # (R,), up to 1.4
    turns = torch.arange(16, **DOUBLE) * (2 * math.pi / 16)
    around = torch.stack((turns.cos(), turns.sin()), -1)  # (A, 2)
    z = ((colatitudes / 2).tan()[:, None, None] * around).flatten(0, 1)  # (R A, 2)
    weights = (torch.from_numpy(gauss) * colatitudes.sin()).repeat_interleave(16)

    def harmonics(z):
        x, _, height = stereographic(z).unbind(-1)
        return torch.stack((height, x, 3 * height**2 - 1, x * height), -1)

    others = torch.tensor([[0.0, 0.0], [0.1, 0.05]], **DOUBLE)
    time = 0.03
    found = lt.heat_kernel_smooth(sphere(), z, harmonics(z), time, others, weights=weights)
    decay = (-torch.tensor([2.0, 2.0, 6.0, 6.0], **DOUBLE) * time).exp()
    expected = decay * harmonics(others)
    torch.testing.assert_close(found, expected, rtol=0, atol=6 * time**2)
    assert (harmonics(others) - expected)[:, 2].abs().min() > 50 * time**2  # it can be told


def test_constants_are_kept_and_the_kernel_is_symmetric():
    z = draw(7, 2, seed=5) / 2
    shares = lt.heat_kernel_smooth(sphere(), z, torch.eye(7, **DOUBLE), 0.1)
    torch.testing.assert_close(shares.sum(1), torch.ones(7, **DOUBLE))
    kernel = shares / shares.diagonal()[:, None]  # exp(-d^2 / 4 t)
    torch.testing.assert_close(kernel, kernel.T)
    apart = lt.distance_matrix(sphere(), z)
    torch.testing.assert_close(kernel, (-apart.square() / 0.4).exp())


def test_the_order_of_codes_does_not_matter():
    z, values = draw(7, 2, seed=6) / 2, draw(7, seed=7)
    order = torch.tensor([3, 1, 0, 2, 6, 5, 4])
    found = lt.heat_kernel_smooth(sphere(), z, values, 0.1)
    again = lt.heat_kernel_smooth(sphere(), z[order], values[order], 0.1)
    torch.testing.assert_close(again, found[order], rtol=0, atol=1e-4)


def test_short_times_keep_values_and_long_ones_average_them():
    z, values = draw(6, 2, seed=8), draw(6, 1, 2, seed=9)
    times = torch.tensor([1e-12, 1e12], **DOUBLE)
    short, long = lt.heat_kernel_smooth(flat()[0], z, values, times)
    torch.testing.assert_close(short, values)
    torch.testing.assert_close(long, values.mean(0, keepdim=True).expand_as(values))
    listed = lt.heat_kernel_smooth(flat()[0], z, values, times.tolist())
    torch.testing.assert_close(listed, torch.stack((short, long)))


def test_single_precision_inference_mode_and_gradients_of_values_will_do():
    geometry, _ = flat()
    z, values = draw(6, 2, seed=8).float(), draw(6, seed=9).float()
    with torch.inference_mode():
        found = lt.heat_kernel_smooth(geometry, z, values, 0.5, progress="smoothing")
    assert found.dtype == torch.float32
    expected = lt.heat_kernel_smooth(geometry, z.double(), values.double(), 0.5)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-3)
    values = values.requires_grad_()
    lt.heat_kernel_smooth(geometry, z, values, 0.5).sum().backward()
    assert values.grad.sum() == pytest.approx(6, rel=1e-4)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"z": torch.zeros(2)}, ValueError, "z has shape"),
        ({"values": torch.zeros(3, dtype=torch.int64)}, TypeError, "values are a torch.int64"),
        ({"values": torch.zeros(2)}, ValueError, r"values have shape \(2,\); expected \(3, ...\)"),
        ({"values": torch.full((3,), torch.nan)}, ValueError, "values have entries that are not"),
        ({"values": torch.zeros(3, **DOUBLE)}, TypeError, "values are torch.float64"),
        ({"time": 0.0}, ValueError, "time is 0.0; expected a positive number"),
        ({"time": torch.ones(1, 1)}, ValueError, "time is"),
        ({"time": "short"}, ValueError, "time is 'short'; expected a positive number"),
        ({"others": torch.zeros(2, 2, **DOUBLE)}, TypeError, "others torch.float64 on"),
        ({"others": torch.zeros(2)}, ValueError, "others has shape"),
        ({"weights": torch.ones(3, 1)}, ValueError, "weights have shape"),
        ({"weights": -torch.ones(3)}, ValueError, "weights are negative"),
        ({"weights": torch.zeros(3)}, ValueError, "all 0"),
        ({"neighbours": 3}, ValueError, "neighbours is 3"),
    ],
)
def test_what_is_out_of_range_is_refused(changed, error, message):
    given = {"z": torch.eye(3, 2), "values": torch.zeros(3), "time": 1.0} | changed
    with pytest.raises(error, match=message):
        lt.heat_kernel_smooth(flat()[0], **given)
