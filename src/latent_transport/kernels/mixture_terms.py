"""Parameters of a pair of mixtures in the form that their difference needs."""

import torch
from torch import Tensor

from latent_transport.kernels.constants import EDGES, LIMIT, MIN_SCALE


def prepare(logits: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
    """Weights, locations and scales ``(n, ..., K)`` of n mixtures, the edges, and the side.

    The side, ``(..., 255)``, is +1 on the edges below the mixtures' common centre and -1 above it:
    the cdf is taken there, or the survival function.
    """
    weights = logits.softmax(-1)
    loc = loc.clamp(-LIMIT, LIMIT)
    scale = scale.clamp(MIN_SCALE, LIMIT)
    edges = torch.arange(EDGES, dtype=loc.dtype, device=loc.device) + 0.5
    centre = (weights * loc).sum(-1).mean(0)[..., None]
    return weights, loc, scale, edges, torch.copysign(torch.ones_like(edges), centre - edges)


def subtract_arguments(loc: Tensor, scale: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """z_p - z_q = slope (edge - mean location) + shift, from the differences of the parameters."""
    both = rate[0] * rate[1]
    return (scale[1] - scale[0]) * both, scale.mean(0) * (loc[1] - loc[0]) * both


def subtract_weights(dlogits: Tensor, weights: Tensor) -> Tensor:
    """softmax(logits_p) - softmax(logits_q) from the differences of the logits, ``(..., K)``."""
    dlogits = dlogits - (weights[1] * dlogits).sum(-1, keepdim=True)
    growth = dlogits.clamp(-1.0, 1.0).expm1_()
    mean = (weights[1] * growth).sum(-1, keepdim=True)
    close = dlogits.abs().amax(-1, keepdim=True) < 1
    return torch.where(close, weights[1] * (growth - mean) / (1.0 + mean), weights[0] - weights[1])
