"""How errors are counted, and the table of solvers and precisions."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from latent_transport.evidence.zoo.collection import make_zoo
from latent_transport.evidence.zoo.solving import DTYPES, find_errors, solve_problem, solve_zoo
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.solvers.outcomes import Outcome

ZOO = make_zoo()
COLUMNS = ["problem", "kind", "note", "dimension", "pairs", "solver", "dtype", "converged"]
COLUMNS += ["worst_error", "median_error", "worst_error_converged", "median_error_converged"]
COLUMNS += ["seconds"]


@dataclass(frozen=True)
class Straight:
    """Leaves curves as they are, and says of some that they have converged."""

    converged: tuple[bool, ...]

    def minimize(self, geometry, spline, t):
        energy = geometry.polygon_energy(spline(t))
        steps = torch.zeros(len(energy), dtype=torch.int64)
        done = torch.tensor(self.converged)
        outcome = torch.where(done, int(Outcome.CONVERGED), int(Outcome.BUDGET))
        report = Report(outcome, steps, energy, 0 * energy, energy[None], 0.0)
        return lambda t: spline(t), report  # no spline, which would be refined


def test_errors_are_relative_but_where_the_distance_is_0():
    length, distance = np.array([1.1, 1.8, 0.25, np.nan]), np.array([1.0, 2.0, 0.0, 1.0])
    np.testing.assert_allclose(find_errors(length, distance), [0.1, 0.1, 0.25, np.inf])


def test_errors_of_the_converged_are_told_apart():
    problem = ZOO["hill, aside"]
    t = torch.linspace(0, 1, 257, dtype=torch.float64)[:, None]
    line = problem.geometry.curve_length(
        torch.lerp(problem.start[:, None], problem.end[:, None], t)
    )
    error = (line / problem.distance - 1).numpy()  # (4,)
    found = solve_problem(problem, Straight((True, False, True, False)))
    assert found["converged"] == 0.5
    assert found["worst_error"] == pytest.approx(error.max())
    assert found["median_error"] == pytest.approx(np.median(error))
    assert found["worst_error_converged"] == pytest.approx(error[[0, 2]].max())
    assert found["median_error_converged"] == pytest.approx(error[[0, 2]].mean())
    assert (found["problem"], found["dimension"], found["pairs"]) == ("hill, aside", 2, 4)


def test_where_none_converged_there_is_no_error_of_those():
    found = solve_problem(ZOO["hill"], Straight((False,)))
    assert np.isnan(found["worst_error_converged"])
    assert found["worst_error"] == pytest.approx(7.4097 / 4.9923 - 1, abs=1e-3)


def test_lengths_that_are_not_finite_are_infinitely_wrong():
    problem = ZOO["linear, W1"]
    wrong = replace(problem, distance=torch.full_like(problem.distance, torch.nan))
    assert solve_problem(wrong, Straight((True,) * 8))["worst_error"] == np.inf


def test_table_has_a_row_for_each_problem_precision_and_solver():
    problems = [ZOO["linear, W1"], ZOO["S^2"]]
    table = solve_zoo(problems)
    assert list(table.columns) == COLUMNS
    keys = table[["problem", "dtype", "solver"]].to_numpy().tolist()
    assert keys == [
        [problem.name, dtype, solver]
        for problem in problems
        for dtype in ("float64", "float32")
        for solver in ("Gauss-Newton", "L-BFGS")
    ]
    assert (table["worst_error"] < 1e-4).all()  # of a plane and of a sphere
    straight = table.groupby(["problem", "dtype"])["worst_error"].max()["linear, W1"]
    assert straight["float64"] < 1e-12 < straight["float32"] < 1e-5
    assert (table["seconds"] > 0).all()


def test_precisions_are_those_of_torch():
    assert {name: str(dtype) for name, dtype in DTYPES.items()} == {
        name: f"torch.{name}" for name in DTYPES
    }
