"""Quasi-Newton directions: the secants of a curve's own steps, on curvature if there is any."""

from functools import partial

from torch import Tensor

from latent_transport.geodesics.solvers.curvature import NormalMatrices
from latent_transport.geodesics.solvers.secants import Secants


class Directions:
    """Where the curves of a batch go next, by what their steps have taught.

    Parameters
    ----------
    secants : Secants
        Memory of the last steps; empty at first.
    curvature : NormalMatrices, optional
        What the secants correct. Without, they are all that is known: L-BFGS.
    """

    def __init__(self, secants: Secants, curvature: NormalMatrices | None = None) -> None:
        self.secants = secants
        self.curvature = curvature

    def propose(self, rows: Tensor, controls: Tensor, gradient: Tensor) -> Tensor:
        """Directions (b, n) for the curves ``rows`` (b,), at (b, n), with gradients (b, n)."""
        if self.curvature is None:
            return self.secants.direction(rows, gradient)
        self.curvature.update(rows, controls)
        return self.secants.direction(rows, gradient, partial(self.curvature.solve, rows))

    def learn(self, rows: Tensor, step: Tensor, change: Tensor) -> None:
        """Learn from accepted steps and their changes of gradient, (b, n) each."""
        self.secants.remember(rows, step, change)
        if self.curvature is not None:
            self.curvature.succeed(rows)

    def forget(self, rows: Tensor) -> None:
        """Forget the secants of curves (b,) which they sent uphill."""
        self.secants.forget(rows)

    def fail(self, rows: Tensor) -> None:
        """Drop what led to directions of curves (b,) that failed at short steps."""
        self.secants.forget(rows)
        if self.curvature is not None:
            self.curvature.fail(rows)
