"""Images along curves, at equal steps of length."""

import torch
from torch import Tensor

from latent_transport.geometries import Decoder, Geometry


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
        Parameters in [0, 1].
    """
    run = geometry.segment_lengths(points).cumsum(-1)  # (B, N - 1)
    run = torch.nn.functional.pad(run / run[:, -1:], (1, 0))  # (B, N)
    wanted = fractions.expand(len(points), -1).contiguous()  # (B, T)
    after = torch.searchsorted(run, wanted).clamp(1, run.shape[1] - 1)  # (B, T)
    low, high = run.gather(1, after - 1), run.gather(1, after)  # (B, T)
    within = (wanted - low) / (high - low).clamp(min=torch.finfo(run.dtype).tiny)  # (B, T)
    return (after - 1 + within) / (run.shape[1] - 1)


def decode_along(decoder: Decoder, points: Tensor, parameters: Tensor) -> Tensor:
    """Decoder means along polylines (B, N, d) at ``parameters`` (B, T): shape (B, T, D)."""
    position = parameters * (points.shape[1] - 1)  # (B, T)
    before = position.floor().clamp(max=points.shape[1] - 2).long()  # (B, T)
    rows = torch.arange(len(points), device=points.device)[:, None]  # (B, 1)
    weight = (position - before).unsqueeze(-1)  # (B, T, 1)
    z = torch.lerp(points[rows, before], points[rows, before + 1], weight)  # (B, T, d)
    return decoder(z).mean  # (B, T, D)
