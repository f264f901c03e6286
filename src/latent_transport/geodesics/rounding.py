"""Rounding: what of distances and energies is noise of the decoder's arithmetic."""

import math

import torch
from torch import Tensor

from latent_transport.geodesics.curves import Curve, select_curves
from latent_transport.geometries.base import Geometry
from latent_transport.memory import map_rows

ORDER = 8  # of the differences that tell noise from the curve
SPACING = 1 / 1024  # of the points compared, as a share of the curve; bfloat16 tells them apart
PLACES = (0.25, 0.75)  # on the curve, where they are


def square_noise(geometry: Geometry, curve: Curve, memory: int | None = None) -> Tensor:
    r"""Squared distance between a decoded point and what it would be without rounding: (B,).

    In squared units of the data. Nine points are decoded close to each other on a curve. The middle
    one is compared, in the geometry's own distance, with the value that a polynomial through the
    other eight has there: a difference of eighth order, in which a smooth decoder has no part
    (Moré & Wild 2011, *Estimating computational noise*). It holds the rounding of whatever
    precision the decoder computes in.

    Parameters
    ----------
    geometry : Geometry
        Measures the distance.
    curve : callable
        Parameters (T,) to points (B, T, d).
    memory : int, optional
        Bytes that the temporaries may take; :data:`latent_transport.memory.MEMORY` by default.
    """
    middle = ORDER // 2
    weights = torch.tensor([(-1) ** k * math.comb(ORDER, k) for k in range(ORDER + 1)])  # (9,)
    # The value interpolated has noise of its own, as large as its weights make it.
    amplified = float(weights.square().sum() / weights[middle] ** 2)  # of the variance of a point
    steps = torch.arange(-middle, middle + 1, dtype=torch.float64) * SPACING  # (9,)

    def interpolate(x: Tensor) -> Tensor:
        """From (B, 2, 9, C, D) to the middle (B, 2, C, D), without its own value."""
        here = x[:, :, middle]  # (B, 2, C, D)
        share = (-weights / weights[middle]).to(x)  # (9,)
        return here + (share[:, None, None] * (x - here.unsqueeze(2))).sum(2)

    def measure(flat: Tensor) -> Tensor:
        """Squared noise (B,) of curves, by their points (B, 2 x 9 x d)."""
        points = flat.unflatten(1, (len(PLACES), ORDER + 1, -1))  # (B, 2, 9, d)
        p = geometry.decode(points)  # of (B, 2, 9)
        noise = geometry.residuals(p[:, :, middle], p.apply(interpolate))  # (B, 2, M, D)
        square = noise.square().sum((-2, -1)).mean(1) / amplified  # (B,)
        # Points that lie closer than their own rounding may all decode alike.
        near = points[:, :, middle]  # (B, 2, d)
        beside = near + torch.finfo(near.dtype).eps * near.abs().amax(-1, keepdim=True)
        step = geometry.residuals(geometry.decode(near), geometry.decode(beside))  # (B, 2, M, D)
        return torch.maximum(square, step.square().sum((-2, -1)).mean(1) / 2)  # of either

    with torch.no_grad():
        points = curve(torch.cat([place + steps for place in PLACES]))  # (B, 2 x 9, d)
        square = map_rows(
            measure, points.flatten(1), memory=memory, sizes=geometry.row_sizes, name="noise"
        )
    return square.nan_to_num(nan=0.0, posinf=0.0)


def energy_rounding(noise: Tensor, energy: Tensor, points: int) -> Tensor:
    r"""What of energies (B,) of polygons with so many corners may be rounding: (B,).

    With squared noise v of a point (B,) and S segments, each squared segment is wrong by about
    :math:`2 v` on average and :math:`\sqrt{8 v} \ell` at random; the energy, S times their sum, by
    :math:`2 S^2 v + \sqrt{8 S v E}` at most.
    """
    segments = points - 1
    return 2 * segments**2 * noise + (8 * segments * noise * energy).sqrt()


def underflows(
    geometry: Geometry, curve: Curve, energy: Tensor, segments: int, memory: int | None = None
) -> Tensor:
    """Whether curves are so short that squares of their segments lose digits: bool, shape (B,).

    Their ends differ, but by less than the square root of the least normal number of the dtype, for
    a segment: 3e-18 units of the data in float32, on 31 of them.

    Parameters
    ----------
    geometry : Geometry
        Measures the distance.
    curve : callable
        Parameters (T,) to points (B, T, d).
    energy : Tensor, shape (B,)
        Of polygons with so many ``segments``.
    memory : int, optional
        As of :func:`square_noise`.
    """
    short = energy < segments**2 * torch.finfo(energy.dtype).tiny  # (B,)
    rows = short.nonzero().squeeze(-1)  # (r,)
    if len(rows) == 0:
        return short

    def compare(z0: Tensor, z1: Tensor) -> Tensor:
        p, q = geometry.decode(z0), geometry.decode(z1)
        return (geometry.residuals(p, q) != 0).any(-1).any(-1)  # (r,)

    with torch.no_grad():
        ends = select_curves(curve, rows)(torch.tensor([0.0, 1.0], dtype=torch.float64))
        apart = map_rows(
            compare, *ends.unbind(1), memory=memory, sizes=geometry.row_sizes, name="underflow"
        )
    return short.index_copy(0, rows, apart)
