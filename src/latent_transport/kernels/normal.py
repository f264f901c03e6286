"""W1 between one-dimensional normal distributions."""

import math

import torch
from torch import Tensor


def normal_wasserstein1(loc_p: Tensor, scale_p: Tensor, loc_q: Tensor, scale_q: Tensor) -> Tensor:
    r"""Wasserstein-1 distance of normal distributions.

    For a location-scale family :math:`W_1 = E|\Delta m + \Delta s X|` with X standard; with X
    normal this is the mean of a folded normal variate,

    .. math:: W_1 = |\Delta m| \operatorname{erf}\frac{|\Delta m|}{\sqrt 2 |\Delta s|}
              + |\Delta s| \sqrt{2/\pi} \, e^{-\Delta m^2 / (2 \Delta s^2)} .

    It is a norm of :math:`(\Delta m, \Delta s)`.

    Parameters
    ----------
    loc_p, scale_p, loc_q, scale_q : Tensor
        Means and standard deviations, broadcastable.

    Returns
    -------
    Tensor
        W1 in units of the data; 0 with gradient 0 for equal distributions.
    """
    dm, ds = (loc_p - loc_q).abs(), (scale_p - scale_q).abs()
    # Where ds is negligible the ratio is capped: erf is 1 there, and no gradient is inf * 0.
    ratio = dm / torch.maximum(ds, 1e-4 * dm + torch.finfo(dm.dtype).tiny)
    return dm * torch.erf(ratio / math.sqrt(2)) + ds * math.sqrt(2 / math.pi) * torch.exp(
        -ratio.square() / 2
    )
