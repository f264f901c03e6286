"""Wasserstein-1 of mixtures written for a fusing compiler.

The same mathematics as in :mod:`latent_transport.kernels.mixture`, one component at a time: every
``(..., 255)`` expression is consumed by sums over the edges, so that a compiler can keep all of it
in registers, in one loop over pairs and edges.
"""

from typing import Any

import torch
from torch import Tensor

from latent_transport.kernels.mixture_terms import prepare, subtract_arguments, subtract_weights

# tanh(x)/x - 1 in powers of x^2 for |x| < 1/2; relative error of tanh below 1e-9
TANH = (-0.33333324, 0.13332902, -0.05389342, 0.02127471, -0.00661343)


def evaluate(
    logits_p: Tensor,
    loc_p: Tensor,
    scale_p: Tensor,
    logits_q: Tensor,
    loc_q: Tensor,
    scale_q: Tensor,
    with_partials: bool,
) -> tuple[Tensor, ...]:
    """Value ``(...)``, and if asked for its six partials ``(..., K)``."""
    weights, loc, scale, edges, side = prepare(
        torch.stack((logits_p, logits_q)),
        torch.stack((loc_p, loc_q)),
        torch.stack((scale_p, scale_q)),
    )
    rate = scale.reciprocal()  # (2, ..., K)
    slope, shift = (0.5 * x for x in subtract_arguments(loc, scale, rate))  # (..., K)
    reweight = subtract_weights(logits_p - logits_q, weights)  # (..., K)
    centre = loc.mean(0)  # (..., K)

    sides: tuple[list[_Component], list[_Component]] = ([], [])
    difference: Any = 0.0  # a tensor (..., 255) from the first component on
    for j in range(loc.shape[-1]):
        for i, components in enumerate(sides):
            components.append(_Component(loc[i, ..., j], rate[i, ..., j], edges, side))
        p, q = (components[j] for components in sides)
        half_dz = (edges - _column(centre, j)) * _column(slope, j) + _column(shift, j)
        moved = _subtract_cdfs(p, q, half_dz, side)
        difference += moved * _column(weights[1], j) + p.cdf * _column(reweight, j)
    value = difference.abs().sum(-1)
    if not with_partials:
        return (value,)

    sign = difference.sign()  # (..., 255)
    partials: list[Tensor] = []
    for orientation, w, r, components in zip((1.0, -1.0), weights, rate, sides, strict=True):
        area = torch.stack([(c.cdf * sign).sum(-1) for c in components], -1)  # (..., K)
        mass = torch.stack([(c.density * (sign * side)).sum(-1) for c in components], -1)
        moment = torch.stack([(c.density * c.z * (sign * side)).sum(-1) for c in components], -1)
        w = orientation * w
        partials += [w * area - w * (w.abs() * area).sum(-1, keepdim=True), -w * r * mass]
        partials += [-w * r * moment]
    return value, *partials


class _Component:
    """cdf or survival function of one logistic on every edge, ``(..., 255)`` each."""

    def __init__(self, loc: Tensor, rate: Tensor, edges: Tensor, side: Tensor):
        self.z = (edges - loc[..., None]) * rate[..., None]
        e = (-self.z.abs()).exp()
        large = 1.0 / (1.0 + e)
        small = e * large
        self.density = small * large
        below = self.z * side > 0
        self.cdf = torch.where(below, large, small)
        self.survival = torch.where(below, small, large)


def _subtract_cdfs(p: _Component, q: _Component, half_dz: Tensor, side: Tensor) -> Tensor:
    """p.cdf - q.cdf: as it stands where they are far apart, by tanh((z_p - z_q)/2) where close."""
    y = half_dz * half_dz
    series = torch.zeros_like(y)
    for coefficient in reversed(TANH):
        series = (series + coefficient) * y
    tanh = half_dz * (1.0 + series)
    close = (p.cdf * q.survival + q.cdf * p.survival) * tanh * side
    return torch.where(y < 0.25, close, p.cdf - q.cdf)


def _column(x: Tensor, j: int) -> Tensor:
    return x[..., j, None]
