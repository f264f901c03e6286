"""Wasserstein-1 of mixtures of discretised logistics as one GPU kernel.

The formulae are those of :mod:`latent_transport.kernels.mixture`; one lane holds one pair, its
parameters and its derivatives in registers, and walks over the 255 edges. Up to 10 components fit
the 255 registers of a lane; more work too, but are spilled to memory.
"""
# ruff: noqa: RUF005 - Triton compiles the concatenation of tuples, not their unpacking.

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from latent_transport.kernels import constants
from latent_transport.kernels.triton_math import tanh_near

MIN_SCALE = tl.constexpr(constants.MIN_SCALE)
LIMIT = tl.constexpr(constants.LIMIT)
EDGES = tl.constexpr(constants.EDGES)
LANES = 128


def launch(inputs: Sequence[Tensor], value: Tensor, partials: Tensor) -> None:
    """Fill the value ``(...)`` and, unless they are empty, the partials ``(6, ..., K)``."""
    inputs = [x.contiguous() for x in inputs]
    n, components = value.numel(), inputs[0].shape[-1]
    if n:
        with torch.cuda.device_of(value):
            evaluate[triton.cdiv(n, LANES),](
                *inputs, value, partials, n, components, len(partials) > 0, LANES
            )


@triton.jit(do_not_specialize=["n"])
def evaluate(
    logits_p_pointer,
    loc_p_pointer,
    scale_p_pointer,
    logits_q_pointer,
    loc_q_pointer,
    scale_q_pointer,
    value_pointer,
    partials_pointer,
    n,
    K: tl.constexpr,
    WITH_PARTIALS: tl.constexpr,
    LANES: tl.constexpr,
):
    """One lane a pair: its value and, if asked for, its 6 K partials."""
    i = tl.program_id(0).to(tl.int64) * LANES + tl.arange(0, LANES)
    inside = i < n
    first = i * K
    size = n.to(tl.int64) * K
    weight_p = _load_weights(logits_p_pointer, first, inside, K)
    weight_q = _load_weights(logits_q_pointer, first, inside, K)
    reweight = _subtract_weights(
        logits_p_pointer, logits_q_pointer, weight_p, weight_q, first, inside, K
    )
    loc_p, rate_p = _load(loc_p_pointer, scale_p_pointer, first, inside, K)
    loc_q, rate_q = _load(loc_q_pointer, scale_q_pointer, first, inside, K)
    slope, shift = (), ()
    centre = 0.0 * loc_p[0]
    for j in tl.static_range(K):
        centre += 0.5 * (weight_p[j] * loc_p[j] + weight_q[j] * loc_q[j])
        scale_p, scale_q = 1.0 / rate_p[j], 1.0 / rate_q[j]
        half = 0.5 * rate_p[j] * rate_q[j]
        slope = slope + ((scale_q - scale_p) * half,)
        shift = shift + (0.5 * (scale_p + scale_q) * (loc_q[j] - loc_p[j]) * half,)

    value, excess = 0.0 * centre, 0.0 * centre
    area_p, area_q = _zeros(value, K), _zeros(value, K)
    mass_p, mass_q = _zeros(value, K), _zeros(value, K)
    moment_p, moment_q = _zeros(value, K), _zeros(value, K)
    for k in range(EDGES):
        edge = k + 0.5
        below = edge < centre
        side = tl.where(below, 1.0, -1.0)
        cdf_p, cdf_q, density_p, density_q = (), (), (), ()
        difference = 0.0 * centre
        for j in tl.static_range(K):
            c_p, s_p, d_p = _evaluate_sigmoids((edge - loc_p[j]) * rate_p[j], below)
            c_q, s_q, d_q = _evaluate_sigmoids((edge - loc_q[j]) * rate_q[j], below)
            half_dz = (edge - 0.5 * (loc_p[j] + loc_q[j])) * slope[j] + shift[j]
            close = (c_p * s_q + c_q * s_p) * side * tanh_near(half_dz)
            difference += weight_q[j] * tl.where(tl.abs(half_dz) < 0.5, close, c_p - c_q)
            difference += reweight[j] * c_p
            cdf_p, cdf_q = cdf_p + (c_p,), cdf_q + (c_q,)
            density_p, density_q = density_p + (d_p,), density_q + (d_q,)
        # Kahan's sum: 254 roundings in a row would show.
        term = tl.abs(difference) - excess
        total = value + term
        excess = (total - value) - term
        value = total
        if WITH_PARTIALS:
            sign = tl.where(difference > 0.0, 1.0, tl.where(difference < 0.0, -1.0, 0.0))
            signed = sign * side
            area_p = _add_products(area_p, cdf_p, sign, K)
            area_q = _add_products(area_q, cdf_q, sign, K)
            mass_p = _add_products(mass_p, density_p, signed, K)
            mass_q = _add_products(mass_q, density_q, signed, K)
            moment_p = _add_moments(moment_p, density_p, loc_p, rate_p, edge, signed, K)
            moment_q = _add_moments(moment_q, density_q, loc_q, rate_q, edge, signed, K)

    tl.store(value_pointer + i, value, mask=inside)
    if WITH_PARTIALS:
        _store(
            partials_pointer + first,
            size,
            area_p,
            mass_p,
            moment_p,
            weight_p,
            rate_p,
            1.0,
            inside,
            K,
        )
        _store(
            partials_pointer + 3 * size + first,
            size,
            area_q,
            mass_q,
            moment_q,
            weight_q,
            rate_q,
            -1.0,
            inside,
            K,
        )


@triton.jit
def _load(loc_pointer, scale_pointer, first, inside, K: tl.constexpr):
    loc, rate = (), ()
    for j in tl.static_range(K):
        m = tl.load(loc_pointer + first + j, mask=inside, other=0.0)
        s = tl.load(scale_pointer + first + j, mask=inside, other=1.0)
        loc = loc + (tl.minimum(tl.maximum(m, -LIMIT), LIMIT),)
        rate = rate + (1.0 / tl.minimum(tl.maximum(s, MIN_SCALE), LIMIT),)
    return loc, rate


@triton.jit
def _load_weights(logits_pointer, first, inside, K: tl.constexpr):
    """Weights softmax(logits)."""
    largest = tl.load(logits_pointer + first, mask=inside, other=0.0)
    for j in tl.static_range(1, K):
        largest = tl.maximum(largest, tl.load(logits_pointer + first + j, mask=inside, other=0.0))
    exps = ()
    total = 0.0 * largest
    for j in tl.static_range(K):
        e = tl.exp(tl.load(logits_pointer + first + j, mask=inside, other=0.0) - largest)
        exps = exps + (e,)
        total += e
    weights = ()
    for j in tl.static_range(K):
        weights = weights + (exps[j] / total,)
    return weights


@triton.jit
def _subtract_weights(p_pointer, q_pointer, weight_p, weight_q, first, inside, K: tl.constexpr):
    """weight_p - weight_q, from the differences of the logits where these are small."""
    change = ()
    mean = 0.0 * weight_p[0]
    for j in tl.static_range(K):
        p = tl.load(p_pointer + first + j, mask=inside, other=0.0)
        d = p - tl.load(q_pointer + first + j, mask=inside, other=0.0)
        change = change + (d,)
        mean += weight_q[j] * d
    growth = ()
    widest = 0.0 * mean
    mean_growth = 0.0 * mean
    for j in tl.static_range(K):
        d = change[j] - mean
        widest = tl.maximum(widest, tl.abs(d))
        t = tanh_near(0.5 * tl.minimum(tl.maximum(d, -1.0), 1.0))
        g = 2.0 * t / (1.0 - t)  # exp(d) - 1
        growth = growth + (g,)
        mean_growth += weight_q[j] * g
    difference = ()
    for j in tl.static_range(K):
        close = weight_q[j] * (growth[j] - mean_growth) / (1.0 + mean_growth)
        difference = difference + (tl.where(widest < 1.0, close, weight_p[j] - weight_q[j]),)
    return difference


@triton.jit
def _evaluate_sigmoids(z, below):
    """The cdf and survival function, exchanged above the centre, and their product."""
    e = tl.exp(-tl.abs(z))
    large = 1.0 / (1.0 + e)
    small = e * large
    up = (z > 0.0) == below
    return tl.where(up, large, small), tl.where(up, small, large), small * large


@triton.jit
def _zeros(like, K: tl.constexpr):
    zeros = ()
    for _ in tl.static_range(K):
        zeros = zeros + (0.0 * like,)
    return zeros


@triton.jit
def _add_products(sums, factors, sign, K: tl.constexpr):
    result = ()
    for j in tl.static_range(K):
        result = result + (sums[j] + factors[j] * sign,)
    return result


@triton.jit
def _add_moments(sums, density, loc, rate, edge, sign, K: tl.constexpr):
    result = ()
    for j in tl.static_range(K):
        result = result + (sums[j] + density[j] * ((edge - loc[j]) * rate[j]) * sign,)
    return result


@triton.jit
def _store(pointer, size, area, mass, moment, weight, rate, orientation, inside, K: tl.constexpr):
    """Partials by logits, locations and scales, each of ``size``, from the sums over the edges."""
    mean = 0.0 * area[0]
    for j in tl.static_range(K):
        mean += weight[j] * area[j]
    for j in tl.static_range(K):
        w = orientation * weight[j]
        tl.store(pointer + j, w * (area[j] - mean), mask=inside)
        tl.store(pointer + size + j, -w * rate[j] * mass[j], mask=inside)
        tl.store(pointer + 2 * size + j, -w * rate[j] * moment[j], mask=inside)
