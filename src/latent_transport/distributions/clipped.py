r"""Wasserstein-2 of logistics that are clipped to the grey range [0, 255], in closed form.

Clipping moves the mass outside of the range to its ends. With L a standard logistic variable, the
clipped logistic :math:`\min(\max(m + sL, 0), 255)` has the quantile function
:math:`Q(\sigma(x)) = \min(\max(m + sx, 0), 255)`, and

.. math:: W_2^2(p, q) = \int_0^1 (Q_p - Q_q)^2 du
                      = \int (Q_p - Q_q)^2(\sigma(x)) \, \sigma'(x) \, dx .

Four points, where either begins or ceases to move, cut the line into pieces on which the difference
is linear. On a piece of mass I whose standard logistic has mean :math:`\mu` and variance v,

.. math:: \int (\alpha + \beta x)^2 \sigma'(x) \, dx
          = I \left[ (\alpha + \beta \mu)^2 + \beta^2 v \right],

in which nothing cancels. The derivatives, :math:`\partial_m W_2^2 = 2 \int (Q_p - Q_q) du` and the
same with :math:`x` for the scale, over where p moves, have no share of the pieces' ends, for the
difference is continuous there.

The moments of a piece beside 0 are those of the tails, about where they begin,

.. math:: \int_a^\infty (x - a)^k \sigma'(x) \, dx = \sigma(-a), \quad \log(1 + e^{-a}), \quad
          -2 \operatorname{Li}_2(-e^{-a}) \qquad (k = 0, 1, 2),

with the dilogarithm as a series of Bernoulli numbers in :math:`\log(1 + e^{-a}) \le \log 2` (Lewin
1981, *Polylogarithms and associated functions*, Section 1.4); those of a short piece, in which
tails would cancel, come from three Gauss-Legendre nodes.

Source of the distance: Peyré & Cuturi (2019), *Computational optimal transport*, Remark 2.30. The
exact W2 of the discretised distributions has no local norm: mass e that moves by one level costs
:math:`\sqrt e`. This one has, the metric tensor :math:`\int \nabla Q \nabla Q^T du`.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from latent_transport.kernels.autograd import apply_kernel, prepare_inputs
from latent_transport.kernels.blocks import choose_size, map_blocks
from latent_transport.kernels.constants import LEVELS, LIMIT, MIN_SCALE

LAST = float(LEVELS - 1)
FARTHEST = 60.0  # in scales from the location: a mass of e^-60 is none, yet a normal number
# Length of a piece below which tails would cancel, and nodes do not err by as much.
SHORT = {torch.float32: 0.5, torch.float64: 0.06}
BLOCK = 1 << 13  # pairs a block, so that temporaries stay in cache
# Of log(1 + e^-a) in -2 Li2(-e^-a), from its first power: 2, 1/2, then 2 |B_n| / (n + 1)!.
DILOGARITHM = (
    *(2.0, 1 / 2, 1 / 18, 0.0, -1 / 1800, 0.0, 1 / 105840, 0.0, -1 / 5443200, 0.0),
    *(1 / 263450880, 0.0, -691 / 8499883392000),
)
TAILS_AT_0 = (0.5, math.log(2), math.pi**2 / 6)
NODE, OUTER, INNER = math.sqrt(3 / 5), 5 / 18, 8 / 18  # of Gauss-Legendre with three nodes


def clipped_wasserstein2(loc_p: Tensor, scale_p: Tensor, loc_q: Tensor, scale_q: Tensor) -> Tensor:
    """Wasserstein-2 distance of logistics clipped to [0, 255].

    Parameters
    ----------
    loc_p, scale_p, loc_q, scale_q : Tensor
        Locations and scales in grey levels, broadcastable. Scales below 1e-5 count as 1e-5; scales,
        and locations on either side, beyond 1e15 as that.

    Returns
    -------
    Tensor, shape (...)
        In grey levels; differentiable once, in forward and in reverse mode, 0 with gradient 0 where
        the distributions are equal.
    """
    inputs, dtype = prepare_inputs(loc_p=loc_p, scale_p=scale_p, loc_q=loc_q, scale_q=scale_q)
    return apply_kernel(_evaluate_blocks, *inputs).to(dtype)


def clipped_moments(loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Mass of logistics within [0, 255], and mean and variance of the standard logistic there.

    The metric tensor of W2 in location and scale is :math:`I [(dm + \mu\,ds)^2 + v\,ds^2]`.

    Parameters
    ----------
    loc, scale : Tensor, shape (...)
        In grey levels.

    Returns
    -------
    tuple of Tensor, shape (...) each
        I, mu and v, without units; 0 where there is next to no mass.
    """
    loc, scale = _bound(loc, scale)
    ends = torch.stack((-loc / scale, (LAST - loc) / scale))  # (2, ...)
    mass, mean, variance = _measure_pieces(ends.clamp(-FARTHEST, FARTHEST))  # (1, ...) each
    return mass[0], mean[0], variance[0]


def _bound(loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    return loc.clamp(-LIMIT, LIMIT), scale.clamp(MIN_SCALE, LIMIT)


def _evaluate_blocks(inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
    """Distances ``(...)`` and their partials ``(4, ...)``, or ``(0, ...)`` without."""
    distance = torch.empty_like(inputs[0], memory_format=torch.contiguous_format)  # (...)
    partials = distance.new_empty((4 if with_partials else 0, *distance.shape))

    def evaluate(*parameters: Tensor) -> Tensor:
        return _evaluate(*parameters, with_partials=with_partials)

    map_blocks(evaluate, inputs, (distance, *partials), choose_size(distance, BLOCK))
    return distance, partials


def _evaluate(
    loc_p: Tensor, scale_p: Tensor, loc_q: Tensor, scale_q: Tensor, *, with_partials: bool
) -> Tensor:
    """Distances, and with them their partials by the four parameters: ``(1 or 5, ...)``."""
    given = scale_p, scale_q
    (loc_p, scale_p), (loc_q, scale_q) = _bound(loc_p, scale_p), _bound(loc_q, scale_q)
    begin_p, begin_q = -loc_p / scale_p, -loc_q / scale_q  # (...) each, where they leave 0
    end_p, end_q = (LAST - loc_p) / scale_p, (LAST - loc_q) / scale_q  # (...), and reach 255
    later, sooner = torch.maximum(begin_p, begin_q), torch.minimum(end_p, end_q)  # (...) each
    apart = sooner < later  # (...), one is at 255 before the other has left 0
    middle = torch.minimum(later, sooner), torch.maximum(later, sooner)
    ends = (torch.minimum(begin_p, begin_q), *middle, torch.maximum(end_p, end_q))
    mass, mean, variance = _measure_pieces(torch.stack(ends).clamp_(-FARTHEST, FARTHEST))

    first = begin_p <= begin_q, begin_q < begin_p  # (...) each: which leaves 0 first
    last = end_p > end_q, end_q >= end_p  # (...) each: which reaches 255 last
    moves, places, slopes = [], [], []
    for k, (loc, scale) in enumerate(((loc_p, scale_p), (loc_q, scale_q))):
        move = torch.stack((first[k], ~apart, last[k])).to(loc.dtype)  # (3, ...)
        rest = torch.stack((torch.zeros_like(loc), LAST * first[k], torch.full_like(loc, LAST)))
        moves.append(move)
        places.append(torch.where(move > 0, loc, rest))  # (3, ...)
        slopes.append(move * scale)  # (3, ...)
    slope = slopes[0] - slopes[1]  # (3, ...)
    # Of large locations and scales the difference is a rounding error; that of grey levels is not.
    difference = (places[0] - places[1]).addcmul(slope, mean).clamp_(-LAST, LAST)  # (3, ...)
    spread = slope * variance  # (3, ...)
    square = (mass * (difference.square() + slope * spread)).sum(0)  # (...)
    distance = square.sqrt()
    if not with_partials:
        return distance[None]
    share = torch.where(distance > 0, 1 / distance, 0) * mass  # (3, ...)
    by_loc, by_scale = share * difference, share * (difference * mean + spread)  # (3, ...) each
    partials = [
        sign * (move * by).sum(0)
        for sign, move in ((1, moves[0]), (-1, moves[1]))
        for by in (by_loc, by_scale)
    ]
    for place, scale in ((1, given[0]), (3, given[1])):
        partials[place] = partials[place] * (scale >= MIN_SCALE)
    return torch.stack((distance, *partials))


def _measure_pieces(ends: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Masses, means and variances (n, ...) of the standard logistic between ends (n + 1, ...)."""
    low, high = ends[:-1], ends[1:]  # (n, ...) each
    length = high - low  # (n, ...)
    tails = _measure_tails(ends.abs())  # (n + 1, ...) each
    nearest = low.clamp(min=0) + high.clamp(max=0)  # (n, ...), the piece's point nearest to 0
    near = [
        torch.where(low > 0, tail[:-1], torch.where(high < 0, tail[1:], at_0))
        for tail, at_0 in zip(tails, TAILS_AT_0, strict=True)
    ]  # (n, ...) each
    upward = _cut_tails(near, [tail[1:] for tail in tails], high - nearest)  # (n, ...) each
    downward = _cut_tails(near, [tail[:-1] for tail in tails], nearest - low)  # (n, ...) each
    long = [upward[0] + downward[0], upward[1] - downward[1], upward[2] + downward[2]]
    about, short = (low + high) / 2, _sum_nodes(low, length)  # (n, ...)
    narrow = length < SHORT[length.dtype]  # (n, ...)
    mass, first, second = (torch.where(narrow, x, y) for x, y in zip(short, long, strict=True))
    some = mass > torch.finfo(mass.dtype).tiny  # (n, ...)
    unit = torch.where(some, mass, 1)
    offset = torch.where(some, first / unit, 0)  # (n, ...)
    variance = torch.where(some, second / unit - offset.square(), 0).clamp_(min=0)  # (n, ...)
    return mass.clamp_(min=0), torch.where(narrow, about, nearest) + offset, variance


def _measure_tails(begin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Moments 0, 1, 2 of tails about where they begin, at ``begin`` >= 0: shapes as it has."""
    small = (-begin).exp()
    log = torch.log1p(small)
    series = torch.full_like(log, DILOGARITHM[-1])
    for coefficient in DILOGARITHM[-2::-1]:
        series = series.mul_(log).add_(coefficient)
    return small / (1 + small), log, series.mul_(log)


def _cut_tails(near: Sequence[Tensor], far: Sequence[Tensor], length: Tensor) -> list[Tensor]:
    """Moments of tails about where they begin, up to where those begin that lie behind."""
    mass, first, second = far
    return [
        near[0] - mass,
        near[1] - (first + length * mass),
        near[2] - (second + length * (2 * first + length * mass)),
    ]


def _sum_nodes(low: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Moments about the middle of short pieces, by Gauss-Legendre with three nodes."""
    reach = NODE / 2 * length
    nodes = (-1, length * OUTER), (0, length * INNER), (1, length * OUTER)
    middle = low + length / 2
    left, centre, right = (w * _density(middle + k * reach) for k, w in nodes)
    outer = left + right
    return outer + centre, (right - left) * reach, outer * reach.square()


def _density(x: Tensor) -> Tensor:
    small = (-x.abs()).exp()
    return small / (1 + small).square()
