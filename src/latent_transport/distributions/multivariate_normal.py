r"""Multivariate normal distributions whose variables depend on each other, by the Bures metric.

With factors of the covariances, :math:`\Sigma_p = A A^T` and :math:`\Sigma_q = B B^T`,

.. math:: W_2^2(p, q) = \|m_p - m_q\|^2 + \min_{O^T O = 1} \|A - B O\|_F^2,

where O is the orthogonal factor of :math:`B^T A` (Takatsu 2011, *Wasserstein geometry of Gaussian
measures*; Bhatia, Jain & Lim 2019, *On the Bures-Wasserstein distance*).
"""

import math
from typing import NoReturn

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal
from typing_extensions import override

from latent_transport.distributions.family import Family

STEPS = 14  # of Newton's method, scaled: enough for condition numbers up to 1e16


class MultivariateNormalFamily(Family[MultivariateNormal | LowRankMultivariateNormal]):
    """Multivariate normals, of E variables each that depend on each other.

    Coordinates, E + E^2 of them: the mean, and the rows of the covariance's Cholesky factor. A
    distribution counts as one variable. W2 is exact; W1 and Fisher-Rao have no closed form.
    """

    plural = "multivariate normal distributions"

    @override
    def coordinates(self, distribution: MultivariateNormal | LowRankMultivariateNormal) -> Tensor:
        parts = distribution.loc, distribution.scale_tril.flatten(-2)  # (..., D, E), (..., D, E^2)
        return torch.cat(parts, -1).mT if parts[0].ndim > 1 else torch.cat(parts, -1)[:, None]

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        self._refuse_wasserstein1()

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        self._refuse_wasserstein1()

    @override
    def mean(self, p: Tensor) -> Tensor:
        """Means of all variables, one distribution after the other: (..., C, D) to (..., D E)."""
        return self._split(p)[0].flatten(-2)

    @override
    def mean_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return (self._split(p)[0] - self._split(q)[0]).mT  # (..., E, D)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: (..., E + E^2, D)."""
        (loc_p, first), (loc_q, second) = self._split(p), self._split(q)
        turn = orthogonal_factor(second.mT @ first)  # (..., D, E, E)
        apart = (first - second @ turn).flatten(-2)  # (..., D, E^2)
        return torch.cat((loc_p - loc_q, apart), -1).mT

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        def residuals(moved: Tensor) -> Tensor:
            return self.wasserstein2_residuals(moved, p)

        return torch.func.jvp(residuals, (p,), (dp,))[1]  # (..., E + E^2, D)

    @staticmethod
    def _split(p: Tensor) -> tuple[Tensor, Tensor]:
        """Means (..., D, E) and factors (..., D, E, E)."""
        count = p.shape[-2]  # E + E^2
        size = (math.isqrt(4 * count + 1) - 1) // 2
        return p[..., :size, :].mT, p[..., size:, :].mT.unflatten(-1, (size, size))

    def _refuse_wasserstein1(self) -> NoReturn:
        raise TypeError(
            "the variables of a multivariate normal depend on each other, and no closed form of "
            "their W1 is known; use the Wasserstein2 geometry, whose W2 is exact, return the "
            "independent Normal(mean, scale), or a plain tensor, the mean, to measure that alone"
        )


def orthogonal_factor(x: Tensor) -> Tensor:
    r"""Orthogonal O of the polar decomposition x = O P, P positive semi-definite.

    Newton's method :math:`O \leftarrow (\mu O + (\mu O)^{-T})/2`, scaled (Higham 1986, *Computing
    the polar decomposition*): it has derivatives of all orders where singular values are equal.

    Parameters
    ----------
    x : Tensor, shape (..., E, E)
        Not singular.

    Returns
    -------
    Tensor, shape (..., E, E)
    """
    for _ in range(STEPS):
        inverse = torch.linalg.inv(x).mT  # (..., E, E)
        # What the scale is only decides on how soon it is found.
        size, other = (
            y.detach().abs().sum((-2, -1), keepdim=True) for y in (x, inverse)
        )  # (..., 1, 1) each
        scale = (other / size).sqrt()  # (..., 1, 1)
        x = (scale * x + inverse / scale) / 2
    return x
