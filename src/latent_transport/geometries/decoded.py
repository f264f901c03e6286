"""Decoded latent points, as the geometries measure them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from latent_transport.checks import holds
from latent_transport.distributions.family import Family

Index = int | slice | EllipsisType


@dataclass(frozen=True)
class Side:
    """The part that one of several decoders has in points that hold what all of them give.

    Attributes
    ----------
    family : Family
        The family of its distributions.
    rows, variables : int
        Their coordinates and number, C and D.
    weights : int
        How many log weights its points have.
    sides : tuple of Side
        Its own parts, where it holds several decoders' points itself.
    """

    family: Family[Any]
    rows: int
    variables: int
    weights: int
    sides: tuple["Side", ...]


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
    sides : tuple of Side
        Whose the variables are where several decoders' points lie side by side, see :meth:`join`;
        the family is then that of the first. None otherwise.
    """

    family: Family[Any]
    coordinates: Tensor
    log_weights: tuple[Tensor, ...] = ()
    sides: tuple[Side, ...] = ()

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
        return replace(self, coordinates=function(self.coordinates), log_weights=log_weights)

    def at(self, coordinates: Tensor) -> "Decoded":
        """Return the same points at other coordinates."""
        return replace(self, coordinates=coordinates)

    def velocity(self, coordinates: Tensor) -> "Decoded":
        """Return velocities (..., C, D) of the coordinates, without those of the weights."""
        return replace(self, coordinates=coordinates, log_weights=())

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

    @classmethod
    def join(cls, points: Sequence["Decoded"]) -> "Decoded":
        """Lay what several decoders give at the same points (...) side by side.

        Their variables follow each other, those with fewer coordinates filled up by zeros: so each
        residual still depends on its own variable alone. A log weight is 0 for all variables but
        its own decoder's.
        """
        rows = max(map(_rows, points))
        coordinates = [F.pad(p.coordinates, (0, 0, 0, rows - _rows(p))) for p in points]
        log_weights, before = [], 0
        total = sum(p.variables for p in points)
        for p in points:
            after = total - before - p.variables
            log_weights += [F.pad(weight, (before, after)) for weight in p.log_weights]
            before += p.variables
        sides = (Side(p.family, _rows(p), p.variables, len(p.log_weights), p.sides) for p in points)
        return cls(points[0].family, torch.cat(coordinates, -1), tuple(log_weights), tuple(sides))

    def split(self) -> list["Decoded"]:
        """Return the points of each decoder again, which :meth:`join` laid side by side.

        Velocities without weights have none here either.
        """
        parts, before, others = [], 0, self.log_weights
        for side in self.sides:
            columns = slice(before, before + side.variables)
            own, others = others[: side.weights], others[side.weights :]
            coordinates = self.coordinates[..., : side.rows, columns]  # (..., C, D)
            weights = tuple(weight[..., columns] for weight in own)  # (..., 1, D) each
            parts.append(Decoded(side.family, coordinates, weights, side.sides))
            before = columns.stop
        return parts

    @property
    def finite(self) -> Tensor:
        """Whether each point's coordinates, and weights if any, are finite: bool, shape (...)."""
        return torch.stack([torch.isfinite(x).all(-1).all(-1) for x in self.tensors]).all(0)

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


def _rows(p: Decoded) -> int:
    """Number C of coordinates."""
    return p.coordinates.shape[-2]
