"""Derivatives of residuals along the axes of the latent space, in few passes."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.process import forward_mode

AXES_AT_ONCE = 2**24  # numbers of a decoded point's derivatives that are pushed forward together
RUNS = 32  # of coordinates at most, each of which is a step: measuring one costs 50 microseconds

Residuals = Callable[..., Tensor]
"""Decoded points of (...) to residuals (..., M, D), whose variables share no number."""


def residual_slopes(
    residuals: Residuals, points: Sequence[Decoded], tangents: Sequence[Decoded]
) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Residuals, and their derivatives by some of their points, along the d axes.

    In reverse mode each of the M residuals of a variable takes a pass, in forward mode each axis of
    each point: the fewer decide. Many residuals are those of a categorical distribution's classes.

    Parameters
    ----------
    residuals : callable
        Maps the points to residuals (..., M, D).
    points : sequence of Decoded, of (...)
        Its arguments.
    tangents : sequence of Decoded, of (d, ...)
        How the points change along the axes; tensors like theirs.

    Yields
    ------
    tuple of Tensor, shape (..., m, D), and tuple of Tensor, shape (d, ..., m, D) each
        Some of the M residuals after others, and their slopes: a tensor for each of the points.
    """
    leaves = [point.apply(lambda x: x.detach().requires_grad_()) for point in points]
    with torch.enable_grad():
        found = residuals(*leaves).unbind(-2)  # M of (..., D)
    if len(found) > sum(len(tangent.coordinates) for tangent in tangents):
        try:
            ends = [_push_forward(residuals, points, i, x) for i, x in enumerate(tangents)]
        except (NotImplementedError, RuntimeError):
            pass  # a kernel of a user's own that has no forward mode
        else:
            yield torch.stack(found, -2).detach(), tuple(ends)
            return
    tensors = [x for leaf in leaves for x in leaf.tensors]
    for residual in found:
        with torch.enable_grad():
            # Residuals of different variables share no number: one sum gives all partials.
            total = residual.sum()
        partials = iter(torch.autograd.grad(total, tensors, retain_graph=True))
        by_points = ([next(partials) for _ in tangent.tensors] for tangent in tangents)
        slopes = map(_contract, by_points, tangents)
        yield residual.detach().unsqueeze(-2), tuple(slope.unsqueeze(-2) for slope in slopes)


def curvature_slopes(covectors: Tensor, tangents: Sequence[Decoded]) -> tuple[Tensor, ...]:
    """What residual curvature is along the d axes, as slopes of further residuals.

    Parameters
    ----------
    covectors : Tensor, shape (..., R, C, D)
        Of :meth:`Geometry.residual_curvature` for pairs of neighbours.
    tangents : sequence of Decoded, of (d, ...)
        How the first and the second of each pair change.

    Returns
    -------
    tuple of Tensor, shape (d, ..., R, D) each
    """
    first, second = (tangent.coordinates for tangent in tangents)  # (d, ..., C, D) each
    rows = covectors.unbind(-3)  # R of (..., C, D)
    return (
        torch.stack([-(first * row).sum(-2) for row in rows], -2),
        torch.stack([(second * row).sum(-2) for row in rows], -2),
    )


def _push_forward(
    residuals: Residuals, points: Sequence[Decoded], number: int, tangent: Decoded
) -> Tensor:
    """Derivatives (d, ..., M, D) by one of the points, in forward mode."""
    at = points[number].apply(lambda x: x.detach().contiguous())  # forward mode needs them whole

    def moved(coordinates: Tensor, *log_weights: Tensor) -> Tensor:
        point = replace(at, coordinates=coordinates, log_weights=log_weights)
        return residuals(*points[:number], point, *points[number + 1 :])  # (..., M, D)

    def along(*direction: Tensor) -> Tensor:
        return torch.func.jvp(moved, at.tensors, direction)[1]

    axes = max(1, AXES_AT_ONCE // max(1, at.numel()))
    with forward_mode():
        return torch.vmap(along, chunk_size=axes)(*tangent.tensors)


def _contract(partials: Sequence[Tensor], tangent: Decoded) -> Tensor:
    """Chain rule: partials (..., C or 1, D) in tensors, which change so: (d, ..., D).

    Sums of products over one coordinate after another, or over runs of the many of classes, without
    the permuted copies of a general einsum.
    """
    (change, partial), *others = (
        run
        for changes, by_tensor in zip(tangent.tensors, partials, strict=True)
        for run in zip(
            *(x.split(math.ceil(x.shape[-2] / RUNS), -2) for x in (changes, by_tensor)), strict=True
        )
    )  # (d, ..., c, D), (..., c, D)
    total = (change * partial).sum(-2)  # (d, ..., D)
    for change, partial in others:
        if change.shape[-2] == 1:
            total.addcmul_(change.squeeze(-2), partial.squeeze(-2))
        else:
            total += (change * partial).sum(-2)
    return total
