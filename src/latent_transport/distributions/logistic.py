"""Discretised logistics and their mixtures, in closed form."""

import torch
from torch import Tensor
from typing_extensions import override

from latent_transport.distributions.clipped import clipped_moments, clipped_wasserstein2
from latent_transport.distributions.family import Family, location_scale_curvature
from latent_transport.distributions.fisher import logistic_information
from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.kernels.constants import LEVELS
from latent_transport.kernels.logistic import (
    logistic_norm,
    logistic_wasserstein1,
    logistic_wasserstein1_partials,
)
from latent_transport.kernels.mixture import mixture_norm, mixture_wasserstein1


class LogisticFamily(Family[DiscretizedLogisticMixture]):
    """Discretised logistics on the grey levels 0..255; coordinates (location, scale)."""

    plural = "single logistics"
    fisher_rao_is_distance = False

    @override
    def coordinates(self, distribution: DiscretizedLogisticMixture) -> Tensor:
        loc, scale = distribution.loc.squeeze(-1), distribution.scale.squeeze(-1)  # (..., D)
        return torch.stack((loc, scale), -2)  # (..., 2, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return logistic_wasserstein1(*p.unbind(-2), *q.unbind(-2))  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        if not dp.requires_grad:
            return logistic_norm(*p.unbind(-2), *dp.unbind(-2))  # (..., D)
        # The cdfs of p and p - c dp cross where the derivative of the cdf along dp changes its
        # sign, for every c > 0. So the norm's slopes are those of W1(p, p - c dp) in p.
        (loc, scale), (dloc, dscale) = p.unbind(-2), dp.unbind(-2)  # (..., D) each
        with torch.no_grad():
            tiny = torch.finfo(p.dtype).tiny
            size = torch.maximum(2 * dscale.abs() / scale, dloc.abs() / LEVELS).clamp(min=tiny)
            q = p - dp / size[..., None, :]  # (..., 2, D)
            _, slopes = logistic_wasserstein1_partials(loc, scale, *q.unbind(-2))
        return slopes[0] * dloc + slopes[1] * dscale  # (..., D)

    @override
    def wasserstein1_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        """That of continuous logistics, where their cdfs cross on a grey level: (..., 1, 2, D)."""

        def density(u: Tensor) -> Tensor:
            return u.sigmoid() * (-u).sigmoid()

        covectors = location_scale_curvature(p, q, self.wasserstein1(p, q), density)
        loc, scale = ((p + q) / 2).unbind(-2)  # (..., D) each
        size, moment = covectors.squeeze(-3).unbind(-2)  # (..., D) each
        # At loc + u scale, with the moment u times the size.
        inside = (loc * size + moment * scale >= 0) & (
            (loc - (LEVELS - 1)) * size + moment * scale <= 0
        )
        return covectors * inside[..., None, None, :]

    @override
    def mean(self, p: Tensor) -> Tensor:
        return _logistic_mean(*p.unbind(-2))  # (..., D)

    @override
    def wasserstein2_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """W2 of the logistics clipped to [0, 255]: (..., 1, D)."""
        return clipped_wasserstein2(*p.unbind(-2), *q.unbind(-2)).unsqueeze(-2)  # (..., 1, D)

    @override
    def wasserstein2_local_residuals(self, p: Tensor, dp: Tensor) -> Tensor:
        mass, mean, variance = clipped_moments(*p.unbind(-2))  # (..., D) each
        dloc, dscale = dp.unbind(-2)  # (..., D) each
        shift, spread = dloc + mean * dscale, variance.sqrt() * dscale  # (..., D) each
        return mass.sqrt().unsqueeze(-2) * torch.stack((shift, spread), -2)  # (..., 2, D)

    @override
    def wasserstein2_curvature(self, p: Tensor, q: Tensor) -> Tensor:
        """That of the norm at the mean of p and q, in which W2 is Euclidean: (..., 1, 2, D)."""
        mass, mean, variance = clipped_moments(*((p + q) / 2).unbind(-2))  # (..., D) each
        root, spread = mass.sqrt(), (mass * variance).sqrt()  # (..., D) each
        dloc, dscale = (q - p).unbind(-2)  # (..., D) each
        along, across = root * (dloc + mean * dscale), spread * dscale  # (..., D) each
        size = torch.hypot(along, across)  # (..., D)
        some = size > 0  # (..., D)
        size = torch.where(some, size, 1)
        # At a right angle to the change of p: the W2 of equals has a slope of 0, and any will do.
        along, across = torch.where(some, along / size, 1), across / size  # (..., D) each
        covector = torch.stack((-across * root, along * spread - across * root * mean), -2)
        return covector.unsqueeze(-3)  # (..., 1, 2, D)

    @override
    def fisher_rao_residuals(self, p: Tensor, q: Tensor) -> Tensor:
        """L'(p - q), with LL' the Fisher information at the mean of p and q."""
        loc, scale = ((p + q) / 2).unbind(-2)  # (..., D) each
        dloc, dscale = ((p - q) / scale[..., None, :]).unbind(-2)  # (..., D) each
        tiny = torch.finfo(p.dtype).tiny
        by_loc, mixed, by_scale = logistic_information(loc, scale).unbind(-1)  # (..., D) each
        first = by_loc.clamp(min=tiny).sqrt()  # (..., D)
        mixed = mixed / first  # (..., D)
        second = (by_scale - mixed.square()).clamp(min=tiny).sqrt()  # (..., D)
        return torch.stack((first * dloc + mixed * dscale, second * dscale), -2)  # (..., 2, D)


class LogisticMixtureFamily(Family[DiscretizedLogisticMixture]):
    """Mixtures of K discretised logistics; coordinates (K logits, K locations, K scales)."""

    plural = "logistic mixtures"

    @override
    def coordinates(self, distribution: DiscretizedLogisticMixture) -> Tensor:
        parts = (distribution.logits, distribution.loc, distribution.scale)  # (..., D, K) each
        return torch.cat(parts, -1).movedim(-1, -2)  # (..., 3K, D)

    @override
    def wasserstein1(self, p: Tensor, q: Tensor) -> Tensor:
        return mixture_wasserstein1(*self._split(p), *self._split(q))  # (..., D)

    @override
    def wasserstein1_norm(self, p: Tensor, dp: Tensor) -> Tensor:
        return mixture_norm(*self._split(p), *self._split(dp))  # (..., D)

    @override
    def mean(self, p: Tensor) -> Tensor:
        logits, loc, scale = self._split(p)  # (..., D, K) each
        return (logits.softmax(-1) * _logistic_mean(loc, scale)).sum(-1)  # (..., D)

    @staticmethod
    def _split(p: Tensor) -> tuple[Tensor, ...]:
        return p.movedim(-2, -1).chunk(3, -1)  # (..., D, K) each


def _logistic_mean(loc: Tensor, scale: Tensor) -> Tensor:
    """Mean of discretised logistics on 0..255: their W1 to the Dirac measure at 0, closed form."""
    below = torch.full_like(loc, -1)
    return logistic_wasserstein1(loc, scale, below, torch.full_like(loc, 1e-5))
