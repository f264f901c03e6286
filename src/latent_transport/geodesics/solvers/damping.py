"""Damping of normal matrices, by Levenberg and by Marquardt."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Damping:
    """What is added to the diagonal of a normal matrix, and how it adapts to each curve.

    Attributes
    ----------
    least : float
        Least damping, in means of the diagonal (Levenberg 1944). It holds back the directions in
        which the decoder is flat, along which a quadratic model reaches farthest beyond where it
        is right.
    raising : float
        What a curve's damping is multiplied by where a fresh matrix fails.
    easing : float
        What it is divided by at the next matrix after a success.
    ridge : float
        Share of each entry of the diagonal that is added to it (Marquardt 1963).
    """

    least: float = 1e-5
    raising: float = 100.0
    easing: float = 10.0
    ridge: float = 1e-4

    def raised(self, damping: Tensor) -> Tensor:
        """Dampings (b,) after a failure."""
        return damping * self.raising

    def eased(self, damping: Tensor) -> Tensor:
        """Dampings (b,) after a success; none is less than the least."""
        return (damping / self.easing).clamp(min=self.least)

    def factorise(self, normal: Tensor, damping: Tensor) -> Tensor:
        """Cholesky factors of normal matrices (b, n, n) with dampings (b,): (b, n, n)."""
        diagonal = normal.diagonal(dim1=-2, dim2=-1)  # (b, n)
        floor = damping[:, None] * diagonal.mean(-1, keepdim=True)  # (b, 1)
        floor = floor + torch.finfo(normal.dtype).tiny
        added = torch.diag_embed(self.ridge * diagonal + floor)  # (b, n, n)
        factor, _ = torch.linalg.cholesky_ex(normal + added)
        return factor
