"""Automatic differentiation of kernels that return their value and its partial derivatives."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from typing_extensions import override

from latent_transport.checks import check_floating

Evaluate = Callable[[Sequence[Tensor], bool], tuple[Tensor, Tensor]]


def apply_kernel(evaluate: Evaluate, *inputs: Tensor) -> Tensor:
    """Value of a kernel, differentiable once in reverse and in forward mode.

    Parameters
    ----------
    evaluate
        Maps ``(inputs, with_partials)`` to the value ``(...)`` and the partial derivatives with
        respect to the N inputs, ``(N, ..., *event)``; without partials to an empty
        ``(0, ..., *event)``.
    inputs
        N tensors of one shape ``(..., *event)``, independent of each other over ``...``.
    """
    return _Kernel.apply(evaluate, is_tracked(inputs), *inputs)[0]


def prepare_inputs(**inputs: Tensor) -> tuple[list[Tensor], torch.dtype]:
    """Broadcast the inputs in one computing dtype; also the dtype of the result.

    Half precision is computed in float32.
    """
    for name, x in inputs.items():
        check_floating(name, x, "(...)", verb="is")
    dtype, *others = (x.dtype for x in inputs.values())
    for other in others:
        dtype = torch.promote_types(dtype, other)
    computing = torch.promote_types(dtype, torch.float32)
    return list(torch.broadcast_tensors(*(x.to(computing) for x in inputs.values()))), dtype


class _Kernel(torch.autograd.Function):
    """(value, partials); the partials are an output only so that they can be saved."""

    @staticmethod
    @override
    def forward(evaluate: Evaluate, with_partials: bool, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        return evaluate(inputs, with_partials)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        value, partials = output
        ctx.events = partials.ndim - 1 - value.ndim
        ctx.set_materialize_grads(False)  # the partials have no gradient; zeros would cost as much
        ctx.save_for_backward(partials)
        ctx.save_for_forward(partials)

    @staticmethod
    @override
    def backward(ctx: Any, grad: Tensor | None, _partials: None) -> tuple[Tensor | None, ...]:
        (partials,) = ctx.saved_tensors
        if grad is None:
            return None, None, *(None for _ in partials)
        if is_tracked((partials,)):
            partials = _Once.apply(partials)
        for _ in range(ctx.events):
            grad = grad.unsqueeze(-1)
        # One tensor each, so that a leaf can keep its own instead of copying it.
        return None, None, *(grad * partial for partial in partials)

    @staticmethod
    @override
    def jvp(
        ctx: Any, _evaluate: None, _with_partials: None, *tangents: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        (partials,) = ctx.saved_tensors
        tangent: Any = sum(  # a tensor: at least one of the inputs has a tangent
            partial * t
            for partial, t in zip(_Once.apply(partials), tangents, strict=True)
            if t is not None
        )
        for _ in range(ctx.events):
            tangent = tangent.sum(-1)
        return tangent, partials.new_zeros(()).expand_as(partials)

    @staticmethod
    @override
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        evaluate: Evaluate,
        with_partials: bool,
        *inputs: Tensor,
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        inputs = torch.broadcast_tensors(
            *(
                x if dim is None else x.movedim(dim, 0)
                for x, dim in zip(inputs, in_dims[2:], strict=True)
            )
        )
        # Gradients may be taken inside the map, which asked, or around it, which shows only here.
        with_partials = with_partials or is_tracked(inputs)
        return _Kernel.apply(evaluate, with_partials, *inputs), (0, 1)


class _Once(torch.autograd.Function):
    """Identity that refuses to be differentiated: second derivatives fail loudly, not silently."""

    generate_vmap_rule = True

    @staticmethod
    @override
    def forward(partials: Tensor) -> Tensor:
        return partials.view_as(partials)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    @override
    def backward(ctx: Any, _: Tensor) -> NoReturn:
        raise NotImplementedError(_ONCE)

    @staticmethod
    @override
    def jvp(ctx: Any, _: Tensor) -> NoReturn:
        raise NotImplementedError(_ONCE)


_ONCE = (
    "Wasserstein-1 was differentiated twice, but its kernel has a first derivative only: the "
    "gradient jumps whenever a crossing of the two cdfs passes an edge. Use a first-order or "
    "Gauss-Newton method, or detach the gradient before using it in a loss."
)


def is_tracked(inputs: Sequence[Tensor]) -> bool:
    """Whether a derivative by one of the inputs may be asked for, in either mode."""
    return any(
        (torch.is_grad_enabled() and x.requires_grad) or unpack_dual(x).tangent is not None
        for x in inputs
    )
