"""Cubic splines: ends, straightness, smoothness, and SciPy's own evaluation."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from latent_transport.geodesics.curves import CubicSpline


def random_spline(free=6, batch=4, dims=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    like = {"generator": generator, "dtype": torch.float64}
    return CubicSpline(
        torch.randn(batch, dims, **like),
        torch.randn(batch, dims, **like),
        torch.randn(batch, free, dims, **like),
    )


@pytest.mark.parametrize("free", [2, 3, 7, 12])
def test_ends_are_met_exactly(free):
    spline = random_spline(free)
    ends = spline(torch.tensor([0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(ends[:, 0], spline.start, rtol=0, atol=0)
    torch.testing.assert_close(ends[:, 1], spline.end, rtol=0, atol=0)


def test_matches_scipy():
    spline = random_spline(5)
    knots = np.concatenate((np.zeros(3), np.linspace(0, 1, 5), np.ones(3)))
    every = torch.cat((spline.start[:, None], spline.controls, spline.end[:, None]), 1)
    t = np.linspace(0, 1, 101)
    expected = BSpline(knots, every.movedim(1, 0).numpy(), 3)
    for order in (0, 1, 2):
        ours = spline(torch.tensor(t)) if order == 0 else spline.derivative(torch.tensor(t), order)
        np.testing.assert_allclose(ours, np.moveaxis(expected(t, nu=order), 1, 0), atol=1e-10)


def test_second_derivative_is_continuous_at_the_knots():
    spline = random_spline(7)
    knots = torch.linspace(0, 1, 7, dtype=torch.float64)[1:-1]
    step = 1e-9
    jump = spline.derivative(knots + step, 2) - spline.derivative(knots - step, 2)
    third = spline.derivative(knots + step, 3) - spline.derivative(knots - step, 3)
    assert jump.abs().max() < 1e-5
    assert third.abs().max() > 1  # the knots are where the pieces meet


def test_straight_line_has_constant_speed():
    line = CubicSpline.straight(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), 6)
    speed = line.derivative(torch.linspace(0, 1, 50))
    torch.testing.assert_close(speed, torch.tensor([3.0, 4.0]).expand(1, 50, 2), atol=1e-5, rtol=0)


def test_fit_recovers_a_spline_from_its_points():
    spline = random_spline(6)
    t = torch.linspace(0, 1, 200, dtype=torch.float64)
    fitted = CubicSpline.through(spline(t), 6, t)
    torch.testing.assert_close(fitted(t), spline(t), atol=1e-4, rtol=0)


def test_fit_of_few_points_stays_bounded():
    points = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]])
    fitted = CubicSpline.through(points, 10)
    assert fitted(torch.linspace(0, 1, 100)).abs().max() < 4


def test_reversed_runs_backwards():
    spline = random_spline()
    t = torch.linspace(0, 1, 33, dtype=torch.float64)
    torch.testing.assert_close(spline.reversed()(t), spline(t).flip(1))


@pytest.mark.parametrize("free", [2, 3, 8, 33])
def test_refined_splines_are_the_same_curves_with_twice_the_intervals(free):
    spline = random_spline(free)
    fine = spline.refine()
    assert fine.controls.shape == (4, 2 * free - 1, 3)
    t = torch.linspace(0, 1, 257, dtype=torch.float64)
    torch.testing.assert_close(fine(t), spline(t), rtol=0, atol=1e-12)
    third = [x.derivative(t[1::2], 3) for x in (fine, spline)]
    torch.testing.assert_close(*third, rtol=0, atol=1e-7 * free**3)
    assert torch.equal(fine.start, spline.start)
    assert torch.equal(fine.end, spline.end)
    again = fine.refine()
    torch.testing.assert_close(again(t), spline(t), rtol=0, atol=1e-12)


def test_refined_splines_keep_their_precision():
    spline = random_spline()
    single = CubicSpline(*(x.float() for x in (spline.start, spline.end, spline.controls)))
    assert single.refine().controls.dtype == torch.float32
    t = torch.linspace(0, 1, 33)
    torch.testing.assert_close(single.refine()(t), single(t), rtol=0, atol=1e-6)


def test_too_few_controls_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        CubicSpline.straight(torch.zeros(1, 2), torch.ones(1, 2), 1)
