r"""Log-probabilities of levels under discretised logistics.

The mass between two edges a < b in units of the scale is evaluated as

.. math:: \log(\sigma(b) - \sigma(a)) = \log\sigma(b) + \log\sigma(-a) + \log(1 - e^{a-b}),

which neither cancels nor underflows, whatever the scale. The end levels 0 and 255 collect the
tails: the first term is theirs, or the second. The probabilities are those of Salimans et al.
(2017), *PixelCNN++*, Eq. 2.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from typing_extensions import override

from latent_transport.kernels import native
from latent_transport.kernels.autograd import is_tracked
from latent_transport.kernels.constants import LEVELS
from latent_transport.kernels.dispatch import runs_in_c


def log_mass(level: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Natural logarithm of a level's probability, differentiable in location and scale.

    Parameters
    ----------
    level, loc, scale : Tensor
        Grey levels 0, ..., 255, and parameters in grey levels, scales positive; floating
        tensors, broadcastable.

    Returns
    -------
    Tensor, shape (...)
        Of the broadcast shape; differentiable any number of times, in both modes.
    """
    inputs = torch.broadcast_tensors(level, loc, scale)
    if runs_in_c(*inputs) and _suits(*inputs):
        return _InC.apply(is_tracked((loc, scale)), *inputs)
    return _evaluate(*inputs)


def _suits(level: Tensor, loc: Tensor, scale: Tensor) -> bool:
    """Whether the inputs have one dtype, and no derivatives are asked for but the gradients."""
    return (
        level.dtype == loc.dtype == scale.dtype
        and not level.requires_grad
        and all(unpack_dual(x).tangent is None for x in (level, loc, scale))
    )


def _evaluate(level: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    centred = level - loc  # (...)
    below = F.logsigmoid((centred + 0.5) / scale)  # (...)
    above = F.logsigmoid((0.5 - centred) / scale)  # (...)
    overlap = torch.log(-torch.expm1(-1 / scale))  # (...)
    inner = below + above + overlap  # (...)
    return torch.where(level < 0.5, below, torch.where(level > LEVELS - 1.5, above, inner))


class _InC(torch.autograd.Function):
    """The values by the library in C, and with them, if asked for, their first derivatives."""

    @staticmethod
    @override
    def forward(ctx: Any, tracked: bool, level: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        value = loc.new_empty(loc.shape)
        partials = loc.new_empty((2 if tracked else 0, *loc.shape))
        native.log_mass((level, loc, scale), value, partials)
        ctx.save_for_backward(level, loc, scale, partials)
        return value

    @staticmethod
    @override
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        level, loc, scale, partials = ctx.saved_tensors
        if not torch.is_grad_enabled():
            return None, None, grad * partials[0], grad * partials[1]
        # The gradient is to be differentiated itself.
        needed = ctx.needs_input_grad[2:]
        wanted = [x for x, is_needed in zip((loc, scale), needed, strict=True) if is_needed]
        value = _evaluate(level, loc, scale)  # (...)
        slopes = iter(torch.autograd.grad(value, wanted, grad, create_graph=True))
        return None, None, *(next(slopes) if is_needed else None for is_needed in needed)
