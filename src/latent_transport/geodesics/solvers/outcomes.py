"""How the solution of a curve ended, in words."""

from enum import IntEnum


class Outcome(IntEnum):
    """How the solution of a curve ended.

    All but the first say why its length should not be taken for a distance.
    """

    CONVERGED = 0
    """At a local minimum of the energy, which a finer polygon confirms."""
    BUDGET = 1
    """Not at a minimum within ``max_iterations`` steps: allow more."""
    STALLED = 2
    """No step lowers the energy as its derivatives promise: it has kinks, or they are wrong."""
    SADDLE = 3
    """At a saddle of the energy when the steps ran out: start from elsewhere, or allow more."""
    ALIASING = 4
    """A finer polygon has another energy: raise ``points``, or what limits their refinement."""
    ROUNDING = 5
    """The decoder's rounding is too large a part of the energy: use float64."""
    NOT_FINITE = 6
    """The decoder's parameters are not finite along the curve, or close beside it."""
