"""Decoded latent points, as the geometries measure them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any

import torch
from torch import Tensor

from latent_transport.checks import holds
from latent_transport.distributions.family import Family

Index = int | slice | EllipsisType


@dataclass(frozen=True, eq=False)
class Decoded:
    """Distributions at latent points (...): a family, coordinates in it, and a weight if any.

    The derivatives of decoded points along an axis have the same form.

    Attributes
    ----------
    family : Family
        The family of the distributions.
    coordinates : Tensor, shape (..., C, D)
        C numbers for each of D variables.
    log_weights : tuple of Tensor, shape (..., 1, D) each
        Logarithms of the weights of weighted geometries, the outermost one's last; none where there
        is none. One number a point, as a view that repeats it for every variable, so that variables
        share no number and one sum of the residuals of all of them has all their partial
        derivatives.
    """

    family: Family[Any]
    coordinates: Tensor
    log_weights: tuple[Tensor, ...] = ()

    def __getitem__(self, index: Index | tuple[Index, ...]) -> "Decoded":
        """Choose among the leading dimensions (...)."""
        index = index if isinstance(index, tuple) else (index,)
        return self.apply(lambda x: x[(*index, slice(None), slice(None))])

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What there is to differentiate: the coordinates, and the log weights if there are any."""
        return (self.coordinates, *self.log_weights)

    @property
    def variables(self) -> int:
        """Number D of variables."""
        return self.coordinates.shape[-1]

    def numel(self) -> int:
        """Numbers that the points take."""
        return sum(x.numel() for x in self.tensors)

    def element_size(self) -> int:
        """Bytes that a number takes."""
        return self.coordinates.element_size()

    def apply(self, function: Callable[[Tensor], Tensor]) -> "Decoded":
        """Apply a function that keeps the last two dimensions to each of the tensors."""
        log_weights = tuple(function(x) for x in self.log_weights)
        return Decoded(self.family, function(self.coordinates), log_weights)

    def at(self, coordinates: Tensor) -> "Decoded":
        """Return the same points at other coordinates."""
        return replace(self, coordinates=coordinates)

    def weigh(self, log_weight: Tensor) -> "Decoded":
        """Return the same points with one log weight (...) more."""
        shape = (*self.coordinates.shape[:-2], 1, self.variables)
        repeated = log_weight[..., None, None].expand(shape)  # (..., 1, D)
        return replace(self, log_weights=(*self.log_weights, repeated))

    def peel(self) -> tuple["Decoded", Tensor]:
        """Return the points without their outermost log weight, and that one, (..., 1, D).

        Raises
        ------
        TypeError
            If there is none.
        """
        if not self.log_weights:
            raise TypeError(
                "the points have no weight; decode them with the weighted geometry itself"
            )
        *others, log_weight = self.log_weights
        return replace(self, log_weights=tuple(others)), log_weight

    def check_finite(self, name: str) -> None:
        """Refuse points, called ``name``, with a weight or coordinates that are not finite.

        Raises
        ------
        ValueError
            If there are any.
        """
        if not all(holds(torch.isfinite(log_weight)) for log_weight in self.log_weights):
            raise ValueError(
                f"the log density at {name} is not finite; check the density, and the range of the "
                "points"
            )
        if not holds(torch.isfinite(self.coordinates)):
            raise ValueError(
                f"the decoder's parameters at {name} are not finite; check the decoder's weights "
                "and the range of the points"
            )
