"""Wasserstein-1 of mixtures written for a fusing compiler.

The same mathematics as in :mod:`latent_transport.kernels.mixture`, one component at a time: every
``(..., 255)`` expression is consumed by sums over the edges, so that a compiler can keep all of it
in registers, in one loop over pairs and edges.
"""

import torch
from torch import Tensor

from latent_transport.kernels.mixture_terms import prepare, subtract_arguments, subtract_weights


def evaluate(logits_p, loc_p, scale_p, logits_q, loc_q, scale_q, with_partials: bool):
    """Value ``(...)``, and if asked for its six partials ``(..., K)``."""
    weights, loc, scale, edges, side = prepare(
        torch.stack((logits_p, logits_q)),
        torch.stack((loc_p, loc_q)),
        torch.stack((scale_p, scale_q)),
    )
    rate = scale.reciprocal()
    slope, shift = subtract_arguments(loc, scale, rate)  # (..., K)
    centre = edges - loc.mean(0)[..., None]  # (..., K, 255)
    half_dz = 0.5 * (centre * slope[..., None] + shift[..., None])
    change = half_dz.tanh() * weights[1, ..., None]
    reweight = subtract_weights(logits_p - logits_q, weights)  # (..., K)

    z = ((edges - loc[..., None]) * rate[..., None]).unbind(-2)  # K times (2, ..., 255)
    cdf, survival, density = zip(*(_evaluate_sigmoids(x, side) for x in z), strict=True)
    difference = sum(
        side * change[..., j, :] * (c[0] * s[1] + c[1] * s[0]) + reweight[..., j, None] * c[0]
        for j, (c, s) in enumerate(zip(cdf, survival, strict=True))
    )  # (..., 255)
    value = difference.abs().sum(-1)
    if not with_partials:
        return (value,)

    sign = difference.sign()
    area = torch.stack([(c * sign).sum(-1) for c in cdf], -1)  # (2, ..., K)
    by_logits = weights * (area - (weights * area).sum(-1, keepdim=True))
    sign = sign * side
    by_loc = torch.stack([(d * sign).sum(-1) for d in density], -1) * (-weights * rate)
    by_scale = torch.stack(
        [(d * x * sign).sum(-1) for d, x in zip(density, z, strict=True)], -1
    ) * (-weights * rate)
    by_p, by_q = zip(by_logits, by_loc, by_scale, strict=True)
    return value, *by_p, *(-x for x in by_q)


def _evaluate_sigmoids(z: Tensor, side: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """sigmoid(side z), sigmoid(-side z) and their product from one exponential."""
    e = (-z.abs()).exp()
    large = 1.0 / (1.0 + e)
    small = e * large
    up = z * side > 0
    return torch.where(up, large, small), torch.where(up, small, large), small * large
