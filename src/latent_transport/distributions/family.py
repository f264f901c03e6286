"""What a family of decoder distributions is: coordinates, and distances between members.

A family turns a :class:`torch.distributions.Distribution` of batch shape (..., D) into one tensor
of coordinates (..., C, D), C numbers a variable, in which decoders are differentiated, and holds
the closed forms of the distances in those coordinates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution

Member = TypeVar("Member", bound=Distribution)


class Family(ABC, Generic[Member]):
    """One parametric family of one-dimensional distributions, in coordinates (..., C, D)."""

    plural: str  # what its members are called in messages
    fisher_rao_is_distance = True  # at any distance; else for neighbours only

    @abstractmethod
    def coordinates(self, distribution: Member) -> Tensor:
        """Coordinates of the distributions: batch shape (..., D) to (..., C, D)."""

    @abstractmethod
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        """W1 of each variable: (..., C, D) twice to (..., D), in units of the data."""

    @abstractmethod
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        r"""Local norm :math:`\lim_{\epsilon \to 0} W_1(p, p + \epsilon\,dp) / \epsilon`: (..., D).

        It is 1-homogeneous in ``dp`` and differentiable in it almost everywhere.
        """

    @abstractmethod
    def mean(self, p: Tensor) -> Tensor:
        """Mean of each variable: (..., C, D) to (..., D), in units of the data."""

    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Residuals (..., M, D) whose squares add up to W2 squared of each variable.

        Raises
        ------
        TypeError
            If the family has no such form.
        """
        self._refuse("Wasserstein-2 distance", "wasserstein2_residuals")

    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Residuals (..., M, D) whose squares add up to each variable's squared Fisher-Rao length.

        Raises
        ------
        TypeError
            If the family has no such form.
        """
        self._refuse("Fisher-Rao distance", "fisher_rao_residuals")

    def _refuse(self, distance: str, method: str) -> NoReturn:
        """Say which families, of all that there are, have a method of their own."""
        families = [
            x for x in Family.__subclasses__() if getattr(x, method) is not vars(Family)[method]
        ]
        *others, last = sorted((family.plural for family in families), key=str.lower)
        raise TypeError(
            f"the {distance} of {self.plural} is not supported, only that of {', '.join(others)} "
            f"and {last}; use the Wasserstein1 or the Euclidean geometry"
        )


def divide_by_argument(
    function: Callable[[Tensor], Tensor], square: Tensor, third: float
) -> Tensor:
    """f(x) / x from x squared, for f(x) = x + third x^3 + ...; smooth at 0."""
    close = square < 1e-6
    x = torch.where(close, 1, square).sqrt()
    return torch.where(close, 1 + third * square, function(x) / x)
