"""Measures of curves: lengths and energies, steps of equal length, what is decoded along them."""

import torch
from torch import Tensor

from latent_transport.distributions.registry import distribution_mean
from latent_transport.geometries.base import Decoder, Geometry
from latent_transport.geometries.contract import flatten_points
from latent_transport.memory import map_rows

FINE_SEGMENTS = 256


def measure_curves(
    geometry: Geometry, points: Tensor, *, memory: int | None = None
) -> tuple[Tensor, Tensor]:
    """Lengths and energies of many curves, without gradients, a bounded number at a time.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    points : Tensor, shape (B, N, d)
        Successive points on each curve.
    memory : int, optional
        Bytes that the temporaries may take; :data:`latent_transport.memory.MEMORY` by default.

    Returns
    -------
    tuple of Tensor, each (B,)
        Length (Roy & Hauberg 2022, Eq. 7) and energy; see :meth:`Geometry.curve_energy`.
    """
    with torch.no_grad():
        segments = geometry.segment_lengths(points, memory=memory)  # (B, N - 1)
        return segments.sum(-1), segments.shape[-1] * segments.square().sum(-1)


def equal_length_parameters(geometry: Geometry, points: Tensor, fractions: Tensor) -> Tensor:
    """Parameters at which polylines have run through given fractions of their lengths.

    Parameters
    ----------
    geometry : Geometry
        Measures the length.
    points : Tensor, shape (B, N, d)
        Curves at N parameters equally spaced in [0, 1].
    fractions : Tensor, shape (T,)
        In [0, 1].

    Returns
    -------
    Tensor, shape (B, T)
        Parameters in [0, 1]; the fractions themselves for a curve of no length.
    """
    lengths = geometry.segment_lengths(points)  # (B, N - 1)
    still = (lengths == 0).all(-1, keepdim=True)  # (B, 1)
    run = torch.where(still, 1, lengths).cumsum(-1)  # (B, N - 1)
    run = torch.nn.functional.pad(run / run[:, -1:], (1, 0))  # (B, N)
    wanted = fractions.expand(len(points), -1).contiguous()  # (B, T)
    after = torch.searchsorted(run, wanted).clamp(1, run.shape[1] - 1)  # (B, T)
    low, high = run.gather(1, after - 1), run.gather(1, after)  # (B, T)
    within = (wanted - low) / (high - low).clamp(min=torch.finfo(run.dtype).tiny)  # (B, T)
    return (after - 1 + within) / (run.shape[1] - 1)


def points_along(points: Tensor, parameters: Tensor) -> Tensor:
    """Points of polylines (B, N, d) at ``parameters`` (B, T) in [0, 1]: shape (B, T, d)."""
    position = parameters * (points.shape[1] - 1)  # (B, T)
    before = position.floor().clamp(max=points.shape[1] - 2).long()  # (B, T)
    corner = before[..., None].expand(-1, -1, points.shape[2])  # (B, T, d)
    weight = (position - before).unsqueeze(-1)  # (B, T, 1)
    return torch.lerp(points.gather(1, corner), points.gather(1, corner + 1), weight)


def decode_along(decoder: Decoder, points: Tensor, parameters: Tensor) -> Tensor:
    """Decoder means along polylines (B, N, d) at ``parameters`` (B, T): shape (B, T, D)."""
    along = points_along(points, parameters)  # (B, T, d)

    def decode(z: Tensor) -> Tensor:
        means = distribution_mean(decoder(flatten_points(z))).flatten(1)  # (M, D)
        return means.unflatten(0, z.shape[:-1])  # (..., D)

    return map_rows(decode, along)  # (B, T, D)
