r"""A pixel whose grey levels are given other labels: W1 changes, Fisher-Rao does not.

The pixel is dark, at one of the levels of a block with equal probabilities, with probability
:math:`1 - z`, and bright, in a second block, with probability z: the latent space is a line, and
there is one curve between two of its points. Lengths have closed forms,

.. math:: W_1 = |z_1 - z_0| \, W_1(\mathrm{dark}, \mathrm{bright}), \qquad
          \text{Fisher-Rao} = 2 \, |\arcsin \sqrt{z_1} - \arcsin \sqrt{z_0}| .

Fisher-Rao takes probabilities alone into account, so that any permutation of the levels leaves it
as it was (Čencov 1982, *Statistical decision rules and optimal inference*: it is the one metric
that does not change under sufficient statistics). W1 and the Euclidean distance of the means know
how far levels are apart.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical

from latent_transport.geometries.base import Decoder
from latent_transport.kernels.constants import LEVELS

DARK, BRIGHT = slice(40, 80), slice(176, 216)


def make_pixel(order: np.ndarray) -> Decoder:
    """Decoder of the pixel: latent points (..., 1) to one categorical pixel, batch shape (..., 1).

    Parameters
    ----------
    order : ndarray of int, shape (256,)
        A permutation: which of the levels stands at each place.
    """
    blocks = torch.from_numpy(_blocks()[:, order])  # (2, 256)

    def decode(z: Tensor) -> Categorical:
        dark, bright = blocks.to(z)
        z = z.unsqueeze(-1)  # (..., 1, 1)
        return Categorical(probs=(1 - z) * dark + z * bright)

    return decode


def shuffle_levels(seed: int = 0) -> np.ndarray:
    """Draw a permutation of the grey levels: shape (256,)."""
    return np.random.default_rng(seed).permutation(LEVELS)


def wasserstein1_length(order: np.ndarray, start: float, end: float) -> float:
    """W1 length from one latent point to another, in grey levels."""
    dark, bright = _blocks()[:, order]
    return abs(end - start) * float(np.abs(np.cumsum(bright - dark)).sum())


def euclidean_length(order: np.ndarray, start: float, end: float) -> float:
    """Length of the curve of means from one latent point to another, in grey levels."""
    dark, bright = _blocks()[:, order] @ np.arange(LEVELS)
    return abs(end - start) * abs(float(bright - dark))


def fisher_rao_length(start: float, end: float) -> float:
    """Fisher-Rao length from one latent point to another, whatever the order of the levels."""
    return 2 * abs(math.asin(math.sqrt(end)) - math.asin(math.sqrt(start)))


def _blocks() -> np.ndarray:
    """Probabilities of the levels of a dark and of a bright pixel: (2, 256)."""
    blocks = np.zeros((2, LEVELS))
    for probabilities, block in zip(blocks, (DARK, BRIGHT), strict=True):
        probabilities[block] = 1 / (block.stop - block.start)
    return blocks
