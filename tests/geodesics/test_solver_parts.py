"""The small parts of the solvers, each by itself."""

import subprocess
import sys

import pytest
import torch
from torch.distributions import Normal

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.batches import minimize_in_batches
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.names import SOLVERS
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geodesics.solvers.region import TrustRegion
from latent_transport.geodesics.solvers.secants import SecantRule, Secants
from latent_transport.geodesics.solvers.steps import StepRule
from latent_transport.geodesics.solvers.stopping import Stopping
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.storage import DataError
from tests.problems import DOUBLE

SIZE = 5


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def make_hessians(batch, seed=0):
    root = draw(batch, SIZE, SIZE, seed=seed)
    return root @ root.mT + 0.1 * torch.eye(SIZE, **DOUBLE)  # (B, n, n)


def update_inverse(inverse, step, change):
    """Inverse Hessian (n, n) after a step, by the dense formula of BFGS."""
    rho = 1 / (step @ change)
    left = torch.eye(SIZE, **DOUBLE) - rho * torch.outer(step, change)
    return left @ inverse @ left.T + rho * torch.outer(step, step)


def halve(gradient):
    return gradient / 2


# --- Secants ---


def test_recursion_is_the_dense_inverse_of_bfgs():
    batch, remembered = 3, 4
    hessians = make_hessians(batch)
    steps = draw(6, batch, SIZE, seed=1)  # more than are remembered
    changes = (hessians @ steps[..., None]).squeeze(-1)  # (6, B, n)
    secants = Secants(steps[0], SecantRule(remembered=remembered))
    everyone = torch.arange(batch)
    for step, change in zip(steps, changes, strict=True):
        secants.remember(everyone, step, change)
    gradient = draw(batch, SIZE, seed=2)
    first = make_hessians(batch, seed=3)  # (B, n, n)
    found = secants.direction(everyone, gradient, lambda q: (first @ q[..., None]).squeeze(-1))
    for i in range(batch):
        inverse = first[i]
        for step, change in zip(steps[-remembered:, i], changes[-remembered:, i], strict=True):
            inverse = update_inverse(inverse, step, change)
        torch.testing.assert_close(found[i], -inverse @ gradient[i])


def test_secants_are_each_curves_own_and_can_be_forgotten():
    gradient = draw(3, SIZE)
    secants = Secants(gradient)
    everyone = torch.arange(3)
    before = secants.direction(everyone, gradient, halve)
    assert torch.equal(before, -halve(gradient))
    step = gradient[[0, 2]]
    secants.remember(torch.tensor([0, 2]), step, 3 * step)
    after = secants.direction(everyone, gradient, halve)
    assert torch.equal(after[1], before[1])
    torch.testing.assert_close(after[[0, 2]], -gradient[[0, 2]] / 3)
    secants.forget(torch.tensor([0]))
    again = secants.direction(everyone, gradient, halve)
    assert torch.equal(again[0], before[0])
    assert torch.equal(again[2], after[2])


def test_pairs_without_curvature_are_passed_over():
    gradient, step = draw(2, SIZE), draw(2, SIZE, seed=1)
    secants, rows = Secants(gradient), torch.arange(2)
    before = secants.direction(rows, gradient, halve)
    for change in (-step, torch.zeros_like(step)):
        secants.remember(rows, step, change)
        assert torch.equal(secants.direction(rows, gradient, halve), before)


# --- Steps and stopping ---


def test_steps_are_accepted_by_armijos_rule():
    rule = StepRule(sufficient=0.1)
    before = torch.full((5,), 10.0, **DOUBLE)
    after = torch.tensor([9.0, 9.9, 9.91, 10.0, torch.nan], **DOUBLE)
    one, half = torch.full((5,), 1.0, **DOUBLE), torch.full((5,), 0.5, **DOUBLE)
    assert rule.accepts(before, after, one, one).tolist() == [True, True, False, False, False]
    assert rule.accepts(before, after, half, one).tolist() == [True, True, True, False, False]


def test_a_direction_fails_after_four_refusals():
    rule = StepRule()
    rate, refusals = torch.tensor([rule.first]), 0
    while not rule.fails(rate):
        rate, refusals = rule.contract(rate), refusals + 1
    assert refusals == 4
    assert rate.item() == 4.0**-4


def test_next_to_nothing_is_a_share_of_the_energy():
    rule = Stopping(tolerance=1e-2)
    before = torch.tensor([100.0, 100.0, 1.0])
    assert rule.promises_little(torch.tensor([0.9, 1.1, 0.9]), before).tolist() == [1, 0, 0]
    assert rule.gains_much(before, torch.tensor([99.5, 98.5, torch.nan])).tolist() == [0, 1, 0]


def test_curves_leave_after_idle_steps_or_failures():
    rule = Stopping(tolerance=1e-4, idle=2, patience=3)
    idle, failures = torch.tensor([0, 1, 2, 3, 0, 0]), torch.tensor([0, 0, 0, 0, 2, 3])
    assert rule.is_done(idle, failures).tolist() == [0, 0, 1, 1, 0, 1]


# --- Trust regions ---


def test_steps_of_little_or_unknown_quality_are_refused():
    quality = torch.tensor([-1.0, 0.04, 0.06, 1.0, 5.0, torch.nan])
    assert TrustRegion().accepts(quality).tolist() == [False, False, True, True, True, False]


def test_a_model_is_confirmed_where_it_is_right_to_a_quarter():
    quality = torch.tensor([0.7, 0.76, 1.0, 1.3, 1.4, torch.nan])
    assert TrustRegion().confirms(quality).tolist() == [False, True, True, True, False, False]


def test_radii_follow_the_success_of_models():
    region = TrustRegion(shrinking=0.25, growing=2.0)
    quality = torch.tensor([torch.nan, -1.0, 0.2, 0.5, 0.9, 0.9], **DOUBLE)
    radius, length = torch.full((6,), 1.0, **DOUBLE), torch.full((6,), 0.8, **DOUBLE)
    length[-1] = 0.1  # a short step says nothing of long ones
    expected = torch.tensor([0.2, 0.2, 0.2, 1.0, 1.6, 1.0], **DOUBLE)
    torch.testing.assert_close(region.follow(quality, radius, length), expected)
    assert torch.equal(radius, torch.ones(6, **DOUBLE))


def test_a_radius_that_only_shrinks_gives_the_curve_up():
    region = TrustRegion()
    radius, steps = torch.tensor([region.first], **DOUBLE), 0
    while radius >= region.least:
        radius = region.follow(torch.tensor([torch.nan]), radius, radius)
        steps += 1
    assert steps == 4


# --- Batches and reports ---


def make_report(outcome, energy, steps):
    batch = len(outcome)
    return Report(
        outcome=torch.tensor([int(o) for o in outcome]),
        iterations=torch.full((batch,), steps),
        energy=energy,
        gradient_norm=torch.zeros(batch, **DOUBLE),
        energy_history=energy + torch.arange(steps, -1, -1, **DOUBLE)[:, None],
        seconds=0.5,
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_batches_come_back_in_order_and_are_counted(size, capsys):
    spline = CubicSpline(draw(7, 2), draw(7, 2, seed=1), draw(7, 4, 2, seed=2))
    sizes = []

    def minimize(curves, finish):
        sizes.append(len(curves.start))
        steps = len(sizes)  # each batch takes one more than the last
        finish(1)
        finish(len(curves.start) - 1)
        energy = curves.start[:, 0]
        return curves.controls + 1, make_report([Outcome.CONVERGED] * len(energy), energy, steps)

    found, report = minimize_in_batches(minimize, spline, size, "curves")
    assert max(sizes) == min(size, 7)
    assert sum(sizes) == 7
    assert torch.equal(found.controls, spline.controls + 1)
    assert torch.equal(found.start, spline.start)
    assert torch.equal(report.energy, spline.start[:, 0])
    assert report.iterations.tolist() == [1 + i // size for i in range(7)]
    assert report.energy_history.shape == (len(sizes) + 1, 7)
    assert torch.equal(report.energy_history[-1], report.energy)  # the last value goes on
    assert report.seconds == 0.5 * len(sizes)
    said = capsys.readouterr().err
    assert "curves: 100%" in said
    assert "7/7" in said


def test_without_a_label_there_is_no_bar(capsys):
    spline = CubicSpline(draw(2, 2), draw(2, 2, seed=1), draw(2, 4, 2, seed=2))

    def minimize(curves, finish):
        finish(2)
        return curves.controls, make_report([Outcome.BUDGET] * 2, curves.start[:, 0], 1)

    minimize_in_batches(minimize, spline, 2, None)
    assert capsys.readouterr().err == ""


def test_reports_name_how_each_curve_ended():
    ends = [Outcome.SADDLE, Outcome.CONVERGED, Outcome.NOT_FINITE]
    report = make_report(ends, draw(3), 2)
    assert report.outcomes == ends
    assert report.converged.tolist() == [False, True, False]
    assert [outcome.name for outcome in report.outcomes] == ["SADDLE", "CONVERGED", "NOT_FINITE"]


# --- Memory, and names ---


def test_budget_counts_curves_and_lets_one_through_at_least():
    geometry = Wasserstein1(lambda z: Normal(z.repeat_interleave(5, -1), 1.0))
    spline = CubicSpline.straight(draw(2, 3), draw(2, 3, seed=1), 4)
    counts = [MemoryBudget(2**k).count_curves(geometry, spline, 10) for k in (0, 20, 21, 26)]
    assert counts[0] == 1
    assert counts[1] > 1
    assert abs(counts[2] - 2 * counts[1]) <= 1
    # A decoded point has 15 means and 15 scales: some copies of them, but not a hundred.
    point = 2**25 / counts[3] / 10 / 8
    assert 30 < point < 3000


@pytest.mark.parametrize("width", [100, 10_000])
def test_budget_counts_the_hidden_layers_of_a_decoder(width):
    layer = draw(3, width)
    geometry = Wasserstein1(lambda z: Normal(torch.tanh(z @ layer)[..., :2], 1.0))
    spline = CubicSpline.straight(draw(2, 3), draw(2, 3, seed=1), 4)
    point = 2**29 / MemoryBudget(2**30).count_curves(geometry, spline, 10) / 10 / 8
    assert 2 * width < point < 20 * width + 1000


def test_budget_counts_normal_matrices():
    geometry = Wasserstein1(lambda z: Normal(z, 1.0))
    spline = CubicSpline.straight(draw(2, 40), draw(2, 40, seed=1), 10)
    matrix = 400**2 * 8
    budget = MemoryBudget(2**30, matrices=True)
    assert 4 < 2**29 / budget.count_curves(geometry, spline, 10) / matrix < 12


def test_names_of_solvers_need_no_torch():
    script = (
        "import sys, latent_transport.geodesics.solvers.names; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@pytest.mark.parametrize("name", SOLVERS)
def test_every_name_makes_a_solver(name):
    if name == "stochman":
        pytest.importorskip("stochman")
    solver = SolverSettings(solver=name, max_iterations=7).make()
    assert solver.max_iterations == 7
    assert callable(solver.minimize)


def test_a_name_of_no_solver_is_refused():
    with pytest.raises(DataError, match="'newton'; expected 'gauss-newton' or 'stochman'"):
        SolverSettings.parse('{"solver": "newton"}')
