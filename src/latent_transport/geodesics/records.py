"""Solved curves as named arrays, for files that hold numbers and no code."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.refinement import Solution
from latent_transport.geodesics.solvers.base import Report
from latent_transport.geodesics.verification import Measures

PARTS = {
    "curve": ("start", "end", "controls"),
    "report": tuple(field.name for field in fields(Report) if field.name != "seconds"),
    "measures": tuple(field.name for field in fields(Measures)),
    "solution": ("controls", "points"),
}
NAMES = tuple(f"{part}.{name}" for part, names in PARTS.items() for name in names)
"""Names of the arrays of a solution."""


def to_arrays(solution: Solution) -> dict[str, np.ndarray]:
    """Arrays of a solution, all but the seconds that it took.

    Raises
    ------
    TypeError
        If its curves are no splines of ours.
    """
    if not isinstance(solution.curve, CubicSpline):
        raise TypeError(
            "only geodesics that are cubic splines can be saved, not those of a solver with curves "
            "of its own, such as StochMan; save points on them: paths(t)"
        )
    owners = {
        "curve": solution.curve,
        "report": solution.report,
        "measures": solution.measures,
        "solution": solution,
    }
    return {
        f"{part}.{name}": getattr(owners[part], name).detach().cpu().numpy()
        for part, names in PARTS.items()
        for name in names
    }


def from_arrays(arrays: Mapping[str, np.ndarray], seconds: float) -> Solution:
    """Make a solution of what :func:`to_arrays` gave, on the CPU: arrays of all :data:`NAMES`."""

    def take(part: str) -> dict[str, Tensor]:
        return {name: torch.from_numpy(arrays[f"{part}.{name}"]) for name in PARTS[part]}

    return Solution(
        CubicSpline(**take("curve")),
        Report(**take("report"), seconds=seconds),
        Measures(**take("measures")),
        **take("solution"),
    )
