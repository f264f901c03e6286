"""Checks of the tensors that a user gives; each error names the tensor and what was found."""

import torch
from torch import Tensor


def check_floating(name: str, x: object, shape: str = "(..., d)", *, verb: str = "is a") -> None:
    """Refuse what is no floating-point tensor.

    Parameters
    ----------
    name, verb : str
        How the message begins: "z is a ...", "codes are a ...".
    x : object
        What was given.
    shape : str
        The shape to name as expected.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        found = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(
            f"{name} {verb} {found}; expected a floating-point tensor {shape}: convert it with "
            f"torch.as_tensor({name}, dtype=torch.float32)"
        )


def check_points(name: str, x: Tensor) -> None:
    """Refuse what is no floating-point tensor (..., d) with d > 0.

    Raises
    ------
    TypeError
        If it is no floating-point tensor.
    ValueError
        If it has no dimension, or no entry along the last.
    """
    check_floating(name, x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; expected (..., d), d > 0")


def check_precision(name: str, x: Tensor) -> None:
    """Refuse half precision, in which distances of neighbours are all rounding.

    Raises
    ------
    TypeError
        If the tensor is of a dtype coarser than float32.
    """
    if torch.finfo(x.dtype).bits < 32:
        raise TypeError(
            f"{name} is {x.dtype} on {x.device}, too coarse to tell the points of a curve apart; "
            f"expected torch.float32 or torch.float64: convert points and decoder with .float()"
        )


def check_alike(name: str, x: Tensor, other: str, y: Tensor) -> None:
    """Refuse two tensors (..., d) of different dtype, device or d.

    Raises
    ------
    TypeError
        If dtype or device differ.
    ValueError
        If the last dimensions differ, or the others do not go together.
    """
    if x.dtype != y.dtype or x.device != y.device:
        raise TypeError(
            f"{name} is {x.dtype} on {x.device}, {other} {y.dtype} on {y.device}; expected the "
            f"same: convert one with .to(...)"
        )
    pairs = zip(reversed(x.shape[:-1]), reversed(y.shape[:-1]), strict=False)
    if x.shape[-1] != y.shape[-1] or any(m != n and 1 not in (m, n) for m, n in pairs):
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}, {other} {tuple(y.shape)}; expected (..., d) of "
            "both, with the same d"
        )


def check_finite(name: str, x: Tensor) -> None:
    """Refuse entries that are nan or infinite.

    Raises
    ------
    ValueError
        If there are any.
    """
    if not holds(torch.isfinite(x)):
        raise ValueError(f"{name} has entries that are not finite; remove those points")


def holds(condition: Tensor) -> bool:
    """Whether a condition holds everywhere, as far as that can be seen.

    Values cannot be seen on the meta device or in a program that is being compiled, nor be
    branched on under ``torch.vmap``.
    """
    if condition.is_meta or torch.compiler.is_compiling():
        return True
    try:
        return bool(condition.all())
    except RuntimeError:
        return True
