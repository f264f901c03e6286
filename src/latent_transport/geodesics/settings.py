"""How geodesics are solved, as one object that is parsed once and handed on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from torch import Tensor

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geodesics.refinement import Count
from latent_transport.geodesics.solvers.base import Solver
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.names import SOLVERS
from latent_transport.geometries.base import Geometry
from latent_transport.storage import DataError


@dataclass(frozen=True)
class SolverSettings:
    """How geodesics are solved: the config's section ``geodesics``, less what is not the solver's.

    Attributes
    ----------
    solver : {"gauss-newton", "stochman"}
        Ours, or as published.
    controls : int or "auto"
        Free control points of each spline, or as many as each needs.
    points : int or "auto"
        Points at which the minimised energy is evaluated, or as many as each curve needs.
    max_iterations : int
        Largest number of steps.
    tolerance : float
        Share of its energy that a converged curve may lie above its local minimum.

    Raises
    ------
    DataError
        If there is no solver of that name, or a number is none or out of its range.
    """

    solver: str = "gauss-newton"
    controls: Count = "auto"
    points: Count = "auto"
    max_iterations: int = 200
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise DataError(
                f"solver is {self.solver!r}; expected {' or '.join(map(repr, SOLVERS))}"
            )
        for name, least in (("controls", 2), ("points", 3), ("max_iterations", 1)):
            value = getattr(self, name)
            if value == "auto" and name != "max_iterations":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                also = "" if name == "max_iterations" else ', or "auto"'
                raise DataError(
                    f"{name} is {value!r}; expected a whole number, {least} or more{also}"
                )
        if not isinstance(self.tolerance, int | float) or not 0 <= self.tolerance < 1:
            raise DataError(f"tolerance is {self.tolerance!r}; expected a number from 0, below 1")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read settings from a JSON object; what it leaves out keeps its default.

        Raises
        ------
        DataError
            If the text is no JSON object, or has a key that is no setting, or names no solver.
        """
        try:
            given = json.loads(text)
        except ValueError as error:
            raise DataError(f"solver settings {text!r} are no JSON: {error}") from error
        names = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping) or not set(given) <= set(names):
            raise DataError(
                f"solver settings are {text}; expected an object with keys among {', '.join(names)}"
            )
        return cls(**given)

    def make(self, *, progress: str | None = None) -> Solver:
        """Return the solver.

        ``progress`` is the label of a progress bar; there is none without, nor for StochMan.

        Raises
        ------
        ImportError
            If StochMan is to solve, but is not installed.
        """
        most = self.max_iterations
        if self.solver == "stochman":
            from latent_transport.geodesics.stochman import StochMan  # needs an extra

            return StochMan(max_iterations=most)
        return GaussNewton(max_iterations=most, tolerance=self.tolerance, progress=progress)

    def connect(
        self,
        geometry: Geometry,
        z0: Tensor,
        z1: Tensor,
        *,
        progress: str | None = None,
        **options: Any,
    ) -> Geodesics:
        """Compute geodesics with these settings between endpoints (B, d) or (d,).

        ``options`` are those of :func:`connecting_geodesics`, whose result and errors it has, and
        which come before the settings; ``progress`` is as for :meth:`make`.
        """
        solver = self.make(progress=progress)
        options = {"controls": self.controls, "points": self.points, **options}
        return connecting_geodesics(geometry, z0, z1, solver=solver, **options)
