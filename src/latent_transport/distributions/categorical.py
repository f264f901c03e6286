"""Categorical distributions: on ordered values, on classes that a ground distance sets apart."""

import math
from typing import NoReturn

import torch
from torch import Tensor
from torch.distributions import Categorical, OneHotCategorical
from typing_extensions import override

from latent_transport.distributions.family import Family, divide_by_argument
from latent_transport.distributions.ground import Discrete, Ground
from latent_transport.kernels.pmf import categorical_wasserstein1


class CategoricalFamily(Family[Categorical | OneHotCategorical]):
    """Distributions on the ordered values 0, ..., n - 1; coordinates: the n probabilities.

    Neighbouring values are 1 apart, unless :meth:`on_ground` tells otherwise.
    """

    plural = "categorical distributions"

    @override
    def coordinates(self, distribution: Categorical | OneHotCategorical) -> Tensor:
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

    @override
    def on_ground(self, ground: Ground) -> "GroundedCategoricalFamily":
        return GroundedCategoricalFamily(ground)


class GroundedCategoricalFamily(CategoricalFamily):
    """Distributions on n classes as far apart as a ground distance says; coordinates as before.

    Parameters
    ----------
    ground : Ground
        The distance.
    unit : float, optional
        What its numbers are multiplied by.
    """

    def __init__(self, ground: Ground, unit: float = 1.0) -> None:
        self.ground = ground
        self.unit = unit

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return self.unit * self.ground.measure(p - q)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return self.unit * self.ground.measure(dp)  # (..., D)


class OneHotFamily(GroundedCategoricalFamily):
    r"""One-hot vectors, any two of which are :math:`\sqrt 2` apart; coordinates: n probabilities.

    W1 is :math:`\sqrt 2` times the total variation.
    """

    plural = "one-hot categorical distributions"

    def __init__(self) -> None:
        super().__init__(Discrete(), math.sqrt(2))

    @override
    def mean(self, p: Tensor) -> NoReturn:
        raise TypeError(
            "the mean of a one-hot vector is no number; use the Wasserstein1 or the FisherRao "
            "geometry"
        )
