"""The solver that a call asks for: an object, or a name."""

from collections.abc import Callable
from dataclasses import is_dataclass, replace
from typing import Any, cast

from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.base import Solver
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS

LABEL = "geodesics"  # of the progress bar


def _make_stochman() -> Solver:
    from latent_transport.geodesics.stochman import StochMan  # needs an extra

    return StochMan()


_MAKERS: dict[str, Callable[[], Solver]] = {
    "gauss-newton": GaussNewton,
    "lbfgs": LBFGS,
    "adam": Adam,
    "stochman": _make_stochman,
}


def choose_solver(solver: Solver | str | None, *, progress: bool = False) -> Solver:
    """Return the solver of that name, with its defaults, or the one given.

    Parameters
    ----------
    solver : Solver, str or None
        ``None`` stands for ``"gauss-newton"``.
    progress : bool
        Whether it is to show a progress bar; a solver of another's making, or StochMan, has none.

    Raises
    ------
    ValueError
        If no solver has that name.
    TypeError
        If it is neither a name nor a solver.
    ImportError
        If StochMan is to solve, but is not installed.
    """
    if solver is None:
        solver = "gauss-newton"
    if isinstance(solver, str):
        if solver not in _MAKERS:
            names = ", ".join(f'"{name}"' for name in _MAKERS)
            raise ValueError(f"solver is {solver!r}; expected one of {names}, or a solver object")
        found = _MAKERS[solver]()
    elif isinstance(solver, type):
        raise TypeError(
            f"solver is the class {solver.__name__}; expected an object: {solver.__name__}()"
        )
    elif not callable(getattr(solver, "minimize", None)):
        raise TypeError(
            f"solver is a {type(solver).__name__}; expected a solver such as GaussNewton(), or its "
            f"name: {', '.join(_MAKERS)}"
        )
    else:
        found = solver
    if progress and is_dataclass(found) and getattr(found, "progress", "") is None:
        return cast(Solver, replace(cast(Any, found), progress=LABEL))
    return found
