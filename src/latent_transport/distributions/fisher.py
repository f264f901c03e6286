r"""Fisher information of discretised logistics on the 256 grey levels.

With u the centre of level k in units of the scale s, measured from the location m, and h = 1/s its
width, the probability of an inner level and its scores are

.. math:: p = \frac{\sinh(h/2)}{\cosh u + \cosh(h/2)}, \quad
          s\,\partial_m \log p = -\rho, \quad s\,\partial_s \log p = -\tau, \quad
          \rho = -\frac{\sinh u}{\cosh u + \cosh(h/2)}, \quad
          \tau = u \rho + \frac{h}{2} \left(\coth \frac{h}{2} - p\right).

The information times :math:`s^2` is the sum of :math:`p (\rho^2, \rho\tau, \tau^2)` over the
levels. Its derivatives follow from

.. math:: s\,\partial_m \rho = \frac{1 + \cosh u \cosh(h/2)}{(\cosh u + \cosh(h/2))^2}, \quad
          s\,\partial_s \rho = u\, s\,\partial_m \rho + \frac{h}{2} p \rho, \quad
          s\,\partial_m \tau = s\,\partial_s \rho - \rho, \quad
          s\,\partial_s \tau = u\, s\,\partial_s \rho + \frac{h}{2} p \tau - \tau
          + \left(\frac{h/2}{\sinh(h/2)}\right)^2 .

The end levels collect the tails: with e the one edge of such a level, p is a sigmoid of e or -e,
and :math:`\tau = e \rho`. The other terms fade away from the location and are smooth in k, with
poles :math:`\pi s` beside the real axis. So a window of them around the location is summed by the
Gauss rule of consecutive integers: the plain sum if it has as many nodes as there are levels.
"""

import functools
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from latent_transport.kernels import native
from latent_transport.kernels.autograd import apply_kernel, prepare_inputs
from latent_transport.kernels.blocks import choose_size, map_blocks
from latent_transport.kernels.constants import LEVELS, MIN_SCALE
from latent_transport.kernels.dispatch import runs_in_c

WIDTHS = (254, 192, 136, 96, 64, 44, 32, 22, 14, 8)  # levels in a window; 254 are all inner ones
SLAB = 1 << 14  # distributions sorted at once
BLOCK_BYTES = 120_000  # a temporary; the allocator maps larger ones afresh each time
BLOCK = 4096  # distributions a block where all levels are summed
LEVELS_AT_ONCE = 16
LIMIT = 1e6  # of locations and scales; keeps products finite
U_MAX = 80.0  # exp(-80) is nothing, and yet a normal number in single precision

Rule = tuple[Tensor, Tensor]
"""Nodes around a window's centre, and their weights: (n,) each."""


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


def _evaluate_blocks(inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
    """Entries ``(..., 3)`` and their partials by loc and scale ``(2, ..., 3)``."""
    loc = inputs[0][..., 0].clamp(-LIMIT, LIMIT)  # (...)
    scale = inputs[1][..., 0].clamp(MIN_SCALE, LIMIT)  # (...)
    sums = loc.new_empty((3 if with_partials else 1, 3, *loc.shape))
    # Reading scales back would make an accelerator wait, and is impossible in a traced program.
    readable = loc.device.type == "cpu" and not torch.compiler.is_compiling()
    if not readable:
        sum_terms = _sum_levels
    elif runs_in_c(*inputs):
        sum_terms = _sum_in_c
    else:
        sum_terms = _sum_windows
    size = choose_size(loc, SLAB if readable else BLOCK)
    evaluate = functools.partial(sum_terms, with_partials=with_partials)
    map_blocks(evaluate, (loc, scale), tuple(sums.flatten(0, 1)), size)
    sums = sums.movedim(1, -1)  # (1 or 3, ..., 3)
    return sums[0], sums[1:] / scale[..., None]


def _sum_levels(loc: Tensor, scale: Tensor, with_partials: bool) -> Tensor:
    """Sums ``(3 or 9, ...)`` over all levels, whatever the parameters."""
    constants = _prepare_constants(scale)
    levels = torch.arange(1, LEVELS - 1, dtype=loc.dtype, device=loc.device)
    levels = levels.view(-1, *[1] * loc.ndim)  # (254, 1...)
    parts = ((loc - x, torch.ones_like(x)) for x in levels.split(LEVELS_AT_ONCE))
    sums = (_sum_nodes(*part, constants, with_partials) for part in parts)  # (3 or 9, ...) each
    return functools.reduce(torch.add, sums) + _sum_ends(loc, scale, with_partials)


def _sum_windows(loc: Tensor, scale: Tensor, with_partials: bool) -> Tensor:
    """Sums ``(3 or 9, ...)`` over the levels in windows, wherever the others add nothing."""
    sums = _sum_ends(loc, scale, with_partials)  # (3 or 9, ...)
    constants = _prepare_constants(scale.flatten())  # (8, N)
    order, inner = [], []
    offset, groups = _group_by_rules(loc.flatten(), scale.flatten())
    for rows, rule in groups:
        points, weights = (x[:, None] for x in rule)  # (n, 1) each
        distance = offset[rows] - points  # (n, B)
        order.append(rows)
        inner.append(_sum_nodes(distance, weights, constants[:, rows], with_partials))
    if order:
        sums.view(len(sums), -1).index_add_(1, torch.cat(order), torch.cat(inner, 1))
    return sums


def _sum_in_c(loc: Tensor, scale: Tensor, with_partials: bool) -> Tensor:
    """Those sums, by the library in C."""
    sums = loc.new_empty((9 if with_partials else 3, *loc.shape))
    flat = loc.flatten(), scale.flatten()  # (N,) each
    offset, groups = _group_by_rules(*flat)
    for rows, rule in groups:
        native.logistic_information(rows, (*flat, offset), rule, sums)
    return sums


def _group_by_rules(loc: Tensor, scale: Tensor) -> tuple[Tensor, list[tuple[Tensor, Rule]]]:
    """Locations (N,) less the centres of their windows, and groups that are summed alike.

    Of each group the numbers (B,) of its distributions, and the rule of their windows.
    """
    kind, nodes, offset = _choose_rules(loc, scale)  # (N,) each
    order = (kind * LEVELS - nodes).argsort()  # (N,), the most nodes first
    groups = []
    start = end = 0
    for width, count in zip(WIDTHS, kind.bincount(minlength=len(WIDTHS)).tolist(), strict=True):
        end += count
        while start < end:
            most = int(nodes[order[start]])
            stop = min(end, start + BLOCK_BYTES // loc.dtype.itemsize // most)
            groups.append((order[start:stop], _gauss_rule(width, most, loc.dtype)))
            start = stop
    return offset, groups


def _choose_rules(loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number of the width in ``WIDTHS``, nodes, and location less the window's centre."""
    digits = -math.log(torch.finfo(loc.dtype).eps)  # to the base e
    widths = torch.tensor(WIDTHS, dtype=loc.dtype, device=loc.device)
    # Terms fall off as exp(-|u|) times powers of u: 7 scales more than the digits on either side.
    kind = (widths[1:, None] >= 2 * (digits + 7) * scale + 2).sum(0)  # (N,)
    width = widths[kind]  # (N,)
    first = (loc - (width - 1) / 2).round().clamp(min=1).minimum(LEVELS - 1 - width)  # (N,)
    offset = loc - first - (width - 1) / 2  # (N,)
    # An n-point rule gains 2n log(r) digits, r the size of Bernstein's ellipse through the poles,
    # and loses 11 to their order.
    x, y = offset / (width / 2), math.pi * scale / (width / 2)  # (N,) each
    axis = (torch.hypot(x - 1, y) + torch.hypot(x + 1, y)) / 2  # (N,)
    nodes = ((digits + 11) / 4 / torch.acosh(axis)).ceil() * 2  # (N,), even for fewer rules
    return kind, torch.fmin(nodes, width).long(), offset


@functools.cache
def _gauss_rule(levels: int, nodes: int, dtype: torch.dtype) -> Rule:
    """Nodes around 0 and weights, exact for polynomials of degree 2 nodes - 1 on the levels."""
    if nodes == levels:
        return torch.arange(levels, dtype=dtype) - (levels - 1) / 2, torch.ones(levels, dtype=dtype)
    k = np.arange(1, nodes)
    # Recurrence coefficients of the discrete Chebyshev (Gram) polynomials.
    off_diagonal = np.sqrt(k**2 * (levels**2 - k**2) / (4 * (4 * k**2 - 1)))
    positions, vectors = np.linalg.eigh(np.diag(off_diagonal, -1))
    rule = torch.as_tensor(np.stack((positions, levels * vectors[0] ** 2)), dtype=dtype)
    return rule[0], rule[1]


def _prepare_constants(scale: Tensor) -> Tensor:
    """What the terms of a distribution's inner levels share, ``(8, ...)``."""
    h = scale.reciprocal()  # (...)
    half, log_cosh = h / 2, h / 2 + torch.log1p(torch.exp(-h))  # (...), of h/2, and log 2
    tanh, sech = half.tanh(), 2 * torch.exp(-log_cosh)  # (...)
    csch = half / half.sinh()  # (...), times h/2 like coth, so that 1 is its limit
    functions = h, log_cosh, half / tanh, h / h.sinh(), csch * csch, tanh, sech, half * tanh
    return torch.stack(functions)


def _sum_nodes(distance: Tensor, weights: Tensor, constants: Tensor, with_partials: bool) -> Tensor:
    """Terms of inner levels, the location less the level being ``distance``, ``(3 or 9, ...)``."""
    h, log_cosh, coth, csch, csch_squared, tanh, sech, half_tanh = constants  # (...) each
    # cosh u, sinh|u|, cosh(h/2) and their sum, times 2 exp(-|u|): none of them overflows.
    u = distance * h  # (n, ...), minus the u of the formulae
    size = u.abs()  # (n, ...)
    steep = (log_cosh - size).clamp_(-U_MAX, U_MAX).exp_()  # (n, ...)
    square = (steep * (sech / 2)).square_()  # (n, ...), exp(-2|u|)
    cosh = 1 + square  # (n, ...)
    sinh = 1 - square  # (n, ...)
    inverse = (cosh + steep).reciprocal_()  # (n, ...)
    z = steep * inverse  # (n, ...), p over tanh(h/2)
    rho = (sinh * inverse).copysign_(u)  # (n, ...)
    tau = (coth * cosh).addcmul_(size, sinh, value=-1).addcmul_(csch, steep).mul_(inverse)
    p = z * weights  # (n, ...)
    products = rho * rho, rho * tau, tau * tau  # (n, ...) each
    values = [(p * product).sum(0) for product in products]
    if not with_partials:
        return torch.stack(values).mul_(tanh)
    rho_by_loc = torch.addcmul(cosh, sech * sech, steep).mul_(inverse).mul_(z)  # (n, ...)
    z *= half_tanh
    rho_by_scale = (z * rho).addcmul_(u, rho_by_loc, value=-1)  # (n, ...)
    tau_by_loc = rho_by_scale - rho  # (n, ...)
    tau_by_scale = (z * tau).addcmul_(u, rho_by_scale, value=-1).sub_(tau).add_(csch_squared)
    p_rho, p_tau = p * rho, p * tau  # (n, ...) each
    slopes = (rho_by_loc, tau_by_loc), (rho_by_scale, tau_by_scale)
    # The slope of p is -p times a score, and so enters as the products of that score.
    for (by_rho, by_tau), (by_p_rho, by_p_tau) in zip(slopes, pairwise(products), strict=True):
        values.append((2 * by_rho - by_p_rho).mul_(p_rho).sum(0))
        values.append((by_tau - by_p_tau).mul_(p_rho).addcmul_(p_tau, by_rho).sum(0))
        values.append((2 * by_tau - by_p_tau).mul_(p_tau).sum(0))
    return torch.stack(values).mul_(tanh)


def _sum_ends(loc: Tensor, scale: Tensor, with_partials: bool) -> Tensor:
    """Terms of the levels 0 and 255, which have one edge each."""
    sums = []  # (3 or 9, ...) each
    for edge, sign in ((0.5, 1), (LEVELS - 1.5, -1)):
        u = (edge - loc) / scale  # (...)
        p = (sign * u).clamp(-U_MAX, U_MAX).sigmoid()  # (...)
        rho = (-sign * u).clamp(-U_MAX, U_MAX).sigmoid()  # (...)
        term = p * rho.square()  # (...)
        terms = torch.stack((term, u * term, u.square() * term))  # (3, ...)
        if with_partials:
            slope = sign * term * (rho - 2 * p)  # (...)
            slopes = torch.stack((slope, term + u * slope, 2 * u * term + u.square() * slope))
            terms = torch.cat((terms, -slopes, -u * slopes))  # (9, ...)
        sums.append(terms)
    return sums[0] + sums[1]
