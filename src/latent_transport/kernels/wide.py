r"""Sums over the edges of logistic cdfs far wider than the 256 levels.

The closed form of :mod:`latent_transport.kernels.logistic` subtracts partial sums as large as the
scale, and so loses a digit with every digit of the scale. But the cdfs of wide logistics are smooth
between the edges: Gauss's rule of three nodes, exact for polynomials of degree five summed over
consecutive integers, has their sums to :math:`(127/\pi s)^6`. At its nodes no digit is lost in

.. math:: F_p - F_q = (F_p (1 - F_q) + F_q (1 - F_p)) \tanh \frac{z_p - z_q}{2}, \quad
          z_p - z_q = \frac{1}{s_q}
          \left(\frac{(k + 1/2 - m_p)(s_q - s_p)}{s_p} + m_q - m_p\right)

for :math:`s_p < s_q`; for the others likewise around :math:`m_q`.
"""

import torch
from torch import Tensor

from latent_transport.kernels.constants import EDGES


def subtract_cdfs(
    edges: Tensor, weights: Tensor, p: tuple[Tensor, Tensor], q: tuple[Tensor, Tensor]
) -> Tensor:
    """Sum of signs times F_p - F_q, of two wide logistics (location, scale): ``(...)``.

    The signs change at the edge ``edges[1]``, and are ``-weights[0]`` and ``weights[2]``.
    """
    nodes, signed = _place_nodes(edges, weights)  # (6, ...)
    (loc_p, scale_p), (loc_q, scale_q) = p, q
    z_p, z_q = (nodes - loc_p) / scale_p, (nodes - loc_q) / scale_q  # (6, ...)
    narrower, wider = torch.minimum(scale_p, scale_q), torch.maximum(scale_p, scale_q)  # (...)
    centre = torch.where(scale_p < scale_q, loc_p, loc_q)  # (...)
    change = (nodes - centre) * ((scale_q - scale_p) / narrower) + (loc_q - loc_p)
    change = torch.tanh(change * (0.5 / wider))  # (6, ...)
    either = z_p.sigmoid() * (-z_q).sigmoid() + z_q.sigmoid() * (-z_p).sigmoid()
    return (signed * either * change).sum(0)


def sum_slopes(edges: Tensor, weights: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of signs times dF/dloc and dF/dscale of a wide logistic, ``(...)`` each."""
    nodes, signed = _place_nodes(edges, weights)  # (6, ...)
    z = (nodes - loc) / scale
    by_loc = z.sigmoid() * (-z).sigmoid() * signed / -scale
    return by_loc.sum(0), (by_loc * z).sum(0)


def _place_nodes(edges: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and signed weights of the rules on both sides of the edge, ``(6, ...)`` each."""
    c = edges[1]  # (...)
    count = torch.stack((c, EDGES - c))  # (2, ...)
    signed = count * torch.stack((-weights[0], weights[2]))  # (2, ...)
    centre = torch.stack((0.5 * c, 0.5 * (c + EDGES)))  # (2, ...)
    square = count * count
    radius = ((3.0 * square - 7.0) / 20.0).clamp_(min=0.0).sqrt_()  # one edge is its own node
    outer = 2.5 * (square - 1.0) / (9.0 * square - 21.0)
    nodes = torch.cat((centre - radius, centre, centre + radius))
    return nodes, torch.cat((signed * outer, signed * (1.0 - 2.0 * outer), signed * outer))
