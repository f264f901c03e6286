"""Kinds of problems on which solvers have said converged of what was not."""

from itertools import pairwise

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from latent_transport.distributions.wasserstein import product_wasserstein1
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.riemannian import FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.densities import AggregatePosterior
from tests.geodesics.polishing import polish
from tests.problems import DOUBLE, PROBLEMS

T = torch.linspace(0, 1, 32, **DOUBLE)
SOLVERS = {"gauss-newton": GaussNewton(), "lbfgs": LBFGS()}
BOTH = pytest.mark.parametrize("solver", SOLVERS)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def check(solver, geometry, spline, t=T, share=1.0):
    """That all curves end at a local minimum of their polygons (or such a share), as is said.

    Of a minimum, another polygon may think otherwise.
    """
    curve, report = SOLVERS[solver].minimize(geometry, spline, t)
    settled = report.converged | (report.outcome == Outcome.ALIASING)
    assert settled.double().mean() >= share, report.outcomes
    best = polish(geometry, curve[settled], t)
    gap = report.energy[settled].double() / best - 1
    assert gap.max() <= 1e-3, gap.tolist()
    return curve, report


def make_valley(steepness):
    """The mean (k (x - sin(2 y) / 2), y), from the valley's floor to its floor."""
    lower, upper = -1 - 0.3 * draw(8, seed=3).abs(), 1 + 0.3 * draw(8, seed=4).abs()
    ends = [torch.stack((0.5 * (2 * y).sin(), y), -1) for y in (lower, upper)]

    def decoder(z):
        x, y = z.unbind(-1)
        return Normal(torch.stack((steepness * (x - 0.5 * (2 * y).sin()), y), -1), 1.0)

    return Wasserstein1(decoder), CubicSpline.straight(*ends, 8)


@BOTH
def test_bent_valleys_of_condition_1e4(solver):
    geometry, spline = make_valley(100.0)
    check(solver, geometry, spline[5:7])


def test_bent_valleys_of_condition_1e6():
    geometry, spline = make_valley(1000.0)
    check("gauss-newton", geometry, spline[2:4], share=0.5)


@BOTH
def test_sharp_densities_in_five_dimensions(solver):
    codes = 0.5 * draw(300, 5)
    density = AggregatePosterior(codes, torch.zeros_like(codes), 0.15)
    geometry = Conformal(LatentEuclidean(), density, 0.3)
    spline = CubicSpline.straight(*1.5 * draw(2, 20, 5, seed=1), 8)[1:3]
    check(solver, geometry, spline)


@BOTH
def test_few_variables_with_locations_and_scales(solver):
    def decoder(z):
        return Normal(z[..., :3], z[..., 3:].exp())

    geometry = Wasserstein1(decoder)
    spline = CubicSpline.straight(*draw(2, 30, 6, seed=5), 8)[:8]
    _, report = check(solver, geometry, spline, share=0.8)
    # W1 is a norm of locations and scales: the geodesics are straight in them.
    known = product_wasserstein1(decoder(spline.start), decoder(spline.end))
    settled = report.outcome != Outcome.STALLED
    found = report.energy.sqrt()[settled]
    torch.testing.assert_close(found, known[settled], rtol=2e-3, atol=0)


@BOTH
@pytest.mark.parametrize(("latent", "data"), [(2.0**-10, 1.0), (2.0**10, 1.0), (1.0, 2.0**-10)])
def test_units_change_nothing(solver, latent, data):
    known = PROBLEMS["sphere"]
    spline = CubicSpline.straight(known.z0, known.z1, 8)
    small = CubicSpline(latent * spline.start, latent * spline.end, latent * spline.controls)

    def scaled(z):
        return Normal(data * known.decoder(z / latent).loc, data)

    curve, report = check(solver, Wasserstein1(known.decoder), spline)
    other, scaled_report = check(solver, Wasserstein1(scaled), small)
    torch.testing.assert_close(scaled_report.energy, data**2 * report.energy, rtol=1e-4, atol=0)
    torch.testing.assert_close(other(T) / latent, curve(T), rtol=0, atol=2e-2)
    torch.testing.assert_close(report.energy.sqrt(), known.length, rtol=1e-3, atol=0)


@BOTH
@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e3])
def test_any_unit_of_the_latent_space_converges(solver, unit):
    known = PROBLEMS["sphere"]
    spline = CubicSpline.straight(unit * known.z0, unit * known.z1, 8)
    geometry = Wasserstein1(lambda z: known.decoder(z / unit))
    _, report = check(solver, geometry, spline)
    torch.testing.assert_close(report.energy.sqrt(), known.length, rtol=1e-3, atol=0)


def make_hill(dims, height):
    def decoder(z):
        hill = height * torch.exp(-z.square().sum(-1, keepdim=True))
        return Normal(torch.cat((z, hill), -1), 1.0)

    start = torch.zeros(1, dims, **DOUBLE)
    start[0, 0] = -2
    return Wasserstein1(decoder), start


@BOTH
@pytest.mark.parametrize("height", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("dims", [2, 5])
def test_the_saddle_on_a_hill_is_left(solver, height, dims):
    geometry, start = make_hill(dims, height)
    for free in (3, 8):
        curve, report = SOLVERS[solver].minimize(
            geometry, CubicSpline.straight(start, -start, free), T
        )
        assert report.outcomes == [Outcome.CONVERGED]
        assert curve.controls[..., 1:].norm(dim=-1).max() > 0.1  # round the hill
    if height == 3 and dims == 2:
        assert report.energy.sqrt().item() == pytest.approx(4.991, rel=1e-3)


def test_a_saddle_with_no_step_left_is_said():
    geometry, start = make_hill(2, 3.0)
    spline = CubicSpline.straight(start, -start, 8)
    _, report = GaussNewton(max_iterations=3).minimize(geometry, spline, T)
    assert report.outcomes == [Outcome.SADDLE]


def make_relu(sizes=(2, 64, 64, 50)):
    layers = [
        (1.4 * draw(a, b, seed=i) / a**0.5, 0.3 * draw(b, seed=9 + i))
        for i, (a, b) in enumerate(pairwise(sizes))
    ]

    def net(z):
        for i, (weight, bias) in enumerate(layers):
            z = z @ weight.to(z.dtype) + bias.to(z.dtype)
            z = torch.relu(z) if i + 1 < len(layers) else z
        return z

    return net


@BOTH
def test_networks_of_pieces(solver):
    net = make_relu()
    spline = CubicSpline.straight(*draw(2, 6, 2, seed=10), 8)
    check(solver, Wasserstein1(lambda z: Normal(net(z), 1.0)), spline, share=0.8)


@BOTH
@pytest.mark.parametrize("geometry", [Wasserstein1, FisherRao])
def test_saturated_pixels(solver, geometry):
    inner, outer = draw(2, 16, seed=1) / 2, draw(16, 20, seed=2) / 4

    def decoder(z):
        return Bernoulli(logits=30 * torch.tanh(z @ inner) @ outer)

    spline = CubicSpline.straight(*draw(2, 6, 2, seed=12), 8)
    check(solver, geometry(decoder), spline, share=0.8)


@BOTH
def test_dimensions_that_the_decoder_ignores(solver):
    net = make_relu((2, 16, 10))
    spline = CubicSpline.straight(*draw(2, 6, 5, seed=14), 8)

    def decoder(z):
        return Normal(torch.tanh(net(z[..., :2])), 1.0)

    check(solver, Wasserstein1(decoder), spline)


@BOTH
def test_single_precision_in_tiny_units(solver):
    net = make_relu((2, 16, 10))
    ends = 1e-8 * draw(2, 6, 2, seed=13)
    spline = CubicSpline.straight(*ends.float(), 8)

    def decoder(z):
        return Normal(1e-8 * torch.tanh(net(z * 1e8)), 1e-8)

    check(solver, Wasserstein1(decoder), spline, T.float())
