"""Quadratic models in few dimensions, and their minima within a trust region."""

from dataclasses import dataclass

import torch
from torch import Tensor

BISECTIONS = 50


@dataclass(frozen=True)
class Minimum:
    r"""Where quadratic models :math:`g^T c + \tfrac12 c^T T c` are least, :math:`|c| \le \Delta`.

    Attributes
    ----------
    step : Tensor, shape (b, k)
        The constrained minimiser.
    decrease : Tensor, shape (b,)
        How far the model decreases there.
    free : Tensor, shape (b, k)
        Minimiser without the constraint, but within ``reach`` along each eigenvector, where the
        model is convex; else the constrained one.
    least : Tensor, shape (b,)
        Least eigenvalue of T.
    lowest : Tensor, shape (b, k)
        Its eigenvector.
    """

    step: Tensor
    decrease: Tensor
    free: Tensor
    least: Tensor
    lowest: Tensor


def minimize_quadratic(hessian: Tensor, gradient: Tensor, radius: Tensor, reach: Tensor) -> Minimum:
    """Minimise models of Hessians (b, k, k) and gradients (b, k) within radii (b,).

    Further than ``reach`` (b,) no model is believed: an eigenvalue that is rounding promises all.

    By the eigenvalues of the small matrices, and bisection for the multiplier, which tells whether
    the constraint holds; along the lowest eigenvector where the gradient has no part in it (Conn,
    Gould & Toint 2000, *Trust-region methods*, Section 7.3).
    """
    values, vectors = torch.linalg.eigh(hessian)  # (b, k), (b, k, k)
    along = (vectors.mT @ gradient[..., None]).squeeze(-1)  # (b, k)
    tiny = torch.finfo(values.dtype).eps * values.abs().amax(-1) + torch.finfo(values.dtype).tiny
    least = values[:, 0]  # (b,)

    def descend(shift: Tensor) -> Tensor:
        return along / (values + shift[:, None]).clamp(min=tiny[:, None])  # (b, k)

    nothing = torch.zeros_like(least)  # (b,)
    free = -descend(nothing)  # (b, k)
    convex = least > tiny  # (b,)
    inside = convex & (free.norm(dim=-1) <= radius)  # (b,)
    low = (-least).clamp(min=0)  # (b,)
    high = low + along.norm(dim=-1) / radius.clamp(min=torch.finfo(values.dtype).tiny) + tiny
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)  # (b,)
        far = descend(middle).norm(dim=-1) > radius  # (b,)
        low, high = torch.where(far, middle, low), torch.where(far, high, middle)
    step = torch.where(inside[:, None], free, -descend(high))  # (b, k)
    # On the sphere; also where the gradient has but rounding along the lowest eigenvector.
    size = (radius.square() - step[:, 1:].square().sum(-1)).clamp(min=0).sqrt()  # (b,)
    downhill = torch.where(along[:, 0] > 0, -1.0, 1.0).to(size) * size  # (b,)
    bottom = torch.where(least < -tiny, downhill, step[:, 0])  # (b,)
    step = torch.cat((bottom[:, None], step[:, 1:]), 1)
    decrease = -(along * step + 0.5 * values * step.square()).sum(-1)  # (b,)
    free = free.clamp(-reach[:, None], reach[:, None])  # (b, k)
    free = torch.where(convex[:, None], free, step)
    step, free = ((vectors @ x[..., None]).squeeze(-1) for x in (step, free))  # (b, k) each
    return Minimum(step, decrease, free, least, vectors[..., 0])
