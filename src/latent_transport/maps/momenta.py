"""Momenta: velocities as covectors, which is what the energy of segments knows of them."""

import torch
from torch import Tensor

from latent_transport.geodesics.curves import DEGREE, CubicSpline, Curve
from latent_transport.geodesics.solvers.mean_metric import segment_tensors
from latent_transport.geodesics.solvers.normal_matrix import normal_matrix
from latent_transport.geodesics.solvers.objective import differentiate_energy
from latent_transport.geometries.base import Geometry
from latent_transport.memory import count_rows

SEGMENTS = 8  # on which the end of a curve is measured: few, so that rounding does not show
FREE = 29  # control points of the spline that is fitted to a curve of another kind
SHORT = 1 / 64  # part of a velocity along which the curvature of a norm is taken
ROUNDS = 6  # of Newton's steps from a momentum to its velocity, where the norm is not Euclidean
JITTER = 1e-4  # share of a segment by which its end is moved, for its matrix


def end_momenta(geometry: Geometry, curve: Curve, start: Tensor) -> tuple[Tensor, Tensor]:
    r"""Momenta :math:`p = \tfrac12 \nabla_v F^2(\gamma, \dot\gamma)` at both ends of geodesics.

    By the first variation they are what the energy of a shortest curve changes by,

    .. math:: \nabla_{z_0} E = -2 p(0), \qquad \nabla_{z_1} E = 2 p(1) .

    No control point inside changes the energy of a minimum, so that its derivative by the control
    point at the end is all of it; more accurate than the spline's own velocity at the end. Source:
    Bao, Chern & Shen (2000), *An introduction to Riemann-Finsler geometry*.

    Parameters
    ----------
    geometry : Geometry
        In which the curves are shortest.
    curve : callable
        B curves, such as splines of least energy: (T,) to (B, T, d).
    start : Tensor, shape (B, d)
        Where they start.

    Returns
    -------
    tuple of Tensor, shape (B, d) each
        In squared units of the data, a latent unit.
    """
    spline = as_spline(curve, start)
    return start_momenta(geometry, spline), -start_momenta(geometry, spline.reversed())


def as_spline(curve: Curve, start: Tensor) -> CubicSpline:
    """Return a curve that is a spline itself, or one through points of it."""
    if isinstance(curve, CubicSpline):
        return curve
    t = torch.linspace(0, 1, 4 * FREE, dtype=start.dtype, device=start.device)
    return CubicSpline.through(curve(t), FREE)


def start_momenta(geometry: Geometry, curve: CubicSpline) -> Tensor:
    """Momenta (B, d) where splines start, as of :func:`end_momenta`."""
    # The control point at the end moves the curve's first interval alone, by (1 - t / end)^3.
    end = 1 / (curve.controls.shape[1] + 2 - DEGREE)
    t = torch.linspace(0, 1, SEGMENTS + 1, dtype=torch.float64)  # (N,)
    momenta, _ = polygon_momenta(geometry, curve(end * t))  # (B, d)
    return momenta / end


def polygon_momenta(geometry: Geometry, points: Tensor) -> tuple[Tensor, Tensor]:
    r"""Momenta of polygons at the start, (B, d), and their energies (B,), of corners (B, N, d).

    .. math:: p = -(N - 1) \sum_n (1 - t_n)^3 \, \tfrac12 \nabla_{x_n} \sum_k d^2(x_k, x_{k+1})

    Of polygons of least energy the first corner gives all of it; the others make up for what such a
    polygon is not quite, whose corners are less certain than its energy.
    """
    count = points.shape[1]
    t = torch.linspace(0, 1, count, dtype=torch.float64)  # (N,)
    weight = ((1 - t) ** DEGREE).to(points)  # (N,)
    some = points[:1, 0]  # (1, d)

    def compute(number: int) -> tuple[Tensor, Tensor]:
        polygon = some[:, None] + 1e-3 * t.to(some)[:, None]  # (1, N, d)
        return differentiate_energy(geometry, polygon.repeat(number, 1, 1))

    size = count_rows(geometry.row_sizes.measure(f"momenta on {count} corners", some, compute))
    parts = [differentiate_energy(geometry, polygons) for polygons in points.split(size)]
    energy, slopes = map(torch.cat, zip(*parts, strict=True))  # (B,), (B, N, d)
    return -torch.einsum("n,bnd->bd", weight, slopes) / 2, energy


def segment_slopes(geometry: Geometry, points: Tensor) -> Tensor:
    """Halves of the derivatives of polygons' summed squared segments by their corners (B, N, d)."""
    _, slopes = differentiate_energy(geometry, points)  # (B, N, d)
    return slopes / (2 * (points.shape[1] - 1))


def mixed_matrices(geometry: Geometry, x: Tensor, y: Tensor) -> Tensor:
    r"""Matrices :math:`-\tfrac12 \partial_x \partial_y d^2(x, y)` of segments: shape (B, d, d).

    The metric tensor for neighbours. The decoder's second derivatives have no part in it: each end
    is decoded by itself. Of norms that are not Euclidean the curvature is that of
    :meth:`Geometry.residual_curvature`. The segments' directions are those
    of :func:`generic_directions`.
    """
    dims = x.shape[1]
    basis = torch.eye(2, dtype=x.dtype, device=x.device)
    ends = torch.stack((x, x + generic_directions(y - x)), 1)  # (B, 2, d)
    matrix, _ = normal_matrix(geometry, ends, basis)  # (B, 2 d, 2 d)
    return -matrix[:, :dims, dims:]


def fundamental_tensors(geometry: Geometry, z: Tensor, v: Tensor) -> Tensor:
    r"""Fundamental tensors :math:`\tfrac12 \nabla_v^2 F^2(z, v)`, (B, d, d), at z and v (B, d).

    What :meth:`Geometry.tensor` gives, and the curvature that a norm that is not Euclidean has of
    its own, from short segments to both sides of z. Positive semi-definite.
    """
    if geometry.riemannian:
        return geometry.tensor(z, v)
    step = SHORT * generic_directions(v)  # (B, d)

    def compute(count: int) -> Tensor:
        some = z[:1].expand(count, -1)  # (count, d)
        return segment_tensors(geometry, some, geometry.decode(some + step[:1]))

    size = count_rows(geometry.row_sizes.measure("fundamental tensors", z, compute))
    parts = []
    for rows in torch.arange(len(z), device=z.device).split(size):
        ahead, behind = (geometry.decode(z[rows] + side[rows]) for side in (step, -step))
        both = segment_tensors(geometry, z[rows], ahead) + segment_tensors(
            geometry, z[rows], behind
        )
        parts.append(both / 2)  # (b, d, d)
    return torch.cat(parts)


def generic_directions(v: Tensor) -> Tensor:
    """Velocities (..., d), a ten-thousandth of them aside, in no particular direction.

    Along which no variable of a decoder stands still by chance, which would have no part in a
    tensor. Of no velocity, the direction aside itself.
    """
    generic = torch.arange(1, v.shape[-1] + 1, dtype=v.dtype, device=v.device).cos()  # (d,)
    generic = generic / generic.norm()
    size = v.norm(dim=-1, keepdim=True)  # (..., 1)
    return v + torch.where(size > 0, JITTER * size, 1) * generic


def invert(matrices: Tensor) -> Tensor:
    """Pseudo-inverses (B, d, d), without directions along which rounding is all that is measured.

    Nan where a matrix is not finite.
    """
    finite = torch.isfinite(matrices).all(-1).all(-1)[:, None, None]  # (B, 1, 1)
    cutoff = torch.finfo(matrices.dtype).eps ** 0.7
    inverses = torch.linalg.pinv(torch.where(finite, matrices, 0), rtol=cutoff)  # (B, d, d)
    return torch.where(finite, inverses, torch.nan)


def apply(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Products (B, d) of matrices (B, d, d) and vectors (B, d)."""
    return (matrices @ vectors.unsqueeze(-1)).squeeze(-1)


def momenta(geometry: Geometry, z: Tensor, v: Tensor) -> Tensor:
    """Momenta (B, d) of velocities v at z, (B, d) each."""
    return apply(geometry.tensor(z, v), v)


def velocities(geometry: Geometry, z: Tensor, p: Tensor, guess: Tensor) -> Tensor:
    """Velocities (B, d) of momenta p at z: the convex function F^2(z, v) / 2 - p v is least there.

    What a momentum says nothing of, such as directions that a decoder ignores, is as in the guess
    (B, d), from which Newton's steps go. Steps that do not bring the momentum nearer are not taken.
    """
    if geometry.riemannian:
        tensor = geometry.tensor(z, guess)  # (B, d, d)
        return guess + apply(invert(tensor), p - apply(tensor, guess))
    v = guess
    inverse = invert(mixed_matrices(geometry, z, z + SHORT * v))  # (B, d, d)
    missing = p - momenta(geometry, z, v)  # (B, d)
    for _ in range(ROUNDS):
        step = apply(inverse, missing)  # (B, d)
        left = p - momenta(geometry, z, v + step)  # (B, d)
        better = (_square(inverse, left) < _square(inverse, missing)).unsqueeze(-1)  # (B, 1)
        v = torch.where(better, v + step, v)
        missing = torch.where(better, left, missing)
    return v


def scale_velocities(geometry: Geometry, z: Tensor, v: Tensor, speed: Tensor) -> Tensor:
    """Velocities (B, d) of the same directions and given speeds (B,); zero stays zero."""
    now = geometry.norm(z, v)  # (B,)
    return v * torch.where(now > 0, speed / now, 1).unsqueeze(-1)


def _square(inverse: Tensor, p: Tensor) -> Tensor:
    """Squared lengths (B,) of momenta."""
    return (p * apply(inverse, p)).sum(-1).abs()
