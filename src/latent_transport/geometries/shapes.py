"""Shapes: points and variables are flat here, whatever a decoder takes and gives."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

Value = TypeVar("Value")


@dataclass(frozen=True)
class Unflattened(Generic[Value]):
    """A decoder of latents that are not flat, as one of flat points (M, d).

    Two are equal that call one function with points of one shape.

    Parameters
    ----------
    function : callable
        Takes latents (M, *shape).
    shape : sequence of int
        Such as (4, 8, 8): channels, rows and columns. d is their product.

    Raises
    ------
    ValueError
        If the shape has no dimension, or one that is no positive whole number; from a call, if the
        points have not d coordinates.
    """

    function: Callable[[Tensor], Value]
    shape: tuple[int, ...]

    def __init__(self, function: Callable[[Tensor], Value], shape: Sequence[int]) -> None:
        sizes = tuple(shape) if isinstance(shape, Sequence) else ()
        if not sizes or not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError(
                f"latent_shape is {shape!r}; expected the shape of one latent, positive whole "
                "numbers such as (4, 8, 8), or None where latents are flat"
            )
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "shape", sizes)

    def __call__(self, z: Tensor) -> Value:
        """Return the function's value at points (M, d)."""
        dims = math.prod(self.shape)
        if z.shape[-1] != dims:
            raise ValueError(
                f"points have {z.shape[-1]} coordinates; latent_shape is {self.shape}, so that "
                f"flat points (..., {dims}) are expected: z.flatten(-{len(self.shape)}) flattens "
                f"latents (..., {', '.join(map(str, self.shape))})"
            )
        return self.function(z.unflatten(-1, self.shape))
