"""The Gauss-Newton matrix of the energy of polygons."""

import math

import torch
from torch import Tensor

from latent_transport.geometries.base import Geometry


def normal_matrix(geometry: Geometry, z: Tensor, basis: Tensor) -> Tensor:
    """Gauss-Newton's half Hessian (b, P d, P d) of the energy of polygons z (b, N, d)."""
    with torch.no_grad():
        family, p, jacobian = geometry.decode_with_jacobian(z)  # (b, N, C, D), (d, b, N, C, D)
    first = p[:, :-1].detach().requires_grad_()  # (b, N - 1, C, D)
    second = p[:, 1:].detach().requires_grad_()  # (b, N - 1, C, D)
    with torch.enable_grad():
        residuals = geometry.residuals(family, first, second)  # (b, N - 1, M, D)
        residuals = residuals * math.sqrt(z.shape[1] - 1)
    left, right = basis[:-1], basis[1:]  # (N - 1, P) each
    normal = z.new_zeros(())
    for m in range(residuals.shape[2]):
        # Residuals of different variables share no coordinate: one sum gives all partials.
        partials = torch.autograd.grad(
            residuals[:, :, m].sum(), (first, second), retain_graph=True
        )  # (b, N - 1, C, D) each
        with torch.no_grad():
            slopes = [
                _contract(partials[0], jacobian[:, :, :-1]),
                _contract(partials[1], jacobian[:, :, 1:]),
            ]  # (b, N - 1, d, D) each
            mixed = _assemble(left, right, slopes[0] @ slopes[1].mT)  # (b, P d, P d)
            normal = normal + mixed + mixed.mT
            normal = normal + _assemble(left, left, slopes[0] @ slopes[0].mT)
            normal = normal + _assemble(right, right, slopes[1] @ slopes[1].mT)
    return normal


def _contract(partials: Tensor, jacobian: Tensor) -> Tensor:
    """Chain rule: partials (b, n, C, D) and a Jacobian (d, b, n, C, D) give (b, n, d, D).

    A sum of products over the few coordinates, without the permuted copies of a general einsum;
    the result is a view that batched matrix products read in place.
    """
    total = jacobian[..., 0, :] * partials[..., 0, :]  # (d, b, n, D)
    for c in range(1, partials.shape[-2]):
        total.addcmul_(jacobian[..., c, :], partials[..., c, :])
    return total.movedim(0, 2)


def _assemble(left: Tensor, right: Tensor, blocks: Tensor) -> Tensor:
    """Blocks (b, n, d, d) between points of segments, in control points: (b, P d, P d)."""
    weights = (left[:, :, None] * right[:, None, :]).flatten(1)  # (n, P P)
    product = weights.T @ blocks.flatten(2)  # (b, P P, d d)
    free, dims = left.shape[1], blocks.shape[-1]
    product = product.unflatten(2, (dims, dims)).unflatten(1, (free, free))  # (b, P, P, d, d)
    return product.transpose(2, 3).flatten(3).flatten(1, 2)  # (b, P d, P d)
