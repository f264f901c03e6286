"""Closed-form Wasserstein-1 of discretised logistics as one GPU kernel.

The formulae are those of :mod:`latent_transport.kernels.logistic`; one lane holds one pair, and
reads and writes nothing but its 4 inputs, its value and its 4 partial derivatives.
"""

import math
from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from latent_transport.kernels import constants
from latent_transport.kernels.triton_math import atanh, sin_cos, tanh

LAST = tl.constexpr(float(constants.EDGES))
MIN_SCALE = tl.constexpr(constants.MIN_SCALE)
LIMIT = tl.constexpr(constants.LIMIT)
DIRECT_EDGES = tl.constexpr(constants.DIRECT_EDGES)
STAIRCASE_EDGES = tl.constexpr(constants.STAIRCASE_EDGES)
STEEP = tl.constexpr(constants.STEEP)
WIDE = tl.constexpr(constants.WIDE[torch.float32])
SMOOTH = tl.constexpr(constants.SMOOTH[torch.float32])
PI = tl.constexpr(math.pi)
LANES = 128


def launch(inputs: Sequence[Tensor], value: Tensor, partials: Tensor) -> None:
    """Fill the value ``(...)`` and, unless they are empty, the partials ``(4, ...)``."""
    inputs = [x.contiguous() for x in inputs]
    n = value.numel()
    if n:
        with torch.cuda.device_of(value):
            evaluate[triton.cdiv(n, LANES),](*inputs, value, partials, n, len(partials) > 0, LANES)


@triton.jit(do_not_specialize=["n"])
def evaluate(
    loc_p_pointer,
    scale_p_pointer,
    loc_q_pointer,
    scale_q_pointer,
    value_pointer,
    partials_pointer,
    n,
    WITH_PARTIALS: tl.constexpr,
    LANES: tl.constexpr,
):
    """One lane a pair: its value and, if asked for, its 4 partials."""
    i = tl.program_id(0).to(tl.int64) * LANES + tl.arange(0, LANES)
    inside = i < n
    size = n.to(tl.int64)
    loc_p, scale_p = _load(loc_p_pointer, scale_p_pointer, i, inside)
    loc_q, scale_q = _load(loc_q_pointer, scale_q_pointer, i, inside)
    dloc, dscale = loc_p - loc_q, scale_p - scale_q

    level_p = _round(loc_p)
    phase_p = loc_p - level_p
    parallel = dscale == 0.0
    crossing = phase_p - 0.5 - scale_p * dloc / tl.where(parallel, 1.0, dscale)
    c = _clamp(level_p + tl.ceil(crossing), 0.0, LAST)
    lead = tl.where(parallel, -dloc, dscale)
    left = tl.where(lead > 0.0, 1.0, tl.where(lead < 0.0, -1.0, 0.0))
    right = tl.where(parallel, left, -left)

    # In place of a wide logistic the closed form sees a narrower one, centred like the other.
    wide_p, wide_q = scale_p > WIDE, scale_q > WIDE
    mean = _clamp(tl.where(wide_p, loc_q, loc_p), 0.0, LAST)
    at_p, width_p = tl.where(wide_p, loc_p, mean), tl.where(wide_p, scale_p, SMOOTH)
    at_q, width_q = tl.where(wide_q, loc_q, mean), tl.where(wide_q, scale_q, SMOOTH)
    loc_p, loc_q = tl.where(wide_p, mean, loc_p), tl.where(wide_q, mean, loc_q)
    scale_p, scale_q = tl.where(wide_p, SMOOTH, scale_p), tl.where(wide_q, SMOOTH, scale_q)
    dloc, dscale = loc_p - loc_q, scale_p - scale_q
    level_p, level_q = _round(loc_p), _round(loc_q)
    phase_p, phase_q = loc_p - level_p, loc_q - level_q

    offset_p, offset_loc_p, offset_scale_p = _staircase(phase_p, scale_p)
    offset_q, offset_loc_q, offset_scale_q = _staircase(phase_q, scale_q)
    level_p, level_q = _clamp(level_p, 0.0, LAST), _clamp(level_q, 0.0, LAST)
    steps = 0.0 * c
    fraction = 0.0 * c
    by_loc_p, by_scale_p, by_loc_q, by_scale_q = 0.0 * c, 0.0 * c, 0.0 * c, 0.0 * c
    for point in tl.static_range(3):
        if point == 0:
            edge, weight = 0.0 * c, -left
        elif point == 1:
            edge, weight = c, left - right
        else:
            edge, weight = 0.0 * c + LAST, right
        y_p, y_q = edge - loc_p, edge - loc_q
        above_p, above_q = tl.where(y_p > 0.0, 1.0, 0.0), tl.where(y_q > 0.0, 1.0, 0.0)
        x_p, x_q = tl.abs(y_p), tl.abs(y_q)
        e_p, log_p, rest_p, slope_p, by_s_p = _tail(x_p, scale_p)
        e_q, log_q, rest_q, slope_q, by_s_q = _tail(x_q, scale_q)

        dx = (above_p - above_q) * (y_p + y_q) - (above_p + above_q - 1.0) * dloc
        mean_x = 0.5 * (x_p + x_q) + DIRECT_EDGES
        mean_scale = 0.5 * (scale_p + scale_q)
        half_du = (mean_x * dscale - mean_scale * dx) * (0.5 / scale_p / scale_q)
        total = e_p + e_q
        integral = 2.0 * mean_scale * atanh(tanh(half_du) * (total / (total + 2.0)))
        integral += dscale * (log_p + log_q)

        steps += weight * (above_p * (edge - level_p) - above_q * (edge - level_q))
        rest_p, rest_q = rest_p - above_p * offset_p, rest_q - above_q * offset_q
        fraction += weight * (rest_p - rest_q + integral)
        by_loc_p += weight * (slope_p * (1.0 - 2.0 * above_p) - above_p * offset_loc_p)
        by_loc_q -= weight * (slope_q * (1.0 - 2.0 * above_q) - above_q * offset_loc_q)
        by_scale_p += weight * (by_s_p - above_p * offset_scale_p)
        by_scale_q -= weight * (by_s_q - above_q * offset_scale_q)

    value = steps + fraction
    any_wide = tl.max((wide_p | wide_q).to(tl.int32), 0)
    if any_wide > 0:
        value = tl.where(wide_p & wide_q, 0.0, value)
        narrower, wider = tl.minimum(width_p, width_q), tl.maximum(width_p, width_q)
        pivot = tl.where(width_p < width_q, at_p, at_q)
        smooth = 0.0 * c
        smooth_loc_p, smooth_scale_p, smooth_loc_q, smooth_scale_q = smooth, smooth, smooth, smooth
        for half in tl.static_range(2):
            if half == 0:
                count, sign, centre = c, left, 0.5 * c
            else:
                count, sign, centre = LAST - c, right, 0.5 * (c + LAST)
            square = count * count
            radius = tl.sqrt(tl.maximum((3.0 * square - 7.0) / 20.0, 0.0))
            outer = 2.5 * (square - 1.0) / (9.0 * square - 21.0)
            for point in tl.static_range(-1, 2):
                node = centre + point * radius
                weight = sign * count * (1.0 - 2.0 * outer if point == 0 else outer)
                z_p, z_q = (node - at_p) / width_p, (node - at_q) / width_q
                low_p, high_p = _sigmoid(z_p), _sigmoid(-z_p)
                low_q, high_q = _sigmoid(z_q), _sigmoid(-z_q)
                change = (node - pivot) * ((width_q - width_p) / narrower) + (at_q - at_p)
                change = tanh(change * (0.5 / wider))
                smooth += weight * (low_p * high_q + low_q * high_p) * change
                density_p = weight * low_p * high_p / width_p
                density_q = weight * low_q * high_q / width_q
                smooth_loc_p -= density_p
                smooth_loc_q += density_q
                smooth_scale_p -= density_p * z_p
                smooth_scale_q += density_q * z_q
        value += tl.where(wide_p | wide_q, smooth, 0.0)
        by_loc_p = tl.where(wide_p, smooth_loc_p, by_loc_p)
        by_loc_q = tl.where(wide_q, smooth_loc_q, by_loc_q)
        by_scale_p = tl.where(wide_p, smooth_scale_p, by_scale_p)
        by_scale_q = tl.where(wide_q, smooth_scale_q, by_scale_q)

    tl.store(value_pointer + i, _clamp(value, 0.0, LAST), mask=inside)
    if WITH_PARTIALS:
        tl.store(partials_pointer + i, by_loc_p, mask=inside)
        tl.store(partials_pointer + size + i, by_scale_p, mask=inside)
        tl.store(partials_pointer + 2 * size + i, by_loc_q, mask=inside)
        tl.store(partials_pointer + 3 * size + i, by_scale_q, mask=inside)


@triton.jit
def _load(loc_pointer, scale_pointer, i, inside):
    loc = tl.load(loc_pointer + i, mask=inside, other=0.0)
    scale = tl.load(scale_pointer + i, mask=inside, other=1.0)
    return _clamp(loc, -LIMIT, LIMIT), _clamp(scale, MIN_SCALE, LIMIT)


@triton.jit
def _sigmoid(z):
    e = tl.exp(-tl.abs(z))
    return tl.where(z < 0.0, e, 1.0) / (1.0 + e)


@triton.jit
def _clamp(x, low, high):
    return tl.minimum(tl.maximum(x, low), high)


@triton.jit
def _round(loc):
    """The nearest level; loc + 1/2 would be rounded where loc is large."""
    below = tl.floor(loc)
    return below + tl.where(loc - below < 0.5, 0.0, 1.0)


@triton.jit
def _tail(x, scale):
    """e, log(1 + e)/2, T - s log(1 + e), dT/dx and dT/ds of the lattice tail T(x, s)."""
    inverse = 1.0 / scale
    square = inverse * inverse
    half_step = tl.exp(-0.5 * inverse)
    e = tl.exp(-(x + 0.5) * inverse)
    rest, weight, moment, e = _sum_edges(e, half_step * half_step, DIRECT_EDGES)
    e *= half_step

    half_log = atanh(e / (e + 2.0))
    q = 1.0 / (1.0 + e)
    m = e * q
    w = m * q
    third = square * (7 / 240)
    fifth = square * square * (31 / 40320)
    third_term = third * (1.0 - 6.0 * w)
    fifth_term = fifth * (1.0 + w * (120.0 * w - 30.0))
    series = w * (1.0 - third_term + fifth_term)
    rest -= series * inverse * (1 / 24)

    u = (x + DIRECT_EDGES) * inverse
    slope = 1.0 - third * (1.0 - 12.0 * w) + fifth * (1.0 + w * (360.0 * w - 60.0))
    slope *= w * (q - m)
    by_x = slope * square * (1 / 24) - weight * inverse - m
    series += 2.0 * w * (2.0 * fifth_term - third_term)
    by_scale = (series - u * slope) * square * (1 / 24) + u * m + 2.0 * half_log
    by_scale += ((x + 0.5) * weight + moment) * square
    return e, half_log, rest, by_x, by_scale


@triton.jit
def _sum_edges(e, step, COUNT: tl.constexpr):
    """Sums of g_j, w_j and j w_j over j < COUNT, and the last E_j."""
    total, weight, moment = 0.0 * e, 0.0 * e, 0.0 * e
    for j in tl.static_range(COUNT):
        if j > 0:
            e *= step
        q = 1.0 / (1.0 + e)
        g = e * q
        total += g
        weight += g * q
        moment += j * g * q
    return total, weight, moment, e


@triton.jit
def _staircase(phase, scale):
    """Offset f(phase, s) of the lattice, df/dphase and df/ds."""
    inverse = 1.0 / scale
    e_up = tl.exp((phase - 0.5) * inverse)
    e_down = tl.exp((-phase - 0.5) * inverse)
    step = e_up * e_down
    total_up, weight_up, moment_up, _ = _sum_edges(e_up, step, STAIRCASE_EDGES)
    total_down, weight_down, moment_down, _ = _sum_edges(e_down, step, STAIRCASE_EDGES)
    moment = (0.5 - phase) * weight_up - (0.5 + phase) * weight_down + moment_up - moment_down

    rate = 2 * PI * PI * scale
    e1 = tl.exp(-rate)
    e2 = e1 * e1
    e4 = e2 * e2
    first = -4 * PI * e1 / (1.0 - e2)
    second = 4 * PI * e2 / (1.0 - e4)
    sin, cos = sin_cos(phase)
    sin2, cos2 = 2.0 * sin * cos, 1.0 - 2.0 * sin * sin
    offset = phase + scale * (first * sin + second * sin2)
    by_phase = 1.0 + 2 * PI * scale * (first * cos + 2.0 * second * cos2)
    by_scale = first * sin * (1.0 - rate * (1.0 + e2) / (1.0 - e2))
    by_scale += second * sin2 * (1.0 - 2.0 * rate * (1.0 + e4) / (1.0 - e4))

    steep = scale < STEEP
    offset = tl.where(steep, total_up - total_down, offset)
    by_phase = tl.where(steep, (weight_up + weight_down) * inverse, by_phase)
    return offset, by_phase, tl.where(steep, moment * inverse * inverse, by_scale)
