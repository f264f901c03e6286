"""The stopping rule: when a curve has converged, and when it is given up."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Stopping:
    """When a curve leaves the batch.

    Attributes
    ----------
    tolerance : float
        Share of a curve's energy below which a decrease is next to nothing.
    idle : int
        Idle steps in a row after which a curve has converged: steps that promise next to nothing,
        and bring no more.
    patience : int
        Directions in a row that may fail.
    """

    tolerance: float
    idle: int = 2
    patience: int = 2

    def promises_little(self, promised: Tensor, before: Tensor) -> Tensor:
        """Whether directions promise next to nothing, of energies ``before``: (b,) each."""
        return promised <= self.tolerance * before

    def gains_much(self, before: Tensor, after: Tensor) -> Tensor:
        """Whether a step from energies ``before`` to ``after`` brings more than that: (b,) each."""
        return before - after > self.tolerance * before

    def is_stuck(self, failures: Tensor) -> Tensor:
        """Whether so many directions failed in a row that the curve is given up."""
        return failures == self.patience

    def has_converged(self, idle: Tensor, stuck: Tensor, little: Tensor) -> Tensor:
        """Whether curves have converged: (b,) each.

        A curve that is stuck has, where its last direction promised next to nothing: it is at a
        kink of its energy, or as low as rounding lets it be.
        """
        return (idle == self.idle) | (stuck & little)
