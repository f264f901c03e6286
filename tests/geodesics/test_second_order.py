"""Second-order models of curves whose distance from their minimum is known."""

from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.krylov import KrylovModels, KrylovRule
from latent_transport.geodesics.solvers.objective import energy_objective
from latent_transport.geodesics.solvers.preconditioners import choose_preconditioner
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, PROBLEMS, make_network

T = torch.linspace(0, 1, 32, **DOUBLE)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def judge(geometry, spline, share=1e-4):
    """The model, and energies (B,)."""
    rows = torch.arange(len(spline.start))
    objective = energy_objective(geometry, spline, T)
    energy, gradient = objective(rows, spline.controls)
    preconditioner = choose_preconditioner(geometry, spline, T, refresh=0)
    preconditioner.update(rows, spline.controls.flatten(1))
    models = KrylovModels(objective, preconditioner, KrylovRule(products=20))
    model = models.build(
        rows, spline.controls, energy, gradient.flatten(1), energy.sqrt(), share * energy
    )
    return model, energy


def make_hill(height):
    """The plane with a hill of such a height at its origin."""
    return Wasserstein1(
        lambda z: Normal(
            torch.cat((z, height * torch.exp(-z.square().sum(-1, keepdim=True))), -1), 1.0
        )
    )


@pytest.fixture(scope="module")
def great_circles():
    known = PROBLEMS["sphere"]
    geometry = Wasserstein1(known.decoder)
    start = CubicSpline.straight(known.z0, known.z1, 8)
    curve, _ = GaussNewton(tolerance=1e-12, max_iterations=100).minimize(geometry, start, T)
    return geometry, curve


def test_great_circles_pass(great_circles):
    geometry, curve = great_circles
    model, energy = judge(geometry, curve)
    torch.testing.assert_close(energy.sqrt(), PROBLEMS["sphere"].length, rtol=1e-3, atol=0)
    assert (model.remaining <= 1e-6 * energy).all()
    assert (model.least > 0.3).all()


@pytest.mark.parametrize("bend", [0.01, 0.03, 0.1])
def test_bent_great_circles_fail_by_as_much_as_they_are_long(great_circles, bend):
    geometry, curve = great_circles
    _, best = judge(geometry, curve)
    bent = replace(curve, controls=curve.controls + bend * draw(*curve.controls.shape, seed=3))
    model, energy = judge(geometry, bent)
    true = energy - best
    assert (true > 1e-4 * energy).all()
    assert (model.remaining > 0.5 * true).all()
    assert (model.remaining < 2 * true).all()
    moved = replace(bent, controls=bent.controls + model.step.view_as(bent.controls))
    assert (geometry.curve_energy(moved(T)) - best < 0.2 * true).all()


@pytest.mark.parametrize("free", [4, 8])
def test_the_way_straight_over_a_hill_is_a_saddle(free):
    start = torch.tensor([[-2.0, 0.0]], **DOUBLE)
    over = CubicSpline.straight(start, -start, free)
    curve, _ = descend_along_the_axis(make_hill(3.0), over)
    model, energy = judge(make_hill(3.0), curve)
    assert (model.least < 0).all()
    assert (model.remaining > 1e-3 * energy).all()
    moved = replace(curve, controls=curve.controls + model.step.view_as(curve.controls))
    assert moved.controls[..., 1].abs().max() > 1e-3  # off the axis


def descend_along_the_axis(geometry, over):
    """The least energy without leaving the axis, by Newton's steps in x alone."""
    objective, rows = energy_objective(geometry, over, T), torch.arange(1)
    controls = over.controls.clone()
    for _ in range(60):
        energy, gradient = objective(rows, controls)
        hessian = torch.stack(
            [
                (objective(rows, controls + 1e-5 * e.view_as(controls))[1] - gradient).flatten()
                for e in torch.eye(controls.numel(), **DOUBLE)[::2]
            ]
        )[:, ::2]
        step = torch.linalg.solve(hessian / 1e-5, gradient.flatten()[::2])
        rate = 1.0
        while True:
            trial = controls.clone()
            trial[..., 0] -= rate * step
            if objective(rows, trial)[0] <= energy or rate < 1e-6:
                break
            rate /= 2
        controls = trial
    return replace(over, controls=controls), energy


def test_the_way_over_a_low_hill_is_none():
    start = torch.tensor([[-2.0, 0.0]], **DOUBLE)
    curve, _ = descend_along_the_axis(make_hill(0.3), CubicSpline.straight(start, -start, 8))
    model, energy = judge(make_hill(0.3), curve)
    assert (model.least > 0).all()
    assert (model.remaining <= 1e-4 * energy).all()


def test_what_a_weight_adds_counts():
    """On the ridge of a density the line is a minimum; in its valley, a saddle."""
    start = torch.tensor([[-1.0, 0.0]], **DOUBLE)
    line = CubicSpline.straight(start, -start, 8)
    for sign in (1, -1):
        geometry = Conformal(LatentEuclidean(), lambda z, s=sign: -4 * s * z[..., 1].square(), 1.0)
        model, energy = judge(geometry, line)
        assert ((model.least > 0) == (sign > 0)).all()
        assert ((model.remaining <= 1e-4 * energy) == (sign > 0)).all()


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_units_do_not_matter(unit):
    net = make_network("normal")
    line = CubicSpline.straight(draw(4, 2), draw(4, 2, seed=1), 6)
    small = CubicSpline(unit * line.start, unit * line.end, unit * line.controls)

    def scaled(z):
        p = net(z / unit)
        return Normal(1e3 * p.loc, 1e3 * p.scale)

    model, energy = judge(Wasserstein1(net), line)
    other, large = judge(Wasserstein1(scaled), small)
    torch.testing.assert_close(large, 1e6 * energy)
    torch.testing.assert_close(other.remaining / large, model.remaining / energy, rtol=1e-3, atol=0)
    torch.testing.assert_close(other.least, model.least, rtol=1e-3, atol=1e-3)
