"""What users are promised: lengths that are the distance, or that do not claim to be.

Distances are known in closed form, or from the decoder in float64.
"""

import math
import warnings

import pytest
import torch
from torch import nn
from torch.distributions import Normal

import latent_transport as lt
from tests.problems import DOUBLE, make_network

SOLVERS = {"gauss-newton": lt.GaussNewton(), "lbfgs": lt.LBFGS()}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def sphere(z):
    t, p = z.unbind(-1)
    return Normal(torch.stack((t.sin() * p.cos(), t.sin() * p.sin(), t.cos()), -1), 1.0)


def great_circle(z0, z1):
    p, q = sphere(z0.double()).mean, sphere(z1.double()).mean
    return 2 * torch.asin((p - q).norm(dim=-1) / 2)


def spherical(count, seed=0):
    """Points of the sphere's chart, away from its poles."""
    return torch.tensor([1.2, 0.0], **DOUBLE) + 0.4 * draw(count, 2, seed=seed)


# --- Rounding ---


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("family", ["sphere", "normal", "logistic", "bernoulli", "categorical"])
def test_equal_ends_are_at_distance_zero_at_once(family, dtype, solver):
    decoder = sphere if family == "sphere" else make_network(family, dtype=dtype)
    z = spherical(4).to(dtype)
    paths = lt.connecting_geodesics(lt.Wasserstein1(decoder), z, z, solver=SOLVERS[solver])
    assert paths.converged.all()
    assert (paths.length <= 10 * torch.finfo(dtype).eps * 256).all()
    assert (paths.report.iterations <= 20).all()


@pytest.mark.parametrize("apart", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
def test_near_ends_in_float32_have_no_length_made_of_rounding(apart):
    z0 = spherical(50).float()
    z1 = z0 + apart * torch.nn.functional.normalize(draw(50, 2, seed=1), dim=-1).float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        paths = lt.connecting_geodesics(lt.Wasserstein1(sphere), z0, z1)
    true, converged = great_circle(z0, z1), paths.converged
    error = (paths.length.double() - true).abs()
    # Half a percent, or the rounding of two decoded points.
    assert (error <= 5e-3 * true + 4e-7)[converged].all()
    assert converged.double().mean() >= (0.9 if apart >= 1e-3 or apart <= 1e-6 else 0.0)


def make_net(dtype):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 20)).to(dtype)


EXACT, COARSE, SINGLE = (make_net(x) for x in (torch.float64, torch.bfloat16, torch.float32))


def coarse(z):
    """A decoder that computes in less than the precision that it returns."""
    return Normal(COARSE(z.bfloat16()).float(), 1.0)


def offset(z):
    """A decoder whose output lies far from zero."""
    return Normal(1e4 + SINGLE(z), 1.0)


@pytest.mark.parametrize("decoder", [coarse, offset])
def test_lengths_made_of_rounding_are_not_said_to_have_converged(decoder):
    z0, z1 = draw(12, 2).float(), draw(12, 2, seed=1).float()
    exact = lt.Wasserstein1(lambda z: Normal(EXACT(z), 1.0))
    true = lt.connecting_geodesics(exact, z0.double(), z1.double())
    assert true.converged.all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        paths = lt.connecting_geodesics(lt.Wasserstein1(decoder), z0, z1)
    error = (paths.length.double() / true.length - 1).abs()
    assert (error <= 2e-2)[paths.converged].all()


# --- Minima, saddles, units ---


def valley(stiffness):
    def decoder(z):
        x, y = z.unbind(-1)
        return Normal(torch.stack((stiffness * (x - 0.5 * (2 * y).sin()), y), -1), 1.0)

    return decoder


@pytest.mark.parametrize("solver", SOLVERS)
def test_valleys_are_followed(solver):
    y0, y1 = draw(12, seed=2), draw(12, seed=3)
    z0, z1 = (torch.stack((0.5 * (2 * y).sin(), y), -1) for y in (y0, y1))
    paths = lt.connecting_geodesics(lt.Wasserstein1(valley(100)), z0, z1, solver=SOLVERS[solver])
    error = paths.length / (y1 - y0).abs() - 1
    assert paths.converged.double().mean() >= 0.9
    assert (error <= 2e-3)[paths.converged].all()


@pytest.mark.parametrize(("dims", "variables"), [(64, 3), (30, 2)])
def test_directions_that_a_decoder_ignores_stall_no_curve(dims, variables):
    matrix = draw(dims, variables).float()
    z0, z1 = draw(2, 300, dims, seed=1).float()
    paths = lt.connecting_geodesics(lt.Wasserstein1(lambda z: Normal(z @ matrix, 1.0)), z0, z1)
    assert paths.converged.all()
    expected = ((z1 - z0).double() @ matrix.double()).norm(dim=-1).float()
    torch.testing.assert_close(paths.length, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_few_variables_of_which_location_and_scale_change(solver):
    geometry = lt.Wasserstein1(lambda z: Normal(z[..., :3], z[..., 3:].exp()))
    z0, z1 = draw(2, 30, 6, seed=5)
    paths = lt.connecting_geodesics(geometry, z0, z1, solver=SOLVERS[solver])
    # W1 is a norm of the locations and scales, in which straight lines are shortest.
    error = paths.length / geometry.distance(z0, z1) - 1
    assert paths.converged.double().mean() >= 0.9
    assert (error.abs() <= 1e-3)[paths.converged].all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_no_unit_of_the_latent_space_matters(unit, solver):
    z0, z1 = spherical(6), spherical(6, seed=1)
    geometry = lt.Wasserstein1(lambda z: sphere(z / unit))
    paths = lt.connecting_geodesics(geometry, unit * z0, unit * z1, solver=SOLVERS[solver])
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, great_circle(z0, z1), rtol=2e-4, atol=0)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_no_unit_of_the_data_matters(unit):
    z0, z1 = spherical(6), spherical(6, seed=1)
    geometry = lt.Wasserstein1(lambda z: Normal(unit * sphere(z).mean, unit))
    paths = lt.connecting_geodesics(geometry, z0, z1)
    assert paths.converged.all()
    torch.testing.assert_close(paths.length / unit, great_circle(z0, z1), rtol=2e-4, atol=0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_way_over_a_hill_is_left_for_the_way_round_it(solver):
    def hill(z):
        x, y = z.unbind(-1)
        return Normal(torch.stack((x, y, 3 * (-z.square().sum(-1)).exp()), -1), 1.0)

    ends = torch.tensor([[-2.0, 0.0]], **DOUBLE), torch.tensor([[2.0, 0.0]], **DOUBLE)
    paths = lt.connecting_geodesics(lt.Wasserstein1(hill), *ends, solver=SOLVERS[solver])
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, torch.tensor([4.9923], **DOUBLE), rtol=2e-4, atol=0)


def test_reversed_pairs_are_as_far_apart():
    geometry = lt.Wasserstein1(make_network("logistic"))
    z0, z1 = draw(8, 2), draw(8, 2, seed=1)
    there, back = (lt.connecting_geodesics(geometry, *ends) for ends in ((z0, z1), (z1, z0)))
    torch.testing.assert_close(there.length, back.length, rtol=1e-4, atol=0)


def test_weighted_curves_that_pass_the_test_are_at_their_minimum():
    codes = 0.5 * draw(300, 5)
    density = lt.AggregatePosterior(codes, torch.full_like(codes, 0.15))
    reference = density.log_prob(codes).mean()
    geometry = lt.Conformal(lt.LatentEuclidean(), density.log_prob, 0.3, reference=reference)
    z0, z1 = 1.5 * draw(10, 5, seed=1), 1.5 * draw(10, 5, seed=2)
    t = torch.linspace(0, 1, 32, **DOUBLE)
    for solver in (lt.GaussNewton(), lt.LBFGS()):
        line = lt.CubicSpline.straight(z0, z1, 8)
        found, report = solver.minimize(geometry, line, t)
        finest = lt.GaussNewton(tolerance=1e-8, max_iterations=500, refresh=1)
        best = finest.minimize(geometry, found, t)[1].energy
        # So sharp a weight aliases at 32 points, which is said of curves at a minimum only.
        passed = report.converged | (report.outcome == lt.Outcome.ALIASING)
        assert passed.double().mean() >= 0.8
        assert (report.energy <= best * (1 + 1e-3))[passed].all()


# --- Polygons that hop ---


@pytest.mark.parametrize("turns", [2, 6])
def test_swiss_rolls_are_unrolled(turns):
    def roll(z):
        r, height = z.unbind(-1)
        return Normal(torch.stack((r * r.cos(), r * r.sin(), height), -1), 1.0)

    def arc(r):
        return 0.5 * (r * math.sqrt(1 + r * r) + math.asinh(r))

    ends = (2 * math.pi, 2 * math.pi * turns)
    z0, z1 = (torch.tensor([[r, h]], **DOUBLE) for r, h in zip(ends, (0.0, 30.0), strict=True))
    paths = lt.connecting_geodesics(lt.Wasserstein1(roll), z0, z1)
    true = math.hypot(arc(ends[1]) - arc(ends[0]), 30.0)
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, torch.tensor([true], **DOUBLE), rtol=1e-3, atol=0)
    lower, upper = paths.bounds
    assert lower <= true <= upper


@pytest.mark.parametrize("points", ["auto", 32, 128])
def test_a_wall_is_not_hopped_over_in_silence(points):
    wall = lt.Conformal(
        lt.LatentEuclidean(), lambda z: -6 * (-(z[..., 0] / 0.02).square()).exp(), 1.0
    )
    ends = torch.tensor([[-1.0, 0.0]], **DOUBLE), torch.tensor([[1.0, 0.3]], **DOUBLE)
    paths = lt.connecting_geodesics(wall, *ends, points=points)
    assert not paths.converged.any() or (paths.length >= 8.18).all()
    assert paths.converged.all() or paths.report.outcomes[0] != lt.Outcome.CONVERGED


def test_what_is_fixed_is_not_refined():
    geometry = lt.Wasserstein1(make_network("logistic"))
    z0, z1 = draw(3, 2), draw(3, 2, seed=1)
    paths = lt.connecting_geodesics(geometry, z0, z1, controls=5, points=16)
    assert paths.controls.tolist() == [5] * 3
    assert paths.points.tolist() == [16] * 3


@pytest.mark.parametrize("dims", [2, 10, 50, 100, 1000])
def test_great_circles_in_stereographic_charts(dims):
    def decoder(z):
        square = z.square().sum(-1, keepdim=True)
        return Normal(torch.cat((2 * z, square - 1), -1) / (1 + square), 1.0)

    z0 = -torch.linspace(0, 1, dims, **DOUBLE)[None]
    z1 = torch.full_like(z0, 0.5)
    paths = lt.connecting_geodesics(lt.Wasserstein1(decoder), z0, z1)
    chord = (decoder(z0).mean - decoder(z1).mean).norm(dim=-1)
    true = 2 * torch.asin(chord / 2)
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, true, rtol=1e-4, atol=0)
    lower, upper = paths.bounds
    assert (lower <= true).all()
    assert (true <= upper).all()
