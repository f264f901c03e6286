"""How far solvers are from the known answers of the zoo, by their default settings."""

import time
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import torch

from latent_transport.evidence.zoo.problems import Problem
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.base import Solver
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS

SOLVERS: Mapping[str, Solver] = {"Gauss-Newton": GaussNewton(), "L-BFGS": LBFGS()}
DTYPES = {"float64": torch.float64, "float32": torch.float32}


def solve_zoo(
    problems: Iterable[Problem],
    solvers: Mapping[str, Solver] = SOLVERS,
    dtypes: Mapping[str, torch.dtype] = DTYPES,
) -> pd.DataFrame:
    """Solve problems by each solver in each dtype: a row of :func:`solve_problem` for each.

    The columns ``solver`` and ``dtype`` have the names.
    """
    rows = [
        {**solve_problem(problem.to(dtype), solver), "solver": name, "dtype": precision}
        for problem in problems
        for precision, dtype in dtypes.items()
        for name, solver in solvers.items()
    ]
    first = ["problem", "kind", "note", "dimension", "pairs", "solver", "dtype"]
    table = pd.DataFrame(rows)
    return table[[*first, *table.columns.drop(first)]]


def solve_problem(problem: Problem, solver: Solver) -> dict[str, object]:
    """Solve a problem by a solver, all else by default, and compare lengths with distances.

    Returns
    -------
    dict
        ``problem``, ``kind``, ``note``, ``dimension`` and ``pairs``; ``converged``, the share of
        curves that the solver says have; the largest and the median error of all curves,
        ``worst_error`` and ``median_error``, and of those alone, ``worst_error_converged`` and
        ``median_error_converged``; ``seconds`` of the whole. Errors are relative to the distance,
        and in units of the data where it is 0.
    """
    begin = time.perf_counter()
    paths = connecting_geodesics(problem.geometry, problem.start, problem.end, solver=solver)
    length, converged = paths.length, paths.converged.cpu().numpy()  # (B,) each
    seconds = time.perf_counter() - begin
    errors = find_errors(length.double().cpu().numpy(), problem.distance.double().cpu().numpy())
    return {
        "problem": problem.name,
        "kind": problem.kind,
        "note": problem.note,
        "dimension": problem.dimension,
        "pairs": problem.pairs,
        "converged": converged.mean(),
        **_summarize(errors, ""),
        **_summarize(errors[converged], "_converged"),
        "seconds": seconds,
    }


def find_errors(length: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Errors (B,) of lengths (B,), relative to distances that are not 0; infinite for nan."""
    error = np.abs(length - distance) / np.where(distance == 0, 1, distance)
    return np.where(np.isnan(error), np.inf, error)


def _summarize(errors: np.ndarray, suffix: str) -> dict[str, float]:
    worst, median = (errors.max(), np.median(errors)) if len(errors) else (np.nan, np.nan)
    return {f"worst_error{suffix}": float(worst), f"median_error{suffix}": float(median)}
