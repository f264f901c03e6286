"""A two-dimensional latent space as a field: volume and indicatrices of a metric, the surface."""

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.distributions.registry import distribution_mean
from latent_transport.geometries.base import Geometry

OUTLIERS = 0.005


@dataclass(frozen=True)
class Field:
    """A grid over a latent plane.

    Attributes
    ----------
    x, y : Tensor, shape (G,)
        Grid coordinates.
    volume : Tensor, shape (G, G)
        Volume density of the geometry at (y, x).
    surface : Tensor, shape (G, G, 3)
        Decoder means at (y, x) in their three leading principal components, in units of the data.
    components : Tensor, shape (3, D)
        The orthonormal principal components.
    centre : Tensor, shape (D,)
        Mean of the decoder means.
    """

    x: Tensor
    y: Tensor
    volume: Tensor
    surface: Tensor
    components: Tensor
    centre: Tensor

    def project(self, means: Tensor) -> Tensor:
        """Data (..., D) in the three principal components: (..., 3)."""
        return (means - self.centre) @ self.components.mT


def bounding_square(
    codes: Tensor, curves: Tensor | None = None, *, outliers: float = OUTLIERS, margin: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the smallest square around nearly all codes and every curve.

    Parameters
    ----------
    codes : Tensor, shape (n, 2)
        Latent codes. A few lie far out, and would make the square too large for the others.
    curves : Tensor, shape (..., 2), optional
        Points that the square holds, all of them.
    outliers : float
        Share of the codes left out at either end of each axis.
    margin : float
        Share of the larger range added on each side.

    Returns
    -------
    tuple of Tensor, shape (2,) each
        Lower left and upper right corner.
    """
    low, high = codes.quantile(outliers, 0), codes.quantile(1 - outliers, 0)  # (2,) each
    if curves is not None:
        points = curves.reshape(-1, 2)
        low = torch.minimum(low, points.amin(0))
        high = torch.maximum(high, points.amax(0))
    centre, half = (low + high) / 2, (high - low).amax() * (0.5 + margin)
    return centre - half, centre + half


def measure_field(
    geometry: Geometry,
    codes: Tensor,
    curves: Tensor | None = None,
    *,
    size: int,
    margin: float = 0.08,
) -> Field:
    """Measure a geometry on a square grid that covers the square of nearly all codes, and curves.

    Parameters
    ----------
    geometry : Geometry
        Of a two-dimensional latent space.
    codes : Tensor, shape (n, 2)
        Latent codes; outliers may lie beyond the grid, see :func:`bounding_square`.
    curves : Tensor, shape (..., 2), optional
        Points that the grid covers.
    size : int
        Grid points G along each axis.
    margin : float
        Share of the larger range added on each side.
    """
    # Those who draw the codes' own square, without the curves, find all of it covered too.
    covered = torch.stack(bounding_square(codes))  # (2, 2)
    if curves is not None:
        covered = torch.cat((covered, curves.reshape(-1, 2)))
    low, high = bounding_square(codes, covered, margin=margin)  # (2,) each
    steps = torch.linspace(0, 1, size, dtype=codes.dtype, device=codes.device)  # (G,)
    x, y = (torch.lerp(low[axis], high[axis], steps) for axis in (0, 1))  # (G,) each
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)  # (G, G, 2)
    volume = geometry.volume(grid)  # (G, G)
    means = torch.stack([distribution_mean(geometry.decoder(row)) for row in grid])  # (G, G, D)
    average = means.mean((0, 1))  # (D,)
    _, _, components = torch.linalg.svd((means - average).flatten(0, 1), full_matrices=False)
    # The sign of a singular vector is arbitrary; the largest entry decides it.
    largest = components.abs().argmax(1, keepdim=True)  # (D, 1)
    components = (components * components.gather(1, largest).sign())[:3]  # (3, D)
    surface = (means - average) @ components.mT  # (G, G, 3)
    return Field(x, y, volume, surface, components, average)


def cell_centres(codes: Tensor, size: int) -> Tensor:
    """Return the centres of size x size equal cells of the square around nearly all codes.

    Parameters
    ----------
    codes : Tensor, shape (n, 2)
        Latent codes.
    size : int
        Cells along an axis of their :func:`bounding_square`.

    Returns
    -------
    Tensor, shape (size^2, 2)
        Row by row.
    """
    low, high = bounding_square(codes)  # (2,) each
    steps = (torch.arange(size, dtype=codes.dtype, device=codes.device) + 0.5) / size
    x, y = (torch.lerp(low[axis], high[axis], steps) for axis in (0, 1))  # (size,) each
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).flatten(0, 1)  # (size^2, 2)


def indicatrices(geometry: Geometry, points: Tensor, angles: Tensor) -> Tensor:
    r"""Boundaries of the indicatrices :math:`\{v : F(z, v) \le 1\}` at points of a latent plane.

    .. math:: v(\theta) = e(\theta) / F(z, e(\theta)), \qquad
        e(\theta) = (\cos\theta, \sin\theta)

    All velocities at which the decoder's distribution moves by one unit of the data in one unit
    of time. For a Riemannian geometry with the tensor M the indicatrix is the ellipse
    :math:`v^T M v \le 1`; for the pulled-back W1, a Finsler structure, it is some convex set,
    symmetric about its centre (see :meth:`Geometry.tensor`). The larger it is, the less the
    decoder changes there. :math:`\{v : F(z, v) \le r\}` is r times as large.

    Parameters
    ----------
    geometry : Geometry
        Of a two-dimensional latent space.
    points : Tensor, shape (..., 2)
        Where.
    angles : Tensor, shape (A,)
        Directions :math:`\theta` in radians.

    Returns
    -------
    Tensor, shape (..., A, 2)
        Boundary vectors from the points, in latent units per unit of the data. Where F = 0, the
        decoder stands still and there is no boundary: the vector is infinite, its components
        infinite with the signs of :math:`e(\theta)`, or 0 where that is 0.

    Raises
    ------
    ValueError
        If the points are not in a plane.
    """
    if points.shape[-1] != 2:
        raise ValueError(
            f"indicatrices are drawn in 2 latent dimensions; found points of shape "
            f"{tuple(points.shape)}, expected (..., 2)"
        )
    directions = torch.stack((angles.cos(), angles.sin()), -1).to(points)  # (A, 2)
    along = [geometry.norm(points, direction.expand_as(points)) for direction in directions]
    norms = torch.stack(along, -1)[..., None]  # (..., A, 1)
    return torch.where(directions == 0, 0, directions / norms)  # (..., A, 2)


def ellipse_departure(boundaries: Tensor) -> Tensor:
    r"""Tell how far indicatrices are from ellipses.

    The tensor M that fits best, by least squares of :math:`v^T M v = 1`, and the largest relative
    difference of the two norms, :math:`\max_v |\sqrt{v^T M v} - 1|`: 0 for an ellipse.

    Parameters
    ----------
    boundaries : Tensor, shape (..., A, 2)
        As of :func:`indicatrices`, in at least 3 different directions, opposite ones not counted.

    Returns
    -------
    Tensor, shape (...)
        Infinite where a boundary is.
    """
    bounded = boundaries.isfinite().all(-1).all(-1)  # (...)
    scale = boundaries.norm(dim=-1).mean(-1)[..., None, None]  # (..., 1, 1)
    vectors = torch.where(bounded[..., None, None], boundaries / scale, 0)  # (..., A, 2)
    v1, v2 = vectors.unbind(-1)  # (..., A) each
    squares = torch.stack((v1.square(), v1 * v2, v2.square()), -1)  # (..., A, 3)
    fit = squares @ torch.linalg.pinv(squares).sum(-1, keepdim=True)  # (..., A, 1)
    departure = (fit.clamp(min=0).sqrt() - 1).abs().amax((-2, -1))  # (...)
    return torch.where(bounded, departure, torch.inf)
