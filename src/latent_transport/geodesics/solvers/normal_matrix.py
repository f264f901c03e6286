"""The Gauss-Newton matrix of the energy of polygons."""

from collections.abc import Iterator

import torch
from torch import Tensor

from latent_transport.geometries.base import Geometry
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.slopes import curvature_slopes, residual_slopes
from latent_transport.memory import count_rows, split_segments

GENEROUS = 16  # copies of decoded points and their derivatives below which none is counted
FEW_POINTS = (2, 3)  # of a polygon, with which it is measured: each may be huge


def normal_matrix(
    geometry: Geometry, z: Tensor, basis: Tensor, *, memory: int | None = None
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton's half Hessian of the energy of polygons, in their splines' control points.

    With the curvature of norms that are not Euclidean (:meth:`Geometry.residual_curvature`): all of
    the Hessian but what the decoder's second derivatives add.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    z : Tensor, shape (b, N, d)
        Corners of the polygons.
    basis : Tensor, shape (N, P)
        Their derivatives by the control points.
    memory : int, optional
        Bytes that the temporaries of the decoder and the residuals may take: so many segments are
        differentiated at once. By default :data:`latent_transport.memory.MEMORY`.

    Returns
    -------
    tuple of Tensor, shape (b, P d, P d) and (b, N - 1)
        Symmetric matrices, and the squared lengths of the segments, times their number.
    """
    (batch, count, dims), free = z.shape, basis.shape[1]
    half = z.new_zeros(batch, free * free, dims * dims)  # (b, P P, d d)
    squares = z.new_zeros(batch, count - 1)  # (b, N - 1)
    fitting = _count_points(geometry, z, memory)
    curves = max(1, fitting // count)
    runs = split_segments(count, count if fitting >= count else fitting)
    for start in range(0, batch, curves):
        part = slice(start, start + curves)
        for run in runs:
            lengths = squares[part, run.start : run.stop - 1]  # (c, n - 1)
            _accumulate(geometry, z[part, run], basis[run], half[part], lengths)
    half *= count - 1
    squares *= count - 1
    half = half.view(batch, free, free, dims, dims).transpose(2, 3)  # (b, P, d, P, d)
    half = half.reshape(batch, free * dims, free * dims)  # (b, P d, P d)
    return half + half.mT, squares


def _accumulate(
    geometry: Geometry, z: Tensor, basis: Tensor, half: Tensor, squares: Tensor
) -> None:
    """Add what the segments of polygons (b, n, d) give.

    To half of the matrices, (b, P P, d d), and to the squared lengths, (b, n - 1).
    """
    with torch.no_grad():
        p, jacobian = geometry.decode_with_jacobian(z)  # of (b, n) and (d, b, n)
        ends = p[:, :-1], p[:, 1:]
        changes = jacobian[:, :, :-1], jacobian[:, :, 1:]
        left, right = basis[:-1], basis[1:]  # (n - 1, P) each
        for residuals, part in _differentiate(geometry, ends, changes):
            squares += residuals.square().sum((-2, -1))
            # Views that batched products of matrices read in place.
            first, second = (x.movedim(0, 2).flatten(-2) for x in part)  # (b, n - 1, d, m D) each
            _add(half, left, right, first @ second.mT)
            _add(half, left / 2, left, first @ first.mT)
            _add(half, right / 2, right, second @ second.mT)


def _differentiate(
    geometry: Geometry, ends: tuple[Decoded, Decoded], changes: tuple[Decoded, Decoded]
) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Residuals (b, n - 1, m, D) and their slopes (d, b, n - 1, m, D) by both ends.

    In the end the slopes of what stands for their bends, which has no residuals.
    """
    yield from residual_slopes(geometry.residuals, ends, changes)
    covectors = geometry.residual_curvature(*ends)  # (b, n - 1, R, C, D)
    if covectors.shape[-3]:
        yield covectors[..., :0, 0, :], curvature_slopes(covectors, changes)


def _add(half: Tensor, left: Tensor, right: Tensor, blocks: Tensor) -> None:
    """Add blocks (b, n, d, d) between points of segments, in control points (b, P P, d d)."""
    weights = (left[:, :, None] * right[:, None, :]).flatten(1)  # (n, P P)
    half.baddbmm_(weights.T.expand(len(half), -1, -1), blocks.flatten(2))


def assemble_blocks(basis: Tensor, blocks: Tensor) -> Tensor:
    """Blocks (b, N, d, d) at the corners of polygons, in control points: (b, P d, P d)."""
    free, dims = basis.shape[1], blocks.shape[-1]
    total = blocks.new_zeros(len(blocks), free * free, dims * dims)  # (b, P P, d d)
    _add(total, basis, basis, blocks)
    total = total.view(len(blocks), free, free, dims, dims).transpose(2, 3)  # (b, P, d, P, d)
    return total.reshape(len(blocks), free * dims, free * dims)


def _count_points(geometry: Geometry, z: Tensor, memory: int | None) -> int:
    """How many points of polygons (b, N, d) can be differentiated at once: 2 at least."""
    every = z.shape[0] * z.shape[1]
    if z.is_meta:
        return every
    with torch.no_grad():
        some = z.flatten(0, 1)[: FEW_POINTS[-1]]  # (3, d)
        p = geometry.decode(some[:1])  # of (1,)
        size = GENEROUS * (z.shape[2] + 1) * p.numel() * p.element_size()
        if every <= max(FEW_POINTS[-1], count_rows(size, memory)):
            return every

        def compute(count: int) -> Tensor:
            basis = z.new_ones(count, 1)  # (n, 1)
            half = z.new_zeros(1, 1, z.shape[2] ** 2)  # (1, 1, d d)
            squares = z.new_zeros(1, count - 1)  # (1, n - 1)
            _accumulate(geometry, some[None, :count], basis, half, squares)
            return half

        found = geometry.row_sizes.measure("normal matrix", z, compute, FEW_POINTS)
        return max(2, count_rows(found, memory))
