"""The Gauss-Newton matrix of the energy of polygons."""

import math

import torch
from torch import Tensor

from latent_transport.geometries.base import Geometry
from latent_transport.geometries.decoded import Decoded


def normal_matrix(geometry: Geometry, z: Tensor, basis: Tensor) -> Tensor:
    """Gauss-Newton's half Hessian (b, P d, P d) of the energy of polygons z (b, N, d)."""
    with torch.no_grad():
        p, jacobian = geometry.decode_with_jacobian(z)  # of (b, N) and (d, b, N)
    first, second = _make_leaves(p[:, :-1]), _make_leaves(p[:, 1:])  # of (b, N - 1) each
    with torch.enable_grad():
        residuals = geometry.residuals(first, second)  # (b, N - 1, M, D)
        residuals = residuals * math.sqrt(z.shape[1] - 1)
    left, right = basis[:-1], basis[1:]  # (N - 1, P) each
    size = left.shape[1] * z.shape[-1]
    normal = z.new_zeros(len(z), size, size)
    for m in range(residuals.shape[2]):
        with torch.enable_grad():
            # Residuals of different variables share no number: one sum gives all partials.
            total = residuals[:, :, m].sum()
        partials = torch.autograd.grad(
            total, (*first.tensors, *second.tensors), retain_graph=True
        )  # (b, N - 1, C or 1, D) each
        count = len(first.tensors)
        with torch.no_grad():
            slopes = [
                _contract(partials[:count], jacobian[:, :, :-1]),
                _contract(partials[count:], jacobian[:, :, 1:]),
            ]  # (b, N - 1, d, D) each
            mixed = assemble_blocks(left, right, slopes[0] @ slopes[1].mT)  # (b, P d, P d)
            normal = normal + mixed + mixed.mT
            normal = normal + assemble_blocks(left, left, slopes[0] @ slopes[0].mT)
            normal = normal + assemble_blocks(right, right, slopes[1] @ slopes[1].mT)
    return normal


def _make_leaves(p: Decoded) -> Decoded:
    return p.apply(lambda x: x.detach().requires_grad_())


def _contract(partials: tuple[Tensor, ...], jacobian: Decoded) -> Tensor:
    """Chain rule: partials (b, n, C or 1, D) in tensors and their Jacobian give (b, n, d, D).

    A sum of products over the few coordinates, without the permuted copies of a general einsum;
    the result is a view that batched matrix products read in place.
    """
    (slope, partial), *others = (
        (slopes[..., c, :], by_tensor[..., c, :])  # (d, b, n, D), (b, n, D)
        for slopes, by_tensor in zip(jacobian.tensors, partials, strict=True)
        for c in range(slopes.shape[-2])
    )
    total = slope * partial  # (d, b, n, D)
    for slope, partial in others:
        total.addcmul_(slope, partial)
    return total.movedim(0, 2)


def assemble_blocks(left: Tensor, right: Tensor, blocks: Tensor) -> Tensor:
    """Blocks (b, n, d, d) between points of segments, in control points: (b, P d, P d)."""
    weights = (left[:, :, None] * right[:, None, :]).flatten(1)  # (n, P P)
    product = weights.T @ blocks.flatten(2)  # (b, P P, d d)
    free, dims = left.shape[1], blocks.shape[-1]
    product = product.unflatten(2, (dims, dims)).unflatten(1, (free, free))  # (b, P, P, d, d)
    return product.transpose(2, 3).flatten(3).flatten(1, 2)  # (b, P d, P d)
