"""The trust region: how far a model is followed."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrustRegion:
    """Radii that follow the success of models (Conn, Gould & Toint 2000, *Trust-region methods*).

    The quality of a step is the decrease of energy that it brought over what was promised.

    Attributes
    ----------
    first : float
        First radius, in roots of the energy.
    least : float
        Radius at which a curve is given up, in roots of the energy that is as good as nothing.
    sufficient : float
        Quality from which a step is taken.
    poor, fine : float
        Qualities below which the radius shrinks, and above which it grows.
    shrinking, growing : float
        Factors of the radius.
    cramped : float
        Radius, in roots of the energy, below which the norm itself is in doubt.
    calming : float
        Share of the gradient that a good model's step leaves at most.
    """

    first: float = 1.0
    least: float = 1e-2
    sufficient: float = 0.05
    poor: float = 0.25
    fine: float = 0.75
    shrinking: float = 0.25
    growing: float = 2.0
    cramped: float = 0.1
    calming: float = 0.5

    def accepts(self, quality: Tensor) -> Tensor:
        """Whether steps of these qualities (b,) are taken; none with nan is."""
        return quality >= self.sufficient

    def confirms(self, quality: Tensor) -> Tensor:
        """Whether qualities (b,) say that the model was right."""
        return (quality >= self.fine) & (quality <= 1 / self.fine)

    def is_cramped(self, radius: Tensor, energy: Tensor) -> Tensor:
        """Whether radii (b,) are so small that the norm must be to blame, for energies (b,)."""
        return radius < self.cramped * energy.sqrt()

    def follow(self, quality: Tensor, radius: Tensor, length: Tensor) -> Tensor:
        """Radii (b,) after steps of given qualities and lengths."""
        shrunk = self.shrinking * torch.minimum(radius, length)  # (b,)
        grown = torch.maximum(radius, self.growing * length)  # (b,)
        radius = torch.where(quality >= self.fine, grown, radius)
        return torch.where(quality >= self.poor, radius, shrunk)  # nan shrinks it
