"""Minima of quadratic models in a ball, against the dense secular equation and random points."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from latent_transport.geodesics.solvers.quadratic import minimize_quadratic
from tests.problems import DOUBLE

SIZE = 4


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def make_hessian(*eigenvalues, seed=0):
    values = torch.tensor(eigenvalues, **DOUBLE)
    vectors, _ = torch.linalg.qr(draw(len(values), len(values), seed=seed))
    return vectors @ torch.diag(values) @ vectors.T, vectors


def evaluate(hessian, gradient, step):
    """Value of the model at steps (..., k)."""
    return step @ gradient + 0.5 * (step * (step @ hessian)).sum(-1)


FAR = torch.full((3,), 1e9, **DOUBLE)  # a reach that nothing exceeds


def solve(hessian, gradient, radius, reach=FAR[:1]):
    radii = torch.tensor([radius], **DOUBLE)
    found = minimize_quadratic(hessian[None], gradient[None], radii, reach)
    return {name: value[0] for name, value in vars(found).items()}


def solve_secular(hessian, gradient, radius):
    """Boundary solution by a root of |(H + s)^-1 g| = radius, for g with a part in every mode."""
    eye = torch.eye(len(gradient), **DOUBLE)

    def excess(shift):
        return torch.linalg.solve(hessian + shift * eye, gradient).norm().item() - radius

    lowest = max(0.0, -torch.linalg.eigvalsh(hessian)[0].item()) + 1e-12
    shift = brentq(excess, lowest, lowest + gradient.norm().item() / radius + 1, xtol=1e-14)
    return -torch.linalg.solve(hessian + shift * eye, gradient)


def check(hessian, gradient, radius, expected):
    """Compare a solution with the step that is known."""
    found = solve(hessian, gradient, radius)
    torch.testing.assert_close(found["step"], expected, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(found["decrease"], -evaluate(hessian, gradient, expected))
    values, vectors = torch.linalg.eigh(hessian)
    torch.testing.assert_close(found["least"], values[0])
    torch.testing.assert_close((found["lowest"] @ vectors[:, 0]).abs(), torch.tensor(1.0, **DOUBLE))
    return found


def test_a_minimum_inside_is_newtons_step():
    hessian, _ = make_hessian(0.5, 1.0, 2.0, 30.0)
    gradient = draw(SIZE)
    newton = -torch.linalg.solve(hessian, gradient)
    found = check(hessian, gradient, 1.1 * newton.norm().item(), newton)
    torch.testing.assert_close(found["free"], newton)


def test_a_convex_model_whose_minimum_is_outside_ends_on_the_boundary():
    hessian, _ = make_hessian(0.5, 1.0, 2.0, 30.0)
    gradient = draw(SIZE)
    newton = -torch.linalg.solve(hessian, gradient)
    radius = 0.3 * newton.norm().item()
    found = check(hessian, gradient, radius, solve_secular(hessian, gradient, radius))
    assert found["step"].norm().item() == pytest.approx(radius)
    torch.testing.assert_close(found["free"], newton)  # the radius does not bind it


@pytest.mark.parametrize("radius", [1e-3, 1.0, 1e3])
def test_an_indefinite_model_ends_on_the_boundary(radius):
    hessian, _ = make_hessian(-2.0, -0.5, 1.0, 30.0)
    gradient = draw(SIZE)
    found = check(hessian, gradient, radius, solve_secular(hessian, gradient, radius))
    assert torch.equal(found["free"], found["step"])


@pytest.mark.parametrize("radius", [3.0, 100.0])
def test_the_hard_case_goes_along_the_lowest_eigenvector(radius):
    hessian, vectors = make_hessian(-2.0, 1.0, 2.0, 30.0)
    gradient = vectors @ torch.tensor([0.0, 1.0, -2.0, 3.0], **DOUBLE)
    found = solve(hessian, gradient, radius)
    inner = vectors[:, 1:] @ torch.tensor([-1 / 3, 2 / 4, -3 / 32], **DOUBLE)  # (H + 2)^-1 g
    beyond = (radius**2 - inner.square().sum()).sqrt()
    expected = -evaluate(hessian, gradient, inner + beyond * vectors[:, 0])
    torch.testing.assert_close(found["decrease"], expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(-evaluate(hessian, gradient, found["step"]), found["decrease"])
    assert found["step"].norm().item() == pytest.approx(radius)


def test_a_gradient_of_zero_leads_nowhere_but_down_a_saddle():
    convex, _ = make_hessian(0.5, 1.0, 2.0, 30.0)
    found = solve(convex, torch.zeros(SIZE, **DOUBLE), 2.0)
    assert torch.equal(found["step"], torch.zeros(SIZE, **DOUBLE))
    assert found["decrease"] == 0
    saddle, vectors = make_hessian(-2.0, 1.0, 2.0, 30.0)
    found = solve(saddle, torch.zeros(SIZE, **DOUBLE), 2.0)
    torch.testing.assert_close((found["step"] @ vectors[:, 0]).abs(), torch.tensor(2.0, **DOUBLE))
    torch.testing.assert_close(found["decrease"], torch.tensor(4.0, **DOUBLE))


def test_a_singular_model_is_minimised_too():
    hessian = torch.diag(torch.tensor([0.0, 1.0, 2.0], **DOUBLE))
    bounded = torch.tensor([0.0, 1.0, 1.0], **DOUBLE)
    found = solve(hessian, bounded, 10.0)
    assert found["decrease"].item() == pytest.approx(0.75)
    unbounded = torch.tensor([0.1, 1.0, 1.0], **DOUBLE)
    check(hessian, unbounded, 10.0, solve_secular(hessian, unbounded, 10.0))


def test_models_are_solved_one_by_one():
    matrices = [make_hessian(*values, seed=i)[0] for i, values in enumerate(VALUES)]
    gradients, radii = draw(3, 3), torch.tensor([0.1, 1.0, 10.0], **DOUBLE)
    together = minimize_quadratic(torch.stack(matrices), gradients, radii, FAR)
    for i in range(3):
        alone = solve(matrices[i], gradients[i], radii[i].item())
        torch.testing.assert_close(together.step[i], alone["step"])
        torch.testing.assert_close(together.decrease[i], alone["decrease"])


def test_eigenvalues_that_are_rounding_promise_no_more_than_the_reach():
    hessian, vectors = make_hessian(1e-12, 1.0, 2.0)
    gradient = vectors @ torch.tensor([1e-3, 0.5, -0.5], **DOUBLE)
    free = solve(hessian, gradient, 0.1, torch.tensor([2.0], **DOUBLE))["free"]
    expected = torch.tensor([-2.0, -0.5, 0.25], **DOUBLE)  # not a billion
    torch.testing.assert_close(vectors.T @ free, expected)


VALUES = [(1.0, 2.0, 3.0), (-1.0, 2.0, 3.0), (0.0, 0.0, 1.0)]

numbers = st.floats(-5, 5).map(lambda x: 0.0 if abs(x) < 1e-3 else x)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(numbers, min_size=3, max_size=3),
    st.lists(numbers, min_size=3, max_size=3),
    st.sampled_from([1e-4, 0.1, 1.0, 30.0]),
    st.sampled_from([1e-8, 1.0, 1e8]),
    st.integers(0, 9),
)
def test_no_point_within_the_radius_is_lower(values, along, radius, unit, seed):
    hessian, vectors = make_hessian(*sorted(values), seed=seed)
    hessian, gradient = unit * hessian, unit * (vectors @ torch.tensor(along, **DOUBLE))
    found = solve(hessian, gradient, radius)
    assert found["step"].norm() <= radius * (1 + 1e-6)
    value = evaluate(hessian, gradient, found["step"])
    scale = gradient.norm() * radius + hessian.abs().max() * radius**2
    assert abs(value + found["decrease"]) <= 1e-9 * scale
    points = draw(3000, 3, seed=seed + 1)
    lengths = torch.rand(3000, 1, generator=torch.Generator().manual_seed(seed), **DOUBLE)
    lengths[:1500] = 1  # half of them on the boundary
    points = radius * lengths ** (1 / 3) * points / points.norm(dim=-1, keepdim=True)
    assert value <= evaluate(hessian, gradient, points).min() + 1e-9 * scale


@pytest.mark.parametrize("radius", [0.1, 100.0])
def test_single_precision_gives_what_double_gives(radius):
    for i, values in enumerate([(0.5, 1.0, 30.0), (-2.0, 1.0, 30.0)]):
        hessian, _ = make_hessian(*values, seed=i)
        gradient = draw(3, seed=i)
        found = minimize_quadratic(
            hessian.float()[None], gradient.float()[None], torch.tensor([radius]), FAR[:1].float()
        )
        expected = solve(hessian, gradient, radius)
        torch.testing.assert_close(found.step[0].double(), expected["step"], rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(
            found.decrease[0].double(), expected["decrease"], rtol=1e-4, atol=0
        )
