"""The stopping rule: when a curve is put to the second-order test, and when it is given up."""

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
        Idle steps in a row after which a curve is tested: steps that promise next to nothing, and
        bring no more.
    patience : int
        Directions in a row that may fail before the curve is tested, each time.
    tests : int
        Tests after failures before it is given up.
    """

    tolerance: float
    idle: int = 2
    patience: int = 2
    tests: int = 4

    def promises_little(self, promised: Tensor, before: Tensor) -> Tensor:
        """Whether directions promise next to nothing, of energies ``before``: (b,) each."""
        return promised <= self.tolerance * before

    def gains_much(self, before: Tensor, after: Tensor) -> Tensor:
        """Whether a step from energies ``before`` to ``after`` brings more than that: (b,) each."""
        return before - after > self.tolerance * before

    def is_idle(self, idle: Tensor) -> Tensor:
        """Whether curves (b,) have been idle long enough to be tested."""
        return idle >= self.idle

    def is_stuck(self, failures: Tensor) -> Tensor:
        """Whether enough directions of curves (b,) have failed in a row for a test."""
        return (failures > 0) & (failures % self.patience == 0)

    def is_spent(self, failures: Tensor) -> Tensor:
        """Whether curves (b,) have failed too often to go on."""
        return failures >= self.tests * self.patience
