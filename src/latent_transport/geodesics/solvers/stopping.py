"""The stopping rule: when a curve's own steps have nothing more to bring."""

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
        Idle steps in a row after which a curve leaves: steps that promise next to nothing, and
        bring no more.
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

    def is_done(self, idle: Tensor, failures: Tensor) -> Tensor:
        """Whether curves leave, after so many idle steps, or failed directions, in a row: (b,)."""
        return (idle >= self.idle) | (failures >= self.patience)
