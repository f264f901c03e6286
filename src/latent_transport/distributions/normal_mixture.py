"""Mixtures of normal distributions."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.distributions import MixtureSameFamily, Normal
from typing_extensions import override

from latent_transport.distributions.crossings import Array, Law, crossing_wasserstein1
from latent_transport.distributions.family import Family, norm_by_slopes

PLACES = np.array([*(-30.0, -12.0, -8.0, -6.0), *np.arange(-5, 5.1, 0.5), *(6.0, 8.0, 12.0, 30.0)])


class NormalMixtureLaw(Law):
    """Mixtures of K normals; parameters: K logits, K means and K standard deviations."""

    @override
    def cdf(self, x: Array, *parameters: Array) -> Array:
        weights, loc, scale = _split(parameters)
        return (weights * special.ndtr((x - loc) / scale)).sum(0)

    @override
    def survival(self, x: Array, *parameters: Array) -> Array:
        weights, loc, scale = _split(parameters)
        return (weights * special.ndtr((loc - x) / scale)).sum(0)

    @override
    def density(self, x: Array, *parameters: Array) -> Array:
        weights, loc, scale = _split(parameters)
        return (weights * _density((x - loc) / scale) / scale).sum(0)

    @override
    def below(self, x: Array, *parameters: Array) -> Array:
        weights, loc, scale = _split(parameters)
        return (weights * _below(x, loc, scale)).sum(0)

    @override
    def below_slopes(self, x: Array, *parameters: Array) -> Sequence[Array]:
        weights, loc, scale = _split(parameters)
        u = (x - loc) / scale
        parts = _below(x, loc, scale)
        by_logits = weights * (parts - (weights * parts).sum(0))
        return [*by_logits, *(-weights * special.ndtr(u)), *(weights * _density(u))]

    @override
    def mean(self, *parameters: Array) -> Array:
        weights, loc, _ = _split(parameters)
        return (weights * loc).sum(0)

    @override
    def mean_slopes(self, *parameters: Array) -> Sequence[Array]:
        weights, loc, scale = _split(parameters)
        return [*(weights * (loc - (weights * loc).sum(0))), *weights, *np.zeros_like(scale)]

    @override
    def knots(self, p: Array, q: Array) -> Array:
        places = []
        for each in (p, q):
            _, loc, scale = np.reshape(each, (3, len(each) // 3, -1))
            places += [m + s * PLACES[:, None] for m, s in zip(loc, scale, strict=True)]
        return np.sort(np.concatenate(places), 0)

    @override
    def count_knots(self, parameters: int) -> int:
        return 2 * parameters // 3 * len(PLACES)


class NormalMixtureFamily(Family[MixtureSameFamily]):
    """Mixtures of K normals; coordinates (K logits, K means, K standard deviations).

    W1 is exact, but for cdfs that cross four times within half a standard deviation of a part.
    """

    plural = "mixtures of normals"
    _law = NormalMixtureLaw()

    @override
    def coordinates(self, distribution: MixtureSameFamily) -> Tensor:
        """Coordinates (..., 3K, D).

        Raises
        ------
        TypeError
            If the parts are no normals.
        """
        parts = distribution.component_distribution
        if not isinstance(parts, Normal):
            raise TypeError(
                f"no distance is known for a mixture of {type(parts).__name__} distributions; "
                "expected a MixtureSameFamily of Normal, or a family of your own: see "
                "latent_transport.register_family"
            )
        logits = distribution.mixture_distribution.logits  # (..., D, K)
        stacked = torch.broadcast_tensors(logits, parts.loc, parts.scale)  # (..., D, K) each
        return torch.cat(stacked, -1).movedim(-1, -2)  # (..., 3K, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return crossing_wasserstein1(self._law, p, q)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        scale = p.chunk(3, -2)[2]  # (..., K, D)
        widths = torch.cat((torch.ones_like(scale), scale, scale), -2)  # (..., 3K, D)
        return norm_by_slopes(self.wasserstein1, p, dp, widths)  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        logits, loc, _ = p.chunk(3, -2)  # (..., K, D) each
        return (logits.softmax(-2) * loc).sum(-2)  # (..., D)


def _split(parameters: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Weights, means and standard deviations: (K, ...) each."""
    count = len(parameters) // 3
    logits, loc, scale = (
        np.stack(np.broadcast_arrays(*parameters[i * count : (i + 1) * count])) for i in range(3)
    )
    return special.softmax(logits, axis=0), loc, scale


def _density(u: Array) -> Array:
    return np.exp(-0.5 * u * u) / np.sqrt(2 * np.pi)


def _below(x: Array, loc: Array, scale: Array) -> Array:
    """E(x - X)^+ of each part."""
    u = (x - loc) / scale
    return scale * (u * special.ndtr(u) + _density(u))
