"""Categorical distributions on ordered values."""

import torch
from torch import Tensor
from torch.distributions import Categorical
from typing_extensions import override

from latent_transport.distributions.family import Family, divide_by_argument
from latent_transport.kernels.pmf import categorical_wasserstein1


class CategoricalFamily(Family[Categorical]):
    """Distributions on the ordered values 0, ..., n - 1; coordinates: the n probabilities."""

    plural = "categorical distributions"

    @override
    def coordinates(self, distribution: Categorical) -> Tensor:
        return distribution.probs.movedim(-1, -2)  # (..., n, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return categorical_wasserstein1(p.movedim(-2, -1), q.movedim(-2, -1))  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return dp.cumsum(-2)[..., :-1, :].abs().sum(-2)  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        values = torch.arange(p.shape[-2], dtype=p.dtype, device=p.device)  # (n,)
        return (values[:, None] * p).sum(-2)  # (..., D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: the angle between the vectors of roots, on the sphere of radius 2.

        Probabilities count as the least normal number at least: at 0 the root has no slope.
        """
        tiny = torch.finfo(p.dtype).tiny
        p, q = p.clamp(min=tiny), q.clamp(min=tiny)
        # Half the difference of the roots, written without it.
        chord = (p - q) / (2 * (p.sqrt() + q.sqrt()))  # (..., n, D)
        square = chord.square().sum(-2, keepdim=True)  # (..., 1, D)
        return 4 * chord * divide_by_argument(torch.asin, square, 1 / 6)  # (..., n, D)
