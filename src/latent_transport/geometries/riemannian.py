"""Riemannian geometries: distances whose local norm comes from an inner product."""

import torch
from torch import Tensor
from typing_extensions import override

from latent_transport.geometries.base import Geometry
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.process import forward_mode


class _Riemannian(Geometry):
    """A geometry whose residuals are differentiable where the distributions are equal."""

    @override
    def local_residuals(self, p: Decoded, dp: Decoded) -> Tensor:
        at = p.coordinates.expand_as(dp.coordinates)  # (..., C, D)
        at = at.contiguous()  # forward mode refuses expanded tensors

        def residuals(moved: Tensor) -> Tensor:
            return self.residuals(p.at(moved), p.at(at))

        with forward_mode():
            return torch.func.jvp(residuals, (at,), (dp.coordinates,))[1]


class Wasserstein2(Geometry):
    r"""The pulled-back Wasserstein-2 distance of product distributions.

    The product's squared distance is the sum over the variables of theirs. For normals
    :math:`W_2^2 = \Delta m^2 + \Delta s^2`, with the tensor :math:`J_m^T J_m + J_s^T J_s`. Single
    discretised logistics count as logistics clipped to the grey range [0, 255], whose mass outside
    lies at its ends,

    .. math:: W_2^2 = \int_0^1 (Q_p - Q_q)^2 du, \qquad
              Q(u) = \min(\max(m + s \operatorname{logit} u, 0), 255) :

    a decoder's locations far outside the range, where an image shows no change, make no distance.
    Both are Riemannian: distances of functions. (The W2 of the discretised distributions is not:
    mass e that moves by one level costs :math:`\sqrt e`.) Other location-scale families, Student's
    t of the same degrees of freedom, exponential, half-normal and log-normal distributions have it
    in closed form, and so have multivariate normals (the Bures metric) and Diracs; mixtures are
    refused, whose quantile functions have none. Source: Peyré & Cuturi (2019), *Computational
    optimal transport*, Section 2.6 and Remarks 2.30 and 2.31.

    Parameters
    ----------
    decoder : callable
    latent_shape : sequence of int, optional
        As for :class:`Geometry`.

    Raises
    ------
    TypeError
        From every measure, if the decoder's distributions are of another family.
    """

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        return p.family.wasserstein2_residuals(p.coordinates, q.coordinates)  # (..., M, D)

    @override
    def local_residuals(self, p: Decoded, dp: Decoded) -> Tensor:
        return p.family.wasserstein2_local_residuals(p.coordinates, dp.coordinates)  # (..., M, D)

    @override
    def residual_curvature(self, p: Decoded, q: Decoded) -> Tensor:
        return p.family.wasserstein2_curvature(p.coordinates, q.coordinates)  # (..., R, C, D)


class Euclidean(_Riemannian):
    r"""The pulled-back Euclidean distance of the decoder's means.

    .. math:: d^2(z_0, z_1) = \|E[X | z_0] - E[X | z_1]\|^2

    The geometry of a deterministic decoder (Arvanitidis et al. 2018, *Latent space oddity*, without
    its variance term): the uncertainty of the decoder does not count. The mean of discretised
    logistics and of their mixtures is that of the distribution on 0..255, and exact.

    Parameters
    ----------
    decoder : callable
    latent_shape : sequence of int, optional
        As for :class:`Geometry`.
    """

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        return p.family.mean_residuals(p.coordinates, q.coordinates)  # (..., M, D)


class FisherRao(_Riemannian):
    r"""The pulled-back Fisher-Rao distance of product distributions.

    The Riemannian distance whose tensor is the Fisher information; for neighbours
    :math:`d^2(p, q) \approx 2\,\mathrm{KL}(p \| q)`. It is exact at any distance for normal,
    log-normal and other location-scale families, one-parameter families such as Poisson and
    Bernoulli distributions, negative binomials of one dispersion, and categorical ones. For single
    discretised logistics it is the Fisher information of the 256 probabilities at the mean of the
    two parameter pairs, applied to their difference, for gamma and beta distributions and
    zero-inflated counts that at the geometric means: right to second order for neighbours on a
    curve, not a distance between far points.
    Source: Arvanitidis et al. (2022), *Pulling back information geometry*.

    Parameters
    ----------
    decoder : callable
    latent_shape : sequence of int, optional
        As for :class:`Geometry`.

    Raises
    ------
    TypeError
        From every measure, if it is not known of the decoder's distributions, such as mixtures.
    """

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        return p.family.fisher_rao_residuals(p.coordinates, q.coordinates)  # (..., M, D)

    @override
    def lower_bound(self, z0: Tensor, z1: Tensor) -> Tensor:
        distance = self.distance(z0, z1)  # (...)
        with torch.no_grad():
            exact = self.decode(z0[..., :1, :] if z0.ndim > 1 else z0).family.fisher_rao_is_distance
        return distance if exact else torch.zeros_like(distance)
