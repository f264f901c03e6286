"""Images along paths, as the figures show them."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from latent_transport.evidence.keys import FADE, INTERPOLATION, LINE
from latent_transport.geometries.base import Decoder
from latent_transport.geometries.measures import decode_along, equal_length_parameters
from latent_transport.geometries.wasserstein1 import Wasserstein1


def inner_fractions(count: int, device: torch.device) -> Tensor:
    """Fractions (count,) of a path at which images are looked at, its ends left out."""
    return torch.linspace(0, 1, count + 2, device=device)[1:-1]


def decode_strips(
    decoder: Decoder, paths: Mapping[str, Tensor], ends: np.ndarray, fractions: Tensor
) -> dict[str, np.ndarray]:
    """Decode images along paths, and fade from end to end beside them.

    Parameters
    ----------
    decoder : callable
        From latent points (n, d) to a Distribution with batch shape (n, D).
    paths : mapping of str to Tensor, shape (m, N, d)
        Points on paths between m pairs, which all advance by equal W1 lengths, whatever they are
        shortest in.
    ends : ndarray, shape (m, 2, D)
        Images at the ends of the pairs, in grey levels.
    fractions : Tensor, shape (T,)
        In [0, 1], of the paths' lengths.

    Returns
    -------
    dict of ndarray of float32, shape (m, T, D)
        The decoder's means on each path by its name; on the straight latent ``line`` between the
        ends of the first path, at equal steps; the ``fade`` between the means at its ends; and the
        ``interpolation`` of the images there.
    """
    first = next(iter(paths.values()))  # (m, N, d)
    weight = fractions.cpu().numpy()[:, None]  # (T, 1)
    strips = {
        LINE: decode_along(decoder, first[:, [0, -1]], fractions.expand(len(first), -1)),
    }
    for name, points in paths.items():
        parameters = equal_length_parameters(Wasserstein1(decoder), points, fractions)  # (m, T)
        strips[name] = decode_along(decoder, points, parameters)
    both = fractions.new_tensor([0.0, 1.0]).expand(len(first), -1)  # (m, 2)
    means = decode_along(decoder, first[:, [0, -1]], both)  # (m, 2, D)
    strips[FADE] = torch.lerp(means[:, :1], means[:, 1:], fractions[:, None])
    faded = (1 - weight) * ends[:, :1] + weight * ends[:, 1:]  # (m, T, D)
    images = {name: strip.cpu().numpy() for name, strip in strips.items()}
    return {**images, INTERPOLATION: faded.astype(np.float32)}
