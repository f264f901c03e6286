r"""Fisher information of discretised logistics on the 256 grey levels.

With a and b the lower and upper edge of level k in units of the scale s, measured from the
location m, and :math:`p = \sigma(b) - \sigma(a)`, the scores of the level are

.. math:: s\,\partial_m \log p = -\rho, \quad s\,\partial_s \log p = -\tau, \qquad
          \rho = 1 - \sigma(a) - \sigma(b), \quad \tau = b B - a A,

where :math:`A = \sigma'(a)/p` and :math:`B = \sigma'(b)/p`. The information times :math:`s^2` is
the sum of :math:`p (\rho^2, \rho\tau, \tau^2)` over the levels. Its derivatives follow from

.. math:: s\,\partial_m \rho = p (A + B), \quad s\,\partial_s \rho = p (a A + b B), \\
          s\,\partial_m \tau = s\,\partial_s \rho - \rho, \quad
          s\,\partial_s \tau = p (a^2 A + b^2 B) + h^2 A B - \tau, \qquad h = 1/s .

Everything is written without a difference of neighbouring numbers. The end levels collect the
tails: a or b is infinite there, and A or B zero.
"""

import torch
from torch import Tensor

from latent_transport.kernels.autograd import apply_kernel, prepare_inputs
from latent_transport.kernels.blocks import choose_size, map_blocks
from latent_transport.kernels.logistic import LIMIT, MIN_SCALE
from latent_transport.likelihoods import LEVELS

LEVELS_AT_ONCE = 16
BLOCK = 4096  # distributions a block; times the levels at once, what the second-level cache holds
U_MAX = 80.0  # the sigmoid of -80 is nothing, and yet a normal number in single precision


def logistic_information(loc: Tensor, scale: Tensor) -> Tensor:
    r"""Fisher information of discretised logistics in (location, scale), times the scale squared.

    Parameters
    ----------
    loc, scale : Tensor
        Parameters in grey levels, broadcastable; scales below 1e-5 count as 1e-5.

    Returns
    -------
    Tensor, shape (..., 3)
        Entries mm, ms, ss of the dimensionless :math:`s^2 I(m, s)`; 1/3, 0 and
        :math:`(3 + \pi^2)/9` for a smooth logistic far from the ends. Differentiable once, in
        forward and in reverse mode; no temporary holds 256 values of each distribution.
    """
    inputs, dtype = prepare_inputs(loc=loc, scale=scale)
    # One copy of the parameters an entry: the kernel's derivatives are elementwise.
    inputs = [x.unsqueeze(-1).expand(*x.shape, 3) for x in inputs]  # (..., 3) each
    return apply_kernel(_evaluate_blocks, *inputs).to(dtype)


def _evaluate_blocks(inputs, with_partials: bool) -> tuple[Tensor, Tensor]:
    """Entries ``(..., 3)`` and their partials by loc and scale ``(2, ..., 3)``."""
    loc = inputs[0][..., 0].clamp(-LIMIT, LIMIT)  # (...)
    scale = inputs[1][..., 0].clamp(MIN_SCALE, LIMIT)  # (...)
    sums = loc.new_empty((3 if with_partials else 1, 3, *loc.shape))

    def evaluate(loc: Tensor, scale: Tensor) -> Tensor:
        starts = range(0, LEVELS, LEVELS_AT_ONCE)
        total = sum(_sum_levels(loc, scale, start, with_partials) for start in starts)
        return total.flatten(0, 1)  # (3 or 9, ...)

    map_blocks(evaluate, (loc, scale), sums.flatten(0, 1), choose_size(loc, BLOCK))
    sums = sums.movedim(1, -1)  # (1 or 3, ..., 3)
    return sums[0], sums[1:] / scale[..., None]


def _sum_levels(loc: Tensor, scale: Tensor, start: int, with_partials: bool) -> Tensor:
    """Terms of the levels start, ..., added up: entries, and s times their partials."""
    h = scale.reciprocal()  # (...)
    edges = torch.arange(start, start + LEVELS_AT_ONCE + 1, dtype=loc.dtype, device=loc.device)
    edges = edges.view(-1, *[1] * loc.ndim) - 0.5
    u = (edges - loc) * h  # (L + 1, ...)
    low = u.clamp(-U_MAX, U_MAX).sigmoid()  # (L + 1, ...)
    high = (-u).clamp(-U_MAX, U_MAX).sigmoid()  # (L + 1, ...)
    gap = -torch.expm1(-h).expand(LEVELS_AT_ONCE, *loc.shape).clone()  # (L, ...)
    if start == 0:
        low[0], high[0], gap[0] = 0, 1, 1
    if start == LEVELS - LEVELS_AT_ONCE:
        low[-1], high[-1], gap[-1] = 1, 0, 1
    p = low[1:] * high[:-1] * gap  # (L, ...)
    lower = low[:-1] / (low[1:] * gap)  # (L, ...), A
    upper = high[1:] / (high[:-1] * gap)  # (L, ...), B
    rho = 1 - low[:-1] - low[1:]  # (L, ...)
    # Wide logistics have large A and B that nearly cancel, steep ones a large centre and width.
    centre = 0.5 * (u[:-1] + u[1:])  # (L, ...)
    wide = centre * rho + 0.5 * h * (lower + upper)
    tau = torch.where(h > 1, u[1:] * upper - u[:-1] * lower, wide)  # (L, ...)
    entries = torch.stack((rho * rho, rho * tau, tau * tau))  # (3, L, ...)
    values = (p * entries).sum(1)[None]  # (1, 3, ...)
    if not with_partials:
        return values
    rho_by_loc = p * (lower + upper)
    rho_by_scale = p * (u[:-1] * lower + u[1:] * upper)
    tau_by_loc = rho_by_scale - rho
    tau_by_scale = p * (u[:-1].square() * lower + u[1:].square() * upper) - tau
    tau_by_scale = tau_by_scale + h * h * lower * upper
    slopes = (
        torch.stack((2 * rho * by_rho, rho * by_tau + tau * by_rho, 2 * tau * by_tau))
        - score * entries
        for score, by_rho, by_tau in (
            (rho, rho_by_loc, tau_by_loc),
            (tau, rho_by_scale, tau_by_scale),
        )
    )
    partials = torch.stack([(p * slope).sum(1) for slope in slopes])  # (2, 3, ...)
    return torch.cat((values, partials))
