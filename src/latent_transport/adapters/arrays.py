"""Decoders of NumPy or JAX, as functions that torch can differentiate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

Arrays = Callable[[Any], Any]
"""From an array to what NumPy can make an array of, such as JAX's."""

COMPARED = 8  # points at which a Jacobian is compared with differences
STEPS = (5e-3, 3e-4, 1e-5)  # of these, as shares of the points' size
PRECISION = 1e-6  # in which a function computes at least, whatever the points' dtype
SHARE = 0.1  # by which the two may differ


def adapt_numpy(function: Arrays, jacobian: Arrays) -> Callable[[Tensor], Tensor]:
    r"""Make a decoder of a function of NumPy or JAX arrays and its Jacobian.

    It has first derivatives, forward and backward, which is all that geodesics need; it runs on the
    CPU and copies its results to the device of the points.

    Parameters
    ----------
    function : callable
        Latent points (M, d) to values (M, D), as arrays. Each point by itself.
    jacobian : callable
        Latent points (M, d) to :math:`\partial x_i / \partial z_j`, (M, D, d). For a ``decode`` of
        one point written in JAX, ``jax.vmap(jax.jacfwd(decode))``.

    Returns
    -------
    callable
        Latent points (M, d) to values (M, D): a tensor, which a geometry takes as Diracs, and a
        function of yours can make distributions of.

    Raises
    ------
    TypeError
        If one of the two is not callable.
    ValueError
        From a call, if one of them returns another shape; from the first that differentiates, if
        differences of ``function`` are nowhere near ``jacobian``.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> import latent_transport as lt
    >>> decoder = lt.adapt_numpy(
    ...     lambda z: np.concatenate((np.cos(z), np.sin(z)), -1),
    ...     lambda z: np.stack((-np.sin(z), np.cos(z)), 1),
    ... )
    >>> circle = lt.Wasserstein1(decoder)
    >>> lt.connecting_geodesics(circle, torch.zeros(1, 1), torch.ones(1, 1)).length
    tensor([1.0000])
    """
    for name, given in (("function", function), ("jacobian", jacobian)):
        if not callable(given):
            raise TypeError(
                f"{name} is a {type(given).__name__}; expected a function of arrays (M, d)"
            )
    arrays = _Arrays(function, jacobian)

    def decoder(z: Tensor) -> Tensor:
        return _Value.apply(z, arrays)

    return decoder


@dataclass
class _Arrays:
    """A function and its Jacobian, from tensors to tensors."""

    function: Arrays
    jacobian: Arrays
    compared: bool = False

    def compute(self, z: Tensor) -> Tensor:
        """Values (M, D) at points (M, d)."""
        found = self._call(self.function, z)
        if found.ndim != 2 or len(found) != len(z):
            raise ValueError(
                f"function maps points of shape {tuple(z.shape)} to {tuple(found.shape)}; expected "
                f"({len(z)}, D), D the number of variables"
            )
        return found

    def differentiate(self, z: Tensor) -> Tensor:
        """Jacobians (M, D, d) at points (M, d)."""
        found = self._call(self.jacobian, z)
        if found.ndim != 3 or (len(found), found.shape[2]) != tuple(z.shape):
            raise ValueError(
                f"jacobian maps points of shape {tuple(z.shape)} to {tuple(found.shape)}; expected "
                f"({len(z)}, D, {z.shape[1]}), derivatives along the last axis"
            )
        if not self.compared:
            self._compare(z[:COMPARED], found[:COMPARED])
            self.compared = True
        return found

    def _compare(self, z: Tensor, jacobian: Tensor) -> None:
        """Refuse Jacobians (m, D, d) that differences at points (m, d) are nowhere near.

        Differences over a kink, or over more than the function's own scale, may be wrong: one place
        and one step that agree will do.
        """
        scale = z.abs().max()
        scale = scale.where(scale > 0, 1)
        v = torch.linspace(1, 2, z.shape[1]).to(z)  # (d,)
        expected = jacobian @ v  # (m, D)
        for step in scale * torch.tensor(STEPS).to(z):
            ahead, behind = self.compute(z + step * v), self.compute(z - step * v)  # (m, D) each
            found = (ahead - behind) / (2 * step)  # (m, D)
            rounding = PRECISION / step * ahead.abs().amax(-1)  # (m,)
            size = torch.maximum(found.abs(), expected.abs()).amax(-1)  # (m,)
            apart = (found - expected).abs().amax(-1)  # (m,)
            if not (apart > SHARE * size + rounding).all():
                return
        raise ValueError(
            f"jacobian is not the derivative of function: at z = {z[0, :3].tolist()} ..., along a "
            f"positive direction, it gives {expected[0, :3].tolist()} ..., and differences of "
            f"function {found[0, :3].tolist()} ...; expected the same, but for rounding"
        )

    def _call(self, function: Arrays, z: Tensor) -> Tensor:
        return torch.from_numpy(np.array(function(z.detach().cpu().numpy()))).to(z)


def _by_rows(compute: Callable[[Tensor], Tensor], size: int, dim: int | None, z: Tensor) -> Any:
    """What a function of rows gives under vmap, and the dimension of it that is the batch's."""
    if dim is None:
        return compute(z), None
    rows = z.movedim(dim, 0).flatten(0, 1)  # (size M, d)
    return compute(rows).unflatten(0, (size, -1)), 0


class _Value(torch.autograd.Function):
    """Values of a function of arrays, whose derivatives are products with its Jacobian."""

    @staticmethod
    @override
    def forward(z: Tensor, arrays: _Arrays) -> Tensor:
        return arrays.compute(z)  # (M, D)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: tuple[Tensor, _Arrays], output: Tensor) -> None:
        z, ctx.arrays = inputs
        ctx.save_for_backward(z)
        ctx.save_for_forward(z)

    @staticmethod
    @override
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        (z,) = ctx.saved_tensors
        jacobian = _Jacobian.apply(z, ctx.arrays)  # (M, D, d)
        return (slope.unsqueeze(1) @ jacobian).squeeze(1), None  # (M, d)

    @staticmethod
    @override
    def jvp(ctx: Any, velocity: Tensor, _: None) -> Tensor:
        (z,) = ctx.saved_tensors
        jacobian = _Jacobian.apply(z, ctx.arrays)  # (M, D, d)
        return (jacobian @ velocity.unsqueeze(-1)).squeeze(-1)  # (M, D)

    @staticmethod
    @override
    def vmap(info: Any, in_dims: tuple[int | None, None], z: Tensor, arrays: _Arrays) -> Any:
        return _by_rows(
            lambda rows: _Value.apply(rows, arrays),
            info.batch_size,
            in_dims[0],
            z,
        )


class _Jacobian(torch.autograd.Function):
    """Jacobians of a function of arrays, which have no derivatives of their own."""

    @staticmethod
    @override
    def forward(z: Tensor, arrays: _Arrays) -> Tensor:
        return arrays.differentiate(z)  # (M, D, d)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: tuple[Tensor, _Arrays], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    @override
    def vmap(info: Any, in_dims: tuple[int | None, None], z: Tensor, arrays: _Arrays) -> Any:
        return _by_rows(
            lambda rows: _Jacobian.apply(rows, arrays),
            info.batch_size,
            in_dims[0],
            z,
        )
