r"""Exact Wasserstein-1 of discretised logistics in O(1) per pair.

A discretised logistic on the levels 0..255 has the cdf :math:`F(k) = \sigma((k + 1/2 - m)/s)` at
its inner edges k = 0..254, the tails folded into the end bins. Equation 5 of Roy & Hauberg (2022)
is

.. math:: W_1 = \sum_{k=0}^{254} |F_p(k) - F_q(k)|.

Two logistic cdfs cross at most once. With c edges below the crossing and the partial sums
:math:`Q(b) = \sum_{k<b} F(k)` taken from minus infinity,

.. math:: W_1 = \sum_{b \in \{0, c, 255\}} w_b (Q_p(b) - Q_q(b)),

whose weights w are sums of signs. c is locally constant, so it does not enter the gradient. Each
partial sum is a lattice tail :math:`T(x, s) = \sum_{j \ge 0} \sigma(-(x + 1/2 + j)/s)`,

.. math:: Q(b) = [b > m] (b - n - f(m - n, s)) + T(|b - m|, s), \quad n = \operatorname{round}(m),

where :math:`f(\phi, s) = T(-\phi, s) - T(\phi, s)` is the offset of the lattice against the centre.
T is four edges summed as they are plus a midpoint Euler-Maclaurin expansion behind them, with an
error below 1e-7 levels for every scale. Wide logistics, whose partial sums would cancel, are
summed by :mod:`latent_transport.kernels.wide`.

Differences of two large partial sums are arranged so that no digit is lost in float32: integers are
subtracted from integers, and the integrals :math:`s \log(1 + e^{-u})` are subtracted analytically.
"""

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from latent_transport.checks import holds
from latent_transport.kernels import native
from latent_transport.kernels.autograd import apply_kernel, is_tracked, prepare_inputs
from latent_transport.kernels.blocks import (
    BlockFunction,
    choose_size,
    map_blocks,
)
from latent_transport.kernels.constants import (
    DIRECT_EDGES,
    EDGES,
    LIMIT,
    MIN_SCALE,
    SMOOTH,
    STAIRCASE_EDGES,
    STEEP,
    WIDE,
)
from latent_transport.kernels.dispatch import resolve_backend
from latent_transport.kernels.wide import subtract_cdfs, sum_slopes

LOG2_E = math.log2(math.e)  # 2^x is several times cheaper than e^x, above all at its underflow
LAST = float(EDGES)  # the upper end of the window of summation
BLOCK = 1 << 14  # pairs a block, so that the (2, 3, ...) temporaries stay in cache


def logistic_wasserstein1(loc_p: Tensor, scale_p: Tensor, loc_q: Tensor, scale_q: Tensor) -> Tensor:
    r"""Wasserstein-1 distance of discretised logistics on 0..255, exact and O(1) per pair.

    .. math:: W_1(p, q) = \sum_{k=0}^{254} |F_p(k) - F_q(k)|, \quad
              F(k) = \sigma((k + 1/2 - \mathrm{loc})/\mathrm{scale})

    Parameters
    ----------
    loc_p, scale_p, loc_q, scale_q
        Locations and scales in grey levels, broadcastable against each other. Scales below 1e-5
        count as 1e-5; scales, and locations on either side, beyond 1e15 as that. float16 and
        bfloat16 are computed in float32 and returned in their own type.

    Returns
    -------
    Tensor
        Distances in grey levels, of the broadcast shape ``(...)``. Equal distributions give exactly
        0 and a gradient of exactly 0.

    Raises
    ------
    TypeError
        If an input is not a real floating-point tensor.
    NotImplementedError
        On a second derivative: the gradient jumps whenever the crossing of the two cdfs passes
        an edge, so the derivative of the gradient says nothing about the distance.

    Notes
    -----
    Value and partial derivatives come from one pass, which saves 4 values a pair for the backward
    pass; without gradients only the value is computed. The ``torch.func`` transforms ``grad``,
    ``jvp`` and ``vmap`` are supported.

    References
    ----------
    Roy & Hauberg (2022), Eq. 5.
    """
    inputs, dtype = prepare_inputs(loc_p=loc_p, scale_p=scale_p, loc_q=loc_q, scale_q=scale_q)
    return apply_kernel(evaluate_blocks, *inputs).to(dtype)


def logistic_wasserstein1_partials(
    loc_p: Tensor, scale_p: Tensor, loc_q: Tensor, scale_q: Tensor
) -> tuple[Tensor, Tensor]:
    """Wasserstein-1 and its four partial derivatives, without autograd.

    What a Gauss-Newton step needs. Arguments as in :func:`logistic_wasserstein1`.

    Returns
    -------
    value
        Distances in grey levels, ``(...)``.
    partials
        ``(4, ...)``: derivatives with respect to loc_p, scale_p, loc_q and scale_q.
    """
    inputs, dtype = prepare_inputs(loc_p=loc_p, scale_p=scale_p, loc_q=loc_q, scale_q=scale_q)
    value, partials = evaluate_blocks([x.detach() for x in inputs], with_partials=True)
    return value.to(dtype), partials.to(dtype)


def logistic_norm(loc: Tensor, scale: Tensor, dloc: Tensor, dscale: Tensor) -> Tensor:
    r"""Local norm of pulled-back W1: the limit of W1(p, p + eps d) / eps for eps to 0.

    .. math:: \|d\| = \sum_{k=0}^{254} |\partial_{loc} F(k)\, dloc + \partial_{scale} F(k)\, dscale|

    The summand changes its sign once, where :math:`k + 1/2 = loc - scale\, dloc/dscale`, so the sum
    is again closed: O(1) per pixel.

    Parameters
    ----------
    loc, scale
        Logistic parameters in grey levels; scales below 1e-5 count as 1e-5.
    dloc, dscale
        Their velocity. All four broadcast against each other.

    Returns
    -------
    Tensor
        Norms in grey levels per unit of the velocity's parameter, of the broadcast shape ``(...)``.
        Not meant to be differentiated: the gradient autograd would find is not tested.

    References
    ----------
    Roy & Hauberg (2022), Eq. 5, in the limit of neighbouring distributions.
    """
    inputs, dtype = prepare_inputs(loc=loc, scale=scale, dloc=dloc, dscale=dscale)
    norm = torch.empty_like(inputs[0], memory_format=torch.contiguous_format)
    size = choose_size(norm, BLOCK)
    wide = _is_readable(norm)
    if wide and not is_tracked(inputs) and resolve_backend(*inputs) == "c":
        wide = native.logistic_norm(inputs, norm)
    else:
        map_blocks(_evaluate_norm if wide else _evaluate_norm_of_any, inputs, (norm,), size)
    if wide:
        _replace_wide(_evaluate_norm_of_any, inputs, inputs[1:2], (norm,), size)
    return norm.to(dtype)


def evaluate_blocks(inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
    """Value ``(...)`` and partials ``(4, ...)``, empty unless asked for, of broadcast inputs."""
    shape = inputs[0].shape
    value = inputs[0].new_empty(shape)
    partials = inputs[0].new_empty((4 if with_partials else 0, *shape))
    outputs = (value, *partials)
    size = choose_size(value, BLOCK)
    readable = _is_readable(value)
    closed = _evaluate if readable else _evaluate_any
    eager = functools.partial(closed, with_partials=with_partials)
    wide = readable
    match resolve_backend(value, *inputs):
        case "c":
            wide = native.logistic_wasserstein1(inputs, value, partials)
        case "triton":
            from latent_transport.kernels import triton_logistic

            triton_logistic.launch(inputs, value, partials)
        case "eager" | "traced":
            map_blocks(eager, inputs, outputs, size)
    if wide:
        every = functools.partial(_evaluate_any, with_partials=with_partials)
        _replace_wide(every, inputs, inputs[1::2], outputs, size)
    return value, partials


def _is_readable(tensor: Tensor) -> bool:
    """Whether values may decide what is computed.

    An accelerator would have to wait for them, and a traced program has none.
    """
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def _replace_wide(
    evaluate: BlockFunction,
    inputs: Sequence[Tensor],
    scales: Sequence[Tensor],
    outputs: Sequence[Tensor],
    size: int,
) -> None:
    """Evaluate anew, in place, where one of the scales is too wide for the closed form alone."""
    wide = functools.reduce(
        torch.logical_or, (scale > WIDE[scale.dtype] for scale in scales)
    )  # (...)
    if holds(~wide):
        return
    anew = [output[wide] for output in outputs]  # (n,) each
    map_blocks(evaluate, [x[wide] for x in inputs], anew, size)
    for output, new in zip(outputs, anew, strict=True):
        output[wide] = new


def _evaluate(
    loc_p: Tensor, scale_p: Tensor, loc_q: Tensor, scale_q: Tensor, with_partials: bool
) -> tuple[Tensor, ...]:
    """Value, and if asked for its partials with respect to the four inputs, each ``(...)``.

    For scales of at most ``WIDE``.
    """
    loc = torch.stack((loc_p, loc_q)).clamp_(-LIMIT, LIMIT)  # (2, ...)
    scale = torch.stack((scale_p, scale_q)).clamp_(MIN_SCALE, LIMIT)  # (2, ...)
    edges, weights = _split_pair(loc, scale)  # (3, ...)
    value, *partials = _subtract_sums(edges, weights, loc, scale, with_partials)
    return value.clamp_(0.0, LAST), *partials


def _evaluate_any(
    loc_p: Tensor, scale_p: Tensor, loc_q: Tensor, scale_q: Tensor, with_partials: bool
) -> tuple[Tensor, ...]:
    """As :func:`_evaluate`, for scales of up to ``LIMIT``.

    F_p - F_q with p wide and q not is (F_p - F_r) + (F_r - F_q), where r is centred like q and
    just wide enough to be smooth.
    """
    loc = torch.stack((loc_p, loc_q)).clamp_(-LIMIT, LIMIT)  # (2, ...)
    scale = torch.stack((scale_p, scale_q)).clamp_(MIN_SCALE, LIMIT)  # (2, ...)
    edges, weights = _split_pair(loc, scale)  # (3, ...)
    wide, smooth = scale > WIDE[scale.dtype], SMOOTH[scale.dtype]  # (2, ...), a number
    centre = torch.where(wide[0], loc[1], loc[0]).clamp_(0.0, LAST)  # (...)
    near, width = torch.where(wide, centre, loc), torch.where(wide, smooth, scale)  # (2, ...)
    value, *partials = _subtract_sums(edges, weights, near, width, with_partials)
    far = torch.where(wide, loc, centre)  # (2, ...)
    p, q = zip(far, torch.where(wide, scale, smooth), strict=True)  # (...) each
    value = torch.where(wide.all(0), 0.0, value)  # (...)
    change = subtract_cdfs(edges, weights, p, q)  # (...)
    value = (value + torch.where(wide.any(0), change, 0.0)).clamp_(0.0, LAST)
    if not with_partials:
        return (value,)
    slopes = [*sum_slopes(edges, weights, *p), *(-x for x in sum_slopes(edges, weights, *q))]
    each = zip(wide.repeat_interleave(2, 0), slopes, partials, strict=True)
    return value, *(torch.where(*x) for x in each)


def _split_pair(loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Edges 0, c, 255 of a pair ``(2, ...)``, and their weights, ``(3, ...)`` both."""
    level = loc[0].round()  # (...)
    phase = loc[0] - level  # (...)
    return _split(level, phase, scale[0], loc[0] - loc[1], scale[0] - scale[1])


def _subtract_sums(
    edges: Tensor, weights: Tensor, loc: Tensor, scale: Tensor, with_partials: bool
) -> tuple[Tensor, ...]:
    """Weighted sum of Q_p - Q_q at the edges, and if asked for its four partials, ``(...)``."""
    level = loc.round()  # (2, ...)
    phase = loc - level  # (2, ...)
    dloc, dscale = loc[0] - loc[1], scale[0] - scale[1]  # (...)

    y = edges - loc[:, None]  # (2, 3, ...)
    above = y.sign().relu_()  # (2, 3, ...)
    x = y.abs()  # (2, 3, ...)
    e, half_logs, rest, *slopes = _tail(x, scale[:, None], with_partials)  # (2, 3, ...)
    offset, *offset_slopes = _staircase(phase, scale, with_partials)  # (2, ...)

    steps = above * (edges - level.clamp_(0.0, LAST)[:, None])  # (2, 3, ...), integers
    rest = rest - above * offset[:, None]  # (2, 3, ...)
    fraction = rest[0] - rest[1]  # (3, ...)
    fraction += _subtract_integrals(e, half_logs, x, y, above, scale, dloc, dscale)
    value = (weights * (steps[0] - steps[1])).sum(0)  # (...), exact
    value += (weights * fraction).sum(0)
    if not with_partials:
        return (value,)

    by_loc, by_scale = _slopes(above, slopes, offset_slopes)  # (2, 3, ...)
    by_loc = (weights * by_loc).sum(1)  # (2, ...)
    by_scale = (weights * by_scale).sum(1)
    return value, by_loc[0], by_scale[0], -by_loc[1], -by_scale[1]


def _evaluate_norm(loc: Tensor, scale: Tensor, dloc: Tensor, dscale: Tensor) -> tuple[Tensor]:
    """Local norm, ``(...)``."""
    loc = loc.clamp(-LIMIT, LIMIT)
    scale = scale.clamp(MIN_SCALE, LIMIT)
    level = loc.round()
    phase = loc - level
    # The tangent's crossing is that of p and p + eps d.
    edges, weights = _split(level, phase, scale, dloc, dscale)  # (3, ...)
    y = edges - loc
    above = y.sign().relu_()
    _, _, _, *slopes = _tail(y.abs()[None], scale, with_slopes=True)  # (1, 3, ...)
    _, *offset_slopes = _staircase(phase[None], scale[None], with_slopes=True)  # (1, ...)
    by_loc, by_scale = _slopes(above[None], slopes, offset_slopes)  # (1, 3, ...)
    return ((weights * (by_loc[0] * dloc + by_scale[0] * dscale)).sum(0).abs_(),)


def _evaluate_norm_of_any(
    loc: Tensor, scale: Tensor, dloc: Tensor, dscale: Tensor
) -> tuple[Tensor]:
    """Local norm for scales of up to ``LIMIT``, ``(...)``."""
    widest = WIDE[scale.dtype]
    (norm,) = _evaluate_norm(loc, scale.clamp(max=widest), dloc, dscale)
    loc = loc.clamp(-LIMIT, LIMIT)
    scale = scale.clamp(MIN_SCALE, LIMIT)
    level = loc.round()
    edges, weights = _split(level, loc - level, scale, dloc, dscale)  # (3, ...)
    by_loc, by_scale = sum_slopes(edges, weights, loc, scale)
    return (torch.where(scale > widest, (by_loc * dloc + by_scale * dscale).abs(), norm),)


def _split(
    level: Tensor, phase: Tensor, scale: Tensor, dloc: Tensor, dscale: Tensor
) -> tuple[Tensor, Tensor]:
    """Edges 0, c, 255 at which the sum is split, and their weights, ``(3, ...)`` both.

    The difference F_p - F_q of logistics (loc, scale) and (loc - dloc, scale - dscale) changes its
    sign at loc - scale dloc / dscale; the wider one is above to the left of it. The position is
    found relative to the nearest level, which keeps its fraction accurate.
    """
    parallel = dscale == 0
    crossing = phase - 0.5 - scale * dloc / torch.where(parallel, 1.0, dscale)
    c = (level + crossing.ceil_()).clamp_(0.0, LAST)
    left = torch.where(parallel, -dloc, dscale).sign_()
    right = torch.where(parallel, left, -left)
    edges = torch.stack((torch.zeros_like(c), c, torch.full_like(c, LAST)))
    return edges, torch.stack((-left, left - right, right))


def _tail(x: Tensor, scale: Tensor, with_slopes: bool) -> tuple[Tensor, ...]:
    """Lattice tail T(x, s) = s log(1 + e) + rest: e, log(1 + e)/2, rest; if asked dT/dx, dT/ds.

    e = exp(-(x + J)/s) with J = DIRECT_EDGES. The midpoint Euler-Maclaurin expansion behind the J
    edges has the terms 1/24, -7/5760, 31/967680 with derivatives 1, 3, 5 of the sigmoid, which are
    polynomials in w = e/(1 + e)^2. Shapes as x, with which scale broadcasts.
    """
    inverse = scale.reciprocal()
    rate = inverse * LOG2_E
    square = inverse * inverse
    half_step = (rate * -0.5).exp2_()
    x = x + 0.5
    e = (x * rate).neg_().exp2_()
    rest, *moments = _sum_edges(e, half_step * half_step, DIRECT_EDGES, with_slopes)
    e.mul_(half_step)

    half_log = (e / (e + 2.0)).atanh_()
    q = (e + 1.0).reciprocal_()
    m = e * q
    w = m * q
    third = square * (7 / 240)
    fifth = square.square().mul_(31 / 40320)
    # -(w/24s) [1 - third (1 - 6w) + fifth (1 - 30w + 120w^2)]
    third_term = (w * -6.0).add_(1.0).mul_(third)
    fifth_term = (w * 120.0).sub_(30.0).mul_(w).add_(1.0).mul_(fifth)
    series = (1.0 - third_term).add_(fifth_term).mul_(w)
    rest.sub_(series * (inverse / 24))
    if not with_slopes:
        return e, half_log, rest

    weight, moment = moments
    slope = (w * 360.0).sub_(60.0).mul_(w).add_(1.0).mul_(fifth)
    slope.add_((w * 12.0).sub_(1.0).mul_(third)).add_(1.0).mul_(w).mul_(q - m)  # -d series/du
    square_24 = square / 24
    by_x = (slope * square_24).sub_(weight * inverse).sub_(m)
    by_scale = moment.add_(x * weight).mul_(square).add_(half_log, alpha=2.0)
    u = x.add_(DIRECT_EDGES - 0.5).mul_(inverse)
    by_scale.add_(m.mul_(u))
    series.add_(fifth_term.mul_(2.0).sub_(third_term).mul_(w), alpha=2.0).sub_(slope.mul_(u))
    by_scale.add_(series.mul_(square_24))
    return e, half_log, rest, by_x, by_scale


def _sum_edges(e: Tensor, step: Tensor, count: int, with_moments: bool) -> tuple[Tensor, ...]:
    """Sums over j < count of E_j/(1 + E_j), E_j = e step^j; if asked, of w_j and j w_j.

    w_j = E_j/(1 + E_j)^2. Leaves the last E_j in e.
    """
    q = (e + 1.0).reciprocal_()
    total = e * q
    moments = (total * q, torch.zeros_like(e)) if with_moments else ()
    for j in range(1, count):
        e.mul_(step)
        q = (e + 1.0).reciprocal_()
        g = e * q
        total.add_(g)
        if moments:
            g.mul_(q)
            moments[0].add_(g)
            moments[1].add_(g, alpha=j)
    return total, *moments


def _staircase(phase: Tensor, scale: Tensor, with_slopes: bool) -> tuple[Tensor, ...]:
    """Offset f(phase, s) = T(-phase, s) - T(phase, s); if asked also df/dphase and df/ds.

    f is a staircase for s to 0 and phase itself for wide logistics. Steep ones sum edges, wide
    ones the Fourier series of the lattice (Poisson's formula), phase + sum_m
    (-1)^m 2 pi s sin(2 pi m phase)/sinh(2 pi^2 m s), of which two terms suffice.
    """
    steep = scale < STEEP
    inverse = scale.reciprocal()
    signed = torch.stack((phase, -phase))  # (2, ...)
    e = (signed - 0.5).mul_(inverse * LOG2_E).exp2_()
    total, *moments = _sum_edges(e, e[0] * e[1], STAIRCASE_EDGES, with_slopes)

    rate = 2 * math.pi**2 * scale
    e1 = (rate * -LOG2_E).exp2_()
    e2 = e1 * e1
    e4 = e2 * e2
    first = -4 * math.pi * e1 / (1.0 - e2)
    second = 4 * math.pi * e2 / (1.0 - e4)
    sin = (2 * math.pi * phase).sin_()
    cos = (2 * math.pi * phase).cos_()
    sin2 = 2.0 * sin * cos
    wide = phase + scale * (first * sin + second * sin2)
    offset = torch.where(steep, total[0] - total[1], wide)
    if not with_slopes:
        return (offset,)

    weight, moment = moments
    cos2 = 1.0 - 2.0 * sin * sin
    wide = 1.0 + 2 * math.pi * scale * (first * cos + 2.0 * second * cos2)
    by_phase = torch.where(steep, (weight[0] + weight[1]) * inverse, wide)
    wide = first * sin * (1.0 - rate * (1.0 + e2) / (1.0 - e2))
    wide += second * sin2 * (1.0 - 2.0 * rate * (1.0 + e4) / (1.0 - e4))
    narrow = (0.5 - phase) * weight[0] - (0.5 + phase) * weight[1] + moment[0] - moment[1]
    by_scale = torch.where(steep, narrow * (inverse * inverse), wide)
    return offset, by_phase, by_scale


def _slopes(
    above: Tensor, slopes: Sequence[Tensor], offset_slopes: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """dQ/dloc and dQ/ds of the partial sums Q, ``(i, 3, ...)``."""
    by_x, by_scale = slopes
    offset_by_phase, offset_by_scale = offset_slopes
    by_loc = by_x * (1.0 - 2.0 * above)
    by_loc.sub_(above * offset_by_phase[:, None])
    return by_loc, by_scale.sub_(above * offset_by_scale[:, None])


def _subtract_integrals(
    e: Tensor,
    half_logs: Tensor,
    x: Tensor,
    y: Tensor,
    above: Tensor,
    scale: Tensor,
    dloc: Tensor,
    dscale: Tensor,
) -> Tensor:
    """s_p log(1 + e_p) - s_q log(1 + e_q) without cancellation, ``(3, ...)``.

    With u = (x + J)/s it is the mean logarithm times the difference of the scales plus the mean
    scale times 2 atanh(tanh((u_q - u_p)/2) (e_p + e_q)/(2 + e_p + e_q)), where u_q - u_p comes from
    the differences of the parameters.
    """
    same_side = above[0] + above[1] - 1.0
    dx = (above[0] - above[1]) * (y[0] + y[1]) - same_side * dloc
    mean_x = 0.5 * (x[0] + x[1]) + DIRECT_EDGES
    mean_scale = 0.5 * (scale[0] + scale[1])
    half_du = (mean_x * dscale - mean_scale * dx) * (0.5 / scale[0] / scale[1])
    total = e[0] + e[1]
    difference = half_du.tanh_().mul_(total / (total + 2.0)).atanh_()
    return dscale * (half_logs[0] + half_logs[1]) + 2.0 * mean_scale * difference
