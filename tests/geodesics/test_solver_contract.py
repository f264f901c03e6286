"""What every solver keeps to: a new one is tested by adding a line to the list."""

from dataclasses import dataclass

import pytest
import torch

import latent_transport as lt
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, make_network, make_plane

T = torch.linspace(0, 1, 16, **DOUBLE)
PAIRS = 5


@dataclass(frozen=True)
class Entry:
    """A solver: its public name, how it is configured, and what it promises beyond the least."""

    name: str
    options: dict[str, object]
    extra: str | None = None
    controls: bool = True  # starts from the control points given, and reports from there on
    tells: bool = True  # says converged only of what is within 1e-3 of a minimum


SOLVERS = [
    Entry("GaussNewton", {}),
    Entry("LBFGS", {}),
    Entry("Adam", {"max_iterations": 100}),
    Entry("StochMan", {"max_iterations": 60}, extra="stochman", controls=False, tells=False),
]


@pytest.fixture(params=SOLVERS, ids=lambda entry: entry.name)
def entry(request):
    if request.param.extra:
        pytest.importorskip(request.param.extra)
    return request.param


@pytest.fixture
def solver(entry):
    return getattr(lt, entry.name)(**entry.options)


@pytest.fixture(params=[torch.float64, torch.float32], ids=["double", "single"])
def dtype(request):
    return request.param


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def make_spline(dtype=torch.float64, bend=0.2):
    """Lines between random points, bent a little, so that no control point is where it belongs."""
    line = CubicSpline.straight(draw(PAIRS, 2), draw(PAIRS, 2, seed=1), 6)
    bent = line.controls + bend * draw(PAIRS, 6, 2, seed=2)
    return CubicSpline(line.start.to(dtype), line.end.to(dtype), bent.to(dtype))


def make_geometry(dtype=torch.float64):
    return Wasserstein1(make_network("logistic", dtype=dtype))


def take(spline, rows):
    return CubicSpline(spline.start[rows], spline.end[rows], spline.controls[rows])


def test_energy_never_ends_above_the_start(entry, solver, dtype):
    geometry, spline, t = make_geometry(dtype), make_spline(dtype), T.to(dtype)
    before = geometry.curve_energy(spline(t))
    if not entry.controls:  # it starts from the line
        before = geometry.curve_energy(CubicSpline.straight(spline.start, spline.end, 6)(t))
    curve, report = solver.minimize(geometry, spline, t)
    rounding = 1e-4 if dtype == torch.float32 else 1e-9
    torch.testing.assert_close(report.energy_history[0], before, rtol=rounding, atol=0)
    assert (report.energy <= report.energy_history[0]).all()
    assert (report.energy < 0.99 * before).any()
    torch.testing.assert_close(geometry.curve_energy(curve(t)), report.energy, rtol=1e-2, atol=0)


def test_ends_stay(solver, dtype):
    spline, t = make_spline(dtype), T.to(dtype)
    curve, _ = solver.minimize(make_geometry(dtype), spline, t)
    points = curve(t)
    assert points.shape == (PAIRS, len(t), 2)
    assert points.dtype == dtype
    assert not points.requires_grad
    rounding = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(points[:, 0], spline.start, rtol=0, atol=rounding)
    torch.testing.assert_close(points[:, -1], spline.end, rtol=0, atol=rounding)


def test_arguments_are_left_alone(solver):
    spline, t = make_spline(), T.clone()
    before = [x.clone() for x in (spline.start, spline.end, spline.controls, t)]
    solver.minimize(make_geometry(), spline, t)
    for old, new in zip(before, (spline.start, spline.end, spline.controls, t), strict=True):
        assert torch.equal(old, new)
        assert not new.requires_grad


def test_solving_twice_gives_the_same(solver):
    (one, first), (two, second) = (
        solver.minimize(make_geometry(), make_spline(), T) for _ in range(2)
    )
    assert torch.equal(one(T), two(T))
    assert torch.equal(first.energy_history, second.energy_history)


def test_a_curve_does_not_depend_on_its_companions(solver):
    geometry, spline = make_geometry(), make_spline()
    _, together = solver.minimize(geometry, spline, T)
    for rows in ([0], [1, 2], [3, 4]):
        _, apart = solver.minimize(geometry, take(spline, rows), T)
        steps = min(len(report.energy_history) for report in (apart, together))
        histories = apart.energy_history[:steps], together.energy_history[:steps, rows]
        torch.testing.assert_close(*histories, rtol=1e-6, atol=0)
        assert torch.equal(apart.iterations, together.iterations[rows])
        torch.testing.assert_close(apart.energy, together.energy[rows], rtol=1e-6, atol=0)
        assert apart.outcomes == [together.outcomes[row] for row in rows]


def test_the_order_of_curves_is_theirs(solver):
    geometry, spline = make_geometry(), make_spline()
    order = torch.tensor([3, 0, 4, 2, 1])
    curve, report = solver.minimize(geometry, spline, T)
    turned, other = solver.minimize(geometry, take(spline, order), T)
    torch.testing.assert_close(other.energy, report.energy[order], rtol=1e-6, atol=0)
    torch.testing.assert_close(turned(T), curve(T)[order], rtol=0, atol=1e-3)


def test_report_has_the_shapes_and_types_it_states(entry, solver, dtype):
    _, report = solver.minimize(make_geometry(dtype), make_spline(dtype), T.to(dtype))
    for name, kind in (
        ("outcome", torch.int64),
        ("converged", torch.bool),
        ("iterations", torch.int64),
        ("energy", dtype),
        ("gradient_norm", dtype),
    ):
        found = getattr(report, name)
        assert found.shape == (PAIRS,), name
        assert found.dtype == kind, name
    assert report.outcomes == [Outcome(value) for value in report.outcome.tolist()]
    expected = [outcome == Outcome.CONVERGED for outcome in report.outcomes]
    assert report.converged.tolist() == expected
    assert report.energy_history.shape[1] == PAIRS
    assert report.energy_history.dtype == dtype
    if entry.controls:
        assert len(report.energy_history) == report.iterations.max() + 1
        rounding = 8 * torch.finfo(dtype).eps  # of sums in another order
        assert (report.energy_history[1:] <= (1 + rounding) * report.energy_history[:-1]).all()
    assert torch.equal(report.energy_history[-1], report.energy)
    assert (report.gradient_norm >= 0).all()
    assert isinstance(report.seconds, float)
    assert report.seconds > 0


def test_converged_is_within_a_thousandth_of_a_minimum(entry, solver, dtype):
    if not entry.tells:
        pytest.skip("as published: it looks at its own progress only")
    spline, t = make_spline(dtype), T.to(dtype)
    curve, report = solver.minimize(make_geometry(dtype), spline, t)
    assert report.converged.sum() >= PAIRS - 1
    exact = make_spline()
    exact = CubicSpline(exact.start, exact.end, curve.controls.double())
    _, best = GaussNewton(tolerance=1e-9, max_iterations=300).minimize(make_geometry(), exact, T)
    right = report.energy.double() <= 1.001 * best.energy  # (PAIRS,)
    assert right[report.converged].all()


def test_no_step_is_no_word(entry, solver):
    if not entry.tells:
        pytest.skip("as published")
    solver = getattr(lt, entry.name)(**(entry.options | {"max_iterations": 1}))
    _, report = solver.minimize(make_geometry(), make_spline(), T)
    assert report.outcomes == [Outcome.BUDGET] * PAIRS
    assert report.iterations.tolist() == [1] * PAIRS


def test_where_the_decoder_ends_nothing_is_said_to_have_converged(entry, solver):
    if not entry.tells:
        pytest.skip("as published")

    def decoder(z):
        return torch.distributions.Normal(z.log(), 1.0)  # nan for some points of the bent curves

    broken = make_spline()
    whole = CubicSpline.straight(broken.start.abs() + 1, broken.end.abs() + 1, 6)
    rows = [i for i in range(PAIRS) if (take(broken, [i])(T) <= 0).any()]
    both = CubicSpline(
        *(
            torch.cat((getattr(broken, name)[rows], getattr(whole, name)))
            for name in ("start", "end", "controls")
        )
    )
    _, report = solver.minimize(Wasserstein1(decoder), both, T)
    assert report.outcomes[: len(rows)] == [Outcome.NOT_FINITE] * len(rows)
    assert len(rows) > 0
    assert report.converged[len(rows) :].all()


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_straight_problems_have_known_lengths(entry, solver, dims, dtype):
    problem = make_plane(dims).to(dtype)
    geometry = Wasserstein1(problem.decoder)
    spline = CubicSpline.straight(problem.z0, problem.z1, 6)
    bend = 0.1 * draw(*spline.controls.shape, seed=3).to(dtype)
    spline = CubicSpline(spline.start, spline.end, spline.controls + bend)
    curve, report = solver.minimize(geometry, spline, T.to(dtype))
    if entry.controls:
        assert (report.energy_history[0] > 1.001 * problem.length**2).all()
    torch.testing.assert_close(report.energy, problem.length**2, rtol=1e-2, atol=0)
    fine = curve(torch.linspace(0, 1, 65, dtype=dtype))
    torch.testing.assert_close(geometry.curve_length(fine), problem.length, rtol=1e-2, atol=0)
