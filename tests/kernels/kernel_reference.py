"""Independent truths for the Wasserstein-1 kernels: dense sums over the 256 levels."""

import torch
from torch import Tensor


def pmf(logits: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Probabilities of the 256 levels of mixtures ``(..., K)`` of discretised logistics."""
    edges = torch.arange(255, dtype=loc.dtype) + 0.5
    cdf = ((edges - loc[..., None]) / scale[..., None]).sigmoid()  # (..., K, 255)
    cdf = (logits.softmax(-1)[..., None] * cdf).sum(-2)  # (..., 255)
    zero, one = torch.zeros_like(cdf[..., :1]), torch.ones_like(cdf[..., :1])
    return torch.cat((zero, cdf, one), -1).diff(dim=-1)  # (..., 256)


def mixture_wasserstein1(logits_p, loc_p, scale_p, logits_q, loc_q, scale_q) -> Tensor:
    """Eq. 5 as printed, differentiable."""
    difference = pmf(logits_p, loc_p, scale_p) - pmf(logits_q, loc_q, scale_q)
    return difference.cumsum(-1)[..., :-1].abs().sum(-1)


def logistic_wasserstein1(loc_p, scale_p, loc_q, scale_q) -> Tensor:
    """Eq. 5 as printed for single logistics, differentiable."""
    p = (torch.zeros_like(loc_p), loc_p, scale_p)
    q = (torch.zeros_like(loc_q), loc_q, scale_q)
    return mixture_wasserstein1(*(x[..., None] for x in (*p, *q)))


def logistic_wasserstein1_without_cancellation(loc_p, scale_p, loc_q, scale_q) -> Tensor:
    """Sum over the edges of |F_p - F_q| = sinh|d| / (2 cosh a cosh b), d = a - b, for any scale."""
    loc_p, scale_p, loc_q, scale_q = (x[..., None] for x in (loc_p, scale_p, loc_q, scale_q))
    edges = torch.arange(255, dtype=loc_p.dtype) + 0.5
    a, b = (edges - loc_p) / (2 * scale_p), (edges - loc_q) / (2 * scale_q)
    d = ((edges - loc_q) * (scale_q - scale_p) / scale_q + loc_q - loc_p) / (2 * scale_p)
    log_cosh = (
        a.abs() + b.abs() + torch.log1p((-2 * a.abs()).exp()) + torch.log1p((-2 * b.abs()).exp())
    )
    log_sinh = d.abs() + torch.log(-torch.expm1(-2 * d.abs()))
    return (log_sinh - log_cosh).exp().sum(-1)  # 1/2 and the 2s of sinh, cosh, cosh cancel


def logistic_cdf_slopes(loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of the 255 cdf values by loc and by scale, accurate in both tails."""
    z = (torch.arange(255, dtype=loc.dtype) + 0.5 - loc[..., None]) / scale[..., None]
    density = z.sigmoid() * (-z).sigmoid() / scale[..., None]
    return -density, -z * density
