r"""Fisher information of discretised logistics on the 256 grey levels.

With u the centre of level k in units of the scale s, measured from the location m, and h = 1/s its
width, the probability of an inner level and its scores are

.. math:: p = \frac{\sinh(h/2)}{\cosh u + \cosh(h/2)}, \quad
          s\,\partial_m \log p = -\rho, \quad s\,\partial_s \log p = -\tau,

.. math:: \rho = -\frac{\sinh u}{\cosh u + \cosh(h/2)}, \quad
          \tau = u \rho + \frac{h}{2} \left(\coth \frac{h}{2} - p\right).

The information times :math:`s^2` is the sum of :math:`p (\rho^2, \rho\tau, \tau^2)` over the
levels. Its derivatives follow from

.. math:: s\,\partial_m \rho = \frac{1 + \cosh u \cosh(h/2)}{(\cosh u + \cosh(h/2))^2}, \quad
          s\,\partial_s \rho = u\, s\,\partial_m \rho + \frac{h}{2} p \rho,

.. math:: s\,\partial_m \tau = s\,\partial_s \rho - \rho, \quad
          s\,\partial_s \tau = u\, s\,\partial_s \rho + \frac{h}{2} p \tau - \tau
          + \left(\frac{h/2}{\sinh(h/2)}\right)^2 .

The end levels collect the tails: with e the one edge of such a level, p is a sigmoid of e or -e,
and :math:`\tau = e \rho`.

The terms fade away from the location and are smooth in k: their poles lie :math:`\pi s` beside the
real axis. So the inner levels are a window around the location, summed by the Gauss rule of
consecutive integers, which is the plain sum where it has as many nodes as there are levels.
"""

import functools
import math

import numpy as np
import torch
from torch import Tensor

from latent_transport.kernels.autograd import apply_kernel, prepare_inputs
from latent_transport.kernels.blocks import choose_size, map_blocks
from latent_transport.kernels.logistic import LIMIT, MIN_SCALE
from latent_transport.likelihoods import LEVELS

INNER = LEVELS - 2
SLAB = 1 << 16  # distributions sorted at once
BLOCK = 1024  # distributions a block; times the nodes at once, what the second-level cache holds
NODES_AT_ONCE = 32
U_MAX = 80.0  # exp(-80) is nothing, and yet a normal number in single precision


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
    # Reading scales back would make an accelerator wait, and is impossible in a traced program.
    readable = loc.device.type == "cpu" and not torch.compiler.is_compiling()
    evaluate = _evaluate_sorted if readable else _evaluate_all_levels
    size = choose_size(loc, SLAB if readable else BLOCK)
    map_blocks(
        lambda *block: evaluate(*block, with_partials), (loc, scale), sums.flatten(0, 1), size
    )
    sums = sums.movedim(1, -1)  # (1 or 3, ..., 3)
    return sums[0], sums[1:] / scale[..., None]


def _evaluate_all_levels(loc: Tensor, scale: Tensor, with_partials: bool) -> Tensor:
    """Sums ``(3 or 9, ...)`` over every level, whatever the scales."""
    return _sum_levels(loc, scale, (INNER, INNER), with_partials)


def _evaluate_sorted(loc: Tensor, scale: Tensor, with_partials: bool) -> Tensor:
    """Sums ``(3 or 9, ...)``, each block of similar scales with as few nodes as they need."""
    shape = loc.shape
    scale, order = scale.flatten().sort()  # (N,) each
    loc = loc.flatten()[order]  # (N,)
    sums = loc.new_empty((9 if with_partials else 3, len(loc)))
    size = min(BLOCK, max(BLOCK // 8, len(loc) // 16))
    for start in range(0, len(loc), size):
        block = slice(start, start + size)
        ends = scale[block][[0, -1]].nan_to_num(LIMIT)  # NaN is sorted as the largest
        rule = _choose_rule(*ends.tolist(), torch.finfo(loc.dtype).eps)
        sums[:, block] = _sum_levels(loc[block], scale[block], rule, with_partials)
    return torch.empty_like(sums).index_copy_(1, order, sums).unflatten(1, shape)


def _choose_rule(smallest: float, largest: float, eps: float) -> tuple[int, int]:
    """Levels in the window and nodes among them that leave an error of about ``eps``."""
    digits = -math.log(eps)
    # The summands fall off as exp(-|u|) times powers of u, hence 4 scales more than the digits.
    reach = min((digits + 4) * largest, INNER)  # levels on either side of the location
    levels = min(8 * math.ceil((2 * reach + 3) / 8), INNER)
    # Bernstein's ellipse through the poles: an n-point rule gains 2 asinh(..) n digits.
    nodes = (digits + 4) / (2 * math.asinh(math.pi * smallest / (levels / 2)))
    nodes = 2 * math.ceil(min(nodes, INNER) / 2)
    return levels, min(nodes, levels)


@functools.cache
def _gauss_rule(levels: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes around 0 and weights, exact for polynomials of degree 2 nodes - 1 on the levels."""
    if nodes == levels:
        return np.arange(levels) - (levels - 1) / 2, np.ones(levels)
    k = np.arange(1, nodes)
    # Recurrence coefficients of the discrete Chebyshev (Gram) polynomials.
    off_diagonal = np.sqrt(k**2 * (levels**2 - k**2) / (4 * (4 * k**2 - 1)))
    positions, vectors = np.linalg.eigh(np.diag(off_diagonal, -1))
    return positions, levels * vectors[0] ** 2


def _sum_levels(loc: Tensor, scale: Tensor, rule: tuple[int, int], with_partials: bool) -> Tensor:
    """Entries, and s times their partials by loc and scale, ``(3 or 9, ...)``."""
    levels, _ = rule
    middle = (levels - 1) / 2
    centre = (loc - middle).round().clamp(1, LEVELS - 1 - levels) + middle  # (...)
    h = scale.reciprocal()  # (...)
    positions, weights = (
        torch.as_tensor(x, dtype=loc.dtype, device=loc.device).view(-1, *[1] * loc.ndim)
        for x in _gauss_rule(*rule)
    )  # (n, 1...) each
    inner = sum(
        _sum_nodes(x + (centre - loc), h, w, with_partials)
        for x, w in zip(positions.split(NODES_AT_ONCE), weights.split(NODES_AT_ONCE), strict=True)
    )
    return inner * torch.tanh(h / 2) + _sum_ends(loc, h, with_partials)


def _sum_nodes(distance: Tensor, h: Tensor, weights: Tensor, with_partials: bool) -> Tensor:
    """Terms of inner levels at ``distance`` from the location, over tanh(h/2)."""
    # cosh u, sinh|u|, cosh(h/2) and their sum, times 2 exp(-|u|): none of them overflows.
    log_cosh = h / 2 + torch.log1p(torch.exp(-h))  # (...), of h/2, and log 2
    u = distance * h  # (n, ...)
    size = u.abs()  # (n, ...)
    steep = (log_cosh - size).clamp_(-U_MAX, U_MAX).exp_()  # (n, ...)
    square = (steep * torch.exp(-log_cosh)).square_()  # (n, ...), exp(-2|u|)
    cosh = 1 + square  # (n, ...)
    sinh = 1 - square  # (n, ...)
    inverse = (cosh + steep).reciprocal_()  # (n, ...)
    z = steep * inverse  # (n, ...), p over tanh(h/2)
    rho = (sinh * inverse).copysign_(-u)  # (n, ...)
    tau = (h / 2 / torch.tanh(h / 2)) * cosh  # (n, ...)
    tau.addcmul_(size, sinh, value=-1).addcmul_(h / torch.sinh(h), steep).mul_(inverse)
    p = z * weights  # (n, ...)
    products = rho * rho, rho * tau, tau * tau  # (n, ...) each
    values = [(p * product).sum(0) for product in products]
    if not with_partials:
        return torch.stack(values)
    rho_by_loc = torch.addcmul(cosh, 1 / torch.cosh(h / 2).square(), steep)  # (n, ...)
    rho_by_loc.mul_(inverse).mul_(z)
    z *= h / 2 * torch.tanh(h / 2)
    rho_by_scale = (u * rho_by_loc).addcmul_(z, rho)  # (n, ...)
    tau_by_loc = rho_by_scale - rho  # (n, ...)
    tau_by_scale = (u * rho_by_scale).addcmul_(z, tau).sub_(tau)  # (n, ...)
    tau_by_scale += (h / 2 / torch.sinh(h / 2)).square()
    p_rho, p_tau = p * rho, p * tau  # (n, ...) each
    for by_rho, by_tau, (by_p_rho, by_p_tau) in (
        (rho_by_loc, tau_by_loc, products[:2]),
        (rho_by_scale, tau_by_scale, products[1:]),
    ):
        # score x (rho, tau) less twice, or once, the slopes of rho and tau
        values.append((2 * by_rho - by_p_rho).mul_(p_rho).sum(0))
        values.append((by_tau - by_p_tau).mul_(p_rho).addcmul_(p_tau, by_rho).sum(0))
        values.append((2 * by_tau - by_p_tau).mul_(p_tau).sum(0))
    return torch.stack(values)


def _sum_ends(loc: Tensor, h: Tensor, with_partials: bool) -> Tensor:
    """Terms of the levels 0 and 255, which have one edge each."""
    sums = 0
    for edge, sign in ((0.5, 1), (LEVELS - 1.5, -1)):
        u = (edge - loc) * h  # (...)
        p = (sign * u).clamp(-U_MAX, U_MAX).sigmoid()  # (...)
        rho = (-sign * u).clamp(-U_MAX, U_MAX).sigmoid()  # (...)
        term = p * rho.square()  # (...)
        terms = torch.stack((term, u * term, u.square() * term))  # (3, ...)
        if with_partials:
            slope = sign * term * (rho - 2 * p)  # (...)
            slopes = torch.stack((slope, term + u * slope, 2 * u * term + u.square() * slope))
            terms = torch.cat((terms, -slopes, -u * slopes))  # (9, ...)
        sums = sums + terms
    return sums
