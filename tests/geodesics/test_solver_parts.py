"""The parts of the quasi-Newton solvers, each by itself."""

import subprocess
import sys

import pytest
import torch
from latent_transport.geodesics.solvers.curvature import NormalMatrices
from latent_transport.geodesics.solvers.damping import Damping
from latent_transport.geodesics.solvers.directions import Directions
from torch.distributions import Normal

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.settings import SolverSettings
from latent_transport.geodesics.solvers.budget import MemoryBudget
from latent_transport.geodesics.solvers.names import SOLVERS
from latent_transport.geodesics.solvers.normal_matrix import normal_matrix
from latent_transport.geodesics.solvers.secants import SecantRule, Secants
from latent_transport.geodesics.solvers.steps import StepRule
from latent_transport.geodesics.solvers.stopping import Stopping
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.storage import DataError
from tests.problems import DOUBLE, make_network

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


# --- Secants ---


@pytest.mark.parametrize("given", [True, False])
def test_recursion_is_the_dense_inverse_of_bfgs(given):
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
    initial = (lambda q: (first @ q[..., None]).squeeze(-1)) if given else None
    found = secants.direction(everyone, gradient, initial)
    for i in range(batch):
        scale = steps[-1, i] @ changes[-1, i] / changes[-1, i].square().sum()
        inverse = first[i] if given else scale * torch.eye(SIZE, **DOUBLE)
        for step, change in zip(steps[-remembered:, i], changes[-remembered:, i], strict=True):
            inverse = update_inverse(inverse, step, change)
        torch.testing.assert_close(found[i], -inverse @ gradient[i])


def test_secants_are_each_curves_own_and_can_be_forgotten():
    gradient, step = draw(3, SIZE), draw(2, SIZE, seed=1)
    secants = Secants(gradient)
    everyone = torch.arange(3)
    before = secants.direction(everyone, gradient)
    secants.remember(torch.tensor([0, 2]), step, 3 * step)
    after = secants.direction(everyone, gradient)
    assert torch.equal(after[1], before[1])
    torch.testing.assert_close(after[[0, 2]], -gradient[[0, 2]] / 3)
    secants.forget(torch.tensor([0]))
    again = secants.direction(everyone, gradient)
    assert torch.equal(again[0], before[0])
    assert torch.equal(again[2], after[2])


def test_first_direction_is_downhill_and_has_the_length_of_the_rule():
    gradient = draw(4, SIZE)
    found = Secants(gradient, SecantRule(first_step=0.3)).direction(torch.arange(4), gradient)
    torch.testing.assert_close(found, -0.3 * gradient / gradient.norm(dim=-1, keepdim=True))


def test_pairs_without_curvature_are_passed_over():
    gradient, step = draw(2, SIZE), draw(2, SIZE, seed=1)
    secants, rows = Secants(gradient), torch.arange(2)
    before = secants.direction(rows, gradient)
    for change in (-step, torch.zeros_like(step)):
        secants.remember(rows, step, change)
        assert torch.equal(secants.direction(rows, gradient), before)


def test_a_gradient_of_zero_gives_no_direction():
    nothing = torch.zeros(1, SIZE, **DOUBLE)
    assert torch.equal(Secants(nothing).direction(torch.tensor([0]), nothing), -nothing)


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


def test_curves_stop_after_idle_steps_or_failures():
    rule = Stopping(tolerance=1e-4, idle=2, patience=3)
    stuck = rule.is_stuck(torch.tensor([0, 2, 3, 3]))
    assert stuck.tolist() == [False, False, True, True]
    little = torch.tensor([True, True, True, False])
    found = rule.has_converged(torch.tensor([2, 1, 0, 0]), stuck, little)
    assert found.tolist() == [True, False, True, False]


# --- Damping and curvature ---


def test_damping_goes_up_steeply_down_gently_and_not_below_the_least():
    rule = Damping(least=1e-5, raising=100, easing=10)
    damping = torch.tensor([1e-5, 1e-3], **DOUBLE)
    torch.testing.assert_close(rule.raised(damping), torch.tensor([1e-3, 1e-1], **DOUBLE))
    torch.testing.assert_close(rule.eased(damping), torch.tensor([1e-5, 1e-4], **DOUBLE))


def test_factors_are_those_of_the_damped_matrices():
    normal = make_hessians(2)
    damping = torch.tensor([0.1, 10.0], **DOUBLE)
    factor = Damping(ridge=0.01).factorise(normal, damping)
    for i in range(2):
        diagonal = normal[i].diagonal()
        added = 0.01 * diagonal + damping[i] * diagonal.mean()
        torch.testing.assert_close(factor[i] @ factor[i].T, normal[i] + torch.diag(added))


def test_a_singular_matrix_can_be_solved_once_damped():
    normal = torch.diag_embed(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    factor = Damping().factorise(normal, torch.full((2,), Damping().least))
    assert torch.isfinite(factor).all()
    assert (factor.diagonal(dim1=-2, dim2=-1) > 0).all()


@pytest.fixture
def spline():
    controls = draw(3, 4, 2, seed=2)
    return CubicSpline(draw(3, 2), draw(3, 2, seed=1), controls)


@pytest.fixture
def curvature(spline):
    geometry = Wasserstein1(make_network("normal"))
    t = torch.linspace(0, 1, 9, **DOUBLE)
    return NormalMatrices(geometry, spline, t, refresh=2)


EVERYONE = torch.arange(3)


def test_solving_undoes_twice_the_damped_normal_matrix(curvature, spline):
    curvature.update(EVERYONE, spline.controls.flatten(1))
    points = spline(torch.linspace(0, 1, 9, **DOUBLE))
    normal = normal_matrix(curvature.geometry, points, curvature.basis)
    factor = Damping().factorise(normal, torch.full((3,), 1e-5, **DOUBLE))
    gradient = draw(3, 8, seed=3)
    found = curvature.solve(EVERYONE, gradient)  # (3, n)
    back = (2 * factor @ factor.mT @ found[..., None]).squeeze(-1)
    torch.testing.assert_close(back, gradient)


def test_a_matrix_serves_for_as_many_steps_as_asked(curvature, spline):
    here, there = spline.controls.flatten(1), spline.controls.flatten(1) + 0.3
    curvature.update(EVERYONE, here)
    first = curvature.factor.clone()
    curvature.succeed(EVERYONE)
    curvature.update(EVERYONE, there)
    assert torch.equal(curvature.factor, first)
    curvature.succeed(torch.tensor([1]))
    curvature.update(EVERYONE, there)
    changed = (curvature.factor != first).flatten(1).any(1)
    assert changed.tolist() == [False, True, False]


def test_fresh_curvature_that_fails_is_damped_until_it_succeeds(curvature, spline):
    controls, least = spline.controls.flatten(1), curvature.rule.least
    curvature.update(EVERYONE, controls)
    curvature.succeed(torch.tensor([1]))  # no longer fresh
    curvature.fail(torch.tensor([0, 1]))
    curvature.update(EVERYONE, controls)
    expected = torch.tensor([100 * least, least, least], **DOUBLE)
    torch.testing.assert_close(curvature.damping, expected)
    for _ in range(2):
        curvature.succeed(EVERYONE)
    curvature.update(EVERYONE, controls)
    expected = torch.tensor([10 * least, least, least], **DOUBLE)
    torch.testing.assert_close(curvature.damping, expected)


def test_directions_without_secants_are_those_of_gauss_newton(curvature, spline):
    controls, gradient = spline.controls.flatten(1), draw(3, 8, seed=3)
    directions = Directions(Secants(controls), curvature)
    found = directions.propose(EVERYONE, controls, gradient)
    torch.testing.assert_close(found, -curvature.solve(EVERYONE, gradient))
    directions.learn(EVERYONE, draw(3, 8, seed=4), draw(3, 8, seed=4))
    assert not torch.equal(directions.propose(EVERYONE, controls, gradient), found)
    directions.forget(EVERYONE)
    assert torch.equal(directions.propose(EVERYONE, controls, gradient), found)


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
    solver = SolverSettings(solver=name, max_iterations=7).make(
        Wasserstein1(make_network("normal"))
    )
    assert solver.max_iterations == 7
    assert callable(solver.minimize)


def test_a_name_of_no_solver_is_refused():
    with pytest.raises(DataError, match="'newton'; expected 'gauss-newton' or 'stochman'"):
        SolverSettings.parse('{"solver": "newton"}')
