"""The hyperbolic half plane, in which locations and scales are as far apart as laws can tell."""

import torch
from torch import Tensor

from latent_transport.distributions.family import divide_by_argument

LONG = 1e9  # a chord whose square is far from overflowing, and beyond which asinh is a logarithm


def half_plane_residuals(p: Tensor, q: Tensor, aspect: float) -> Tensor:
    r"""Residuals whose squares add up to squared lengths in :math:`(a^{-2} dm^2 + ds^2)/s^2`.

    The chord :math:`x = |p - q| / (2\sqrt{s_p s_q})` of points :math:`(m/a, s)` is the hyperbolic
    sine of half their distance.

    Parameters
    ----------
    p, q : Tensor, shape (..., 2, D)
        Locations m and positive scales s.
    aspect : float
        a.

    Returns
    -------
    Tensor, shape (..., 2, D)
    """
    (loc_p, scale_p), (loc_q, scale_q) = p.unbind(-2), q.unbind(-2)  # (..., D) each
    width = 2 * _root_of_product(scale_p, scale_q)  # (..., D)
    chord = torch.stack(((loc_p - loc_q) / aspect, scale_p - scale_q), -2)
    chord = chord / width[..., None, :]  # (..., 2, D)
    # Very long chords are measured in units of their larger entry, so that no square overflows.
    unit = chord.detach().abs().amax(-2, keepdim=True)  # (..., 1, D)
    unit = torch.where(unit > LONG, unit, 1)  # (..., 1, D)
    chord = chord / unit  # (..., 2, D)

    def asinh(x: Tensor) -> Tensor:
        far = (x + (x.square() + unit.reciprocal().square()).sqrt()).log() + unit.log()
        return torch.where(unit > 1, far, torch.asinh(x))

    square = chord.square().sum(-2, keepdim=True)  # (..., 1, D)
    return 2 * chord * divide_by_argument(asinh, square, -1 / 6)


def _root_of_product(x: Tensor, y: Tensor) -> Tensor:
    """Root of xy; of each factor where their product, or its inverse in a slope, overflows."""
    product, info = x * y, torch.finfo(x.dtype)  # (..., D)
    fits = (product > info.tiny**0.75) & (product < info.max)  # (..., D)
    return torch.where(fits, torch.where(fits, product, 1).sqrt(), x.sqrt() * y.sqrt())
