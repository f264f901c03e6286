"""Secants: what the last steps of each curve tell of its energy's curvature."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

InverseHessian = Callable[[Tensor], Tensor]
"""Gradients (b, n) to quasi-Newton steps uphill (b, n)."""


@dataclass(frozen=True)
class SecantRule:
    """Which secants are kept and used.

    Attributes
    ----------
    remembered : int
        Steps that are remembered.
    least_cosine : float
        Cosine of a step and its change of gradient at which the pair begins to count.
    """

    remembered: int = 8
    least_cosine: float = 1e-10


class Secants:
    """The last steps of each curve and the changes of gradient that went with them.

    Parameters
    ----------
    like : Tensor, shape (B, n)
        Of the shape, dtype and device of the steps.
    rule : SecantRule, optional
        Which are kept and used.
    """

    def __init__(self, like: Tensor, rule: SecantRule | None = None) -> None:
        self.rule = rule or SecantRule()
        self.steps = like.new_zeros(self.rule.remembered, *like.shape)  # (m, B, n), newest last
        self.changes = torch.zeros_like(self.steps)  # (m, B, n)

    def remember(self, rows: Tensor, step: Tensor, change: Tensor) -> None:
        """Add a step and its change of gradient, (b, n) each, and drop the oldest."""
        for kept, new in ((self.steps, step), (self.changes, change)):
            kept[:-1, rows] = kept[1:, rows]
            kept[-1, rows] = new

    def forget(self, rows: Tensor) -> None:
        """Drop all secants of the curves ``rows`` (b,)."""
        self.steps[:, rows] = 0
        self.changes[:, rows] = 0

    def direction(self, rows: Tensor, gradient: Tensor, initial: InverseHessian) -> Tensor:
        """Quasi-Newton direction: two-loop recursion (Nocedal & Wright 2006, Algorithm 7.4).

        Pairs without curvature are passed over.

        Parameters
        ----------
        rows : Tensor of int64, shape (b,)
            Curves to turn.
        gradient : Tensor, shape (b, n)
            Gradients of their energies.
        initial : callable
            The inverse Hessian that the secants correct.

        Returns
        -------
        Tensor, shape (b, n)
        """
        steps, changes = self.steps[:, rows], self.changes[:, rows]  # (m, b, n)
        curvature = (steps * changes).sum(-1)  # (m, b)
        least = self.rule.least_cosine * steps.norm(dim=-1) * changes.norm(dim=-1)  # (m, b)
        useful = curvature > least  # (m, b)
        rho = torch.where(useful, 1 / torch.where(useful, curvature, 1), 0)  # (m, b)
        q, alphas = gradient, []
        for step, change, weight in zip(steps.flip(0), changes.flip(0), rho.flip(0), strict=True):
            alpha = weight * (step * q).sum(-1)  # (b,)
            q = q - alpha[:, None] * change
            alphas.append(alpha)
        q = initial(q)  # (b, n)
        for step, change, weight, alpha in zip(steps, changes, rho, reversed(alphas), strict=True):
            beta = weight * (change * q).sum(-1)  # (b,)
            q = q + (alpha - beta)[:, None] * step
        return -q
