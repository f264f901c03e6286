r"""Location-scale families: the laws of m + s U, with U one and the same.

Their quantile functions differ by :math:`\Delta m + \Delta s\,Q_U`, so that

.. math:: W_1 = E|\Delta m + \Delta s\,U|, \qquad
          W_2^2 = (\Delta m + \Delta s\,E U)^2 + \Delta s^2 \operatorname{var} U ,

norms of the difference (Peyré & Cuturi 2019, *Computational optimal transport*, Remark 2.30). The
Fisher information over :math:`s^{-2}` is constant in (m, s), and the Fisher-Rao distance that of a
hyperbolic half plane.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.distributions import Distribution, Gumbel
from typing_extensions import override

from latent_transport.distributions.family import Family, Member, location_scale_curvature
from latent_transport.distributions.half_plane import half_plane_residuals
from latent_transport.kernels.autograd import apply_kernel, prepare_inputs

FARTHEST = 60.0  # scales from the location, beyond which a shift is all that there is


class LocationScaleFamily(Family[Member]):
    """Laws of m + s U; coordinates (m, s).

    Attributes
    ----------
    centre, spread : float
        Mean and standard deviation of U.
    information : tuple of float
        Entries mm, ms and ss of the Fisher information, times s squared.
    """

    centre = 0.0
    spread = 1.0
    information: tuple[float, float, float]

    @abstractmethod
    def mean_distance(self, difference: Tensor) -> Tensor:
        """E|dm + ds U| of differences (..., 2, D): shape (..., D), with no slope at 0."""

    @abstractmethod
    def density(self, u: Tensor) -> Tensor:
        """Density of U."""

    @override
    def coordinates(self, distribution: Member) -> Tensor:
        given: Distribution = distribution
        return torch.stack((given.loc, given.scale), -2)  # type: ignore[attr-defined]

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return self.mean_distance(p - q)  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return self.mean_distance(dp)  # (..., D)

    @override
    def wasserstein1_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact at any distance, where W1 is the norm of the difference: (..., 1, 2, D)."""
        return location_scale_curvature(p, q, self.wasserstein1(p, q), self.density)

    @override
    def mean(self, p: Tensor) -> Tensor:
        return p[..., 0, :] + self.centre * p[..., 1, :] if self.centre else p[..., 0, :]

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        return self.wasserstein2_local_residuals(p, p - q)  # (..., 2, D)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        dloc, dscale = dp.unbind(-2)  # (..., D) each
        shift = dloc + self.centre * dscale if self.centre else dloc
        return torch.stack((shift, self.spread * dscale), -2)  # (..., 2, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """Exact: hyperbolic, with the locations sheared where the information is no diagonal.

        Source: Costa et al. (2015), *Fisher information distance*, for normals.
        """
        by_loc, mixed, by_scale = self.information
        shear = mixed / by_loc
        width = math.sqrt(by_scale - mixed * shear)
        if shear:
            p, q = (
                torch.stack((x[..., 0, :] + shear * x[..., 1, :], x[..., 1, :]), -2) for x in (p, q)
            )
        return width * half_plane_residuals(p, q, width / math.sqrt(by_loc))  # (..., 2, D)


class GumbelFamily(LocationScaleFamily[Gumbel]):
    r"""Gumbel distributions (of maxima); coordinates (location, scale).

    :math:`E|U - x| = \gamma - x + 2 E_1(e^{-x})` with the exponential integral :math:`E_1`.
    """

    plural = "Gumbel distributions"
    centre = float(np.euler_gamma)
    spread = math.pi / math.sqrt(6)
    information = (
        *(1.0, float(np.euler_gamma) - 1),
        math.pi**2 / 6 + (1 - float(np.euler_gamma)) ** 2,
    )

    @override
    def mean_distance(self, difference: Tensor) -> Tensor:
        dloc, dscale = difference.unbind(-2)  # (..., D) each
        inputs, dtype = prepare_inputs(dloc=dloc, dscale=dscale)
        return apply_kernel(_measure_gumbel, *inputs).to(dtype)  # (..., D)

    @override
    def density(self, u: Tensor) -> Tensor:
        return (-u - (-u).exp()).exp()


def _measure_gumbel(inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
    """E|dm + ds U| ``(...)`` and its partials ``(2, ...)``, or ``(0, ...)`` without."""
    first = inputs[0]
    if first.is_meta:
        shape = (2 if with_partials else 0, *first.shape)
        return torch.empty_like(first), first.new_empty(shape)
    dloc, dscale = (x.detach().double() for x in inputs)  # (...) each
    shifted = dloc.abs() >= FARTHEST * dscale.abs()  # (...), by next to as much everywhere
    width = torch.where(shifted, 1, dscale)
    place = torch.where(shifted, 0, -dloc / width)  # (...), where the two cdfs cross
    small = (-place).exp()
    integral = torch.from_numpy(special.exp1(small.cpu().numpy())).to(small)  # (...)
    size = np.euler_gamma - place + 2 * integral  # (...), E|U - place|
    slope = 2 * (-small).exp() - 1
    side = dloc.sign()
    shift = dloc + np.euler_gamma * dscale  # (...)
    value = torch.where(shifted, side * shift, dscale.abs() * size)
    if not with_partials:
        return value.to(first), first.new_empty((0, *first.shape))
    by_loc = torch.where(shifted, side, -dscale.sign() * slope)
    by_scale = torch.where(shifted, side * np.euler_gamma, dscale.sign() * (size - place * slope))
    return value.to(first), torch.stack((by_loc, by_scale)).to(first)
