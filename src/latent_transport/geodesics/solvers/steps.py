"""The step rule: what is tried along a direction, what is accepted, and when it is given up."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class StepRule:
    """Backtracking along a direction, by Armijo's rule (Nocedal & Wright 2006, Algorithm 3.1).

    A rate is the share of a direction that is tried.

    Attributes
    ----------
    first : float
        Rate that is tried first.
    sufficient : float
        Share of the promised decrease that a step must bring.
    contraction : float
        What the rate of a refused step is divided by.
    least : float
        Rate below which the direction has failed.
    """

    first: float = 1.0
    sufficient: float = 2e-4
    contraction: float = 4.0
    least: float = 1e-2

    def accepts(self, before: Tensor, after: Tensor, rate: Tensor, promised: Tensor) -> Tensor:
        """Whether energies decrease enough: (b,) each, False where ``after`` is nan.

        ``promised`` is the decrease at the whole direction, half the slope along it.
        """
        return after <= before - self.sufficient * rate * promised

    def contract(self, rate: Tensor) -> Tensor:
        """Rates to try after those that were refused."""
        return rate / self.contraction

    def fails(self, rate: Tensor) -> Tensor:
        """Whether rates are too short to be tried."""
        return rate < self.least
