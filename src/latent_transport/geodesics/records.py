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

CURVES = ("start", "end", "controls")
REPORT = tuple(field.name for field in fields(Report) if field.name != "seconds")
MEASURES = tuple(field.name for field in fields(Measures))
COUNTS = ("controls", "points")


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
    parts = (
        ("curve", solution.curve, CURVES),
        ("report", solution.report, REPORT),
        ("measures", solution.measures, MEASURES),
        ("solution", solution, COUNTS),
    )
    return {
        f"{part}.{name}": getattr(owner, name).detach().cpu().numpy()
        for part, owner, names in parts
        for name in names
    }


def from_arrays(arrays: Mapping[str, np.ndarray], seconds: float) -> Solution:
    """Make a solution of what :func:`to_arrays` gave, on the CPU.

    Raises
    ------
    KeyError
        If an array is missing.
    """

    def take(part: str, names: tuple[str, ...]) -> dict[str, Tensor]:
        return {name: torch.from_numpy(arrays[f"{part}.{name}"]) for name in names}

    return Solution(
        CubicSpline(**take("curve", CURVES)),
        Report(**take("report", REPORT), seconds=seconds),
        Measures(**take("measures", MEASURES)),
        **take("solution", COUNTS),
    )
