"""Conformal geometries: another geometry, longer where codes are rare."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from latent_transport.checks import check_points, holds
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.contract import flatten_points
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.geometries.riemannian import Euclidean
from latent_transport.memory import map_rows

LARGEST_LOG_WEIGHT = 10.0


class Conformal(Geometry):
    r"""A geometry whose local norm is multiplied by a power of an inverse density.

    .. math:: F'(z, v) = w(z) F(z, v), \qquad
              \log w(z) = b(-\beta (\log q(z) - \log q_0))

    with the strength :math:`\beta` and a reference :math:`q_0` at which the weight is 1. The
    smooth clamp b is the identity but for :math:`e^{-10}` where codes are, and keeps
    :math:`|\log w|` below about 10 (w between 1/22,000 and 22,000), so that distances stay finite
    however far from the codes.

    The distance of two points is the base geometry's times the geometric mean of their weights:
    right to second order for neighbours on a curve. Refining a polygon may make it longer or
    shorter, unlike in the base geometry.

    Parameters
    ----------
    geometry : Geometry
        The geometry to weigh; the weights of one that has a weight already multiply.
    log_density : callable
        Latent points (M, d) to log q (M,), each from its own point alone; differentiable.
    strength : float
        :math:`\beta`; 0 gives the base geometry.
    reference : float or Tensor of shape (), optional
        :math:`\log q_0`, such as the mean log density of held-out codes.

    Raises
    ------
    TypeError
        If the geometry is none, or the density is not callable.
    ValueError
        If strength or reference are not finite, or the reference is no single number; from every
        measure, if the log density of points (..., d) has another shape than (...).
    """

    weighted = True

    def __init__(
        self,
        geometry: Geometry,
        log_density: Callable[[Tensor], Tensor],
        strength: float,
        *,
        reference: float | Tensor = 0.0,
    ) -> None:
        if not isinstance(geometry, Geometry):
            raise TypeError(
                f"geometry is a {type(geometry).__name__}; expected a Geometry, such as "
                "Wasserstein1(decoder)"
            )
        if not callable(log_density):
            raise TypeError(
                f"log_density is a {type(log_density).__name__}; expected a callable from latent "
                "points (..., d) to log densities (...)"
            )
        if not math.isfinite(strength):
            raise ValueError(f"strength is {strength}; expected a finite number")
        level = torch.as_tensor(reference)
        if level.shape != () or not holds(torch.isfinite(level)):
            raise ValueError(f"reference is {reference}; expected one finite number")
        super().__init__(geometry.decoder)
        self.geometry = geometry
        self.riemannian = geometry.riemannian
        self.log_density = log_density
        self.strength = strength
        self.reference = reference

    def log_weight(self, z: Tensor) -> Tensor:
        """Logarithm of the weight at latent points (..., d): shape (...)."""
        check_points("z", z)
        flat = flatten_points(z)  # (M, d)
        log_density = self.log_density(flat)  # (M,)
        if not isinstance(log_density, Tensor) or log_density.shape != flat.shape[:1]:
            found = getattr(log_density, "shape", type(log_density).__name__)
            raise ValueError(
                f"log_density maps latent points of shape {tuple(flat.shape)} to {found}; expected "
                f"a tensor of shape {tuple(flat.shape[:1])}"
            )
        log_density = log_density.reshape(z.shape[:-1])  # (...)
        exponent = -self.strength * (log_density - self.reference)  # (...)
        below = LARGEST_LOG_WEIGHT - F.softplus(LARGEST_LOG_WEIGHT - exponent)  # (...)
        return F.softplus(LARGEST_LOG_WEIGHT + below) - LARGEST_LOG_WEIGHT  # (...)

    @override
    def decode(self, z: Tensor) -> Decoded:
        return self.weigh(self.geometry.decode(z), z)

    @override
    def decode_with_checks(self, z: Tensor, name: str = "z") -> Decoded:
        p = self.weigh(self.geometry.decode_with_checks(z, name), z)
        p.check_finite(name)
        return p

    @override
    @outside_inference_mode()
    def decode_with_jacobian(self, z: Tensor) -> tuple[Decoded, Decoded]:
        z = as_ordinary(z)
        return self.weigh_with_jacobian(*self.geometry.decode_with_jacobian(z), z)

    def weigh(self, p: Decoded, z: Tensor) -> Decoded:
        """Give points z (..., d), as the base geometry decodes them, their weight."""
        return p.weigh(self.log_weight(z))

    def weigh_with_jacobian(
        self, p: Decoded, jacobian: Decoded, z: Tensor
    ) -> tuple[Decoded, Decoded]:
        """Give points z (..., d), and their derivatives by the base geometry, those of the weight.

        Outside of inference mode.
        """

        def total(at: Tensor) -> tuple[Tensor, Tensor]:
            weight = self.log_weight(at)  # (...)
            return weight.sum(), weight

        # One number a point: a single reverse pass gives all its derivatives.
        slope, weight = torch.func.grad(total, has_aux=True)(z)  # (..., d), (...)
        return p.weigh(weight), jacobian.weigh(slope.movedim(-1, 0))

    @override
    @outside_inference_mode()
    def weight_curvature(self, z: Tensor) -> Tensor:
        axes = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)  # (d, d)

        def slope(at: Tensor) -> Tensor:
            return torch.func.grad(lambda x: self.log_weight(x).sum())(at)  # (M, d)

        def bend(at: Tensor) -> Tensor:
            pull = torch.func.vjp(slope, at)[1]  # of one number a point, cheaper than forward mode
            rows = [pull(axis.expand_as(at))[0] for axis in axes]
            return torch.stack(rows, -1)  # (M, d, d)

        with torch.no_grad():
            flat = as_ordinary(flatten_points(z))  # (M, d)
            curvature = map_rows(bend, flat, sizes=self.row_sizes, name="curvature")  # (M, d, d)
        inner = self.geometry.weight_curvature(z)  # (..., d, d)
        return inner + curvature.view(*z.shape, z.shape[-1])

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        (p, log_p), (q, log_q) = p.peel(), q.peel()  # (..., 1, D) the log weights
        return (0.5 * (log_p + log_q)).exp() * self.geometry.residuals(p, q)  # (..., M, D)

    @override
    def residual_curvature(self, p: Decoded, q: Decoded) -> Tensor:
        (p, log_p), (q, log_q) = p.peel(), q.peel()  # (..., 1, D) the log weights
        weight = (0.5 * (log_p + log_q)).exp().unsqueeze(-2)  # (..., 1, 1, D)
        return weight * self.geometry.residual_curvature(p, q)  # (..., R, C, D)

    @override
    def local_residuals(self, p: Decoded, dp: Decoded) -> Tensor:
        p, log_weight = p.peel()  # (..., 1, D)
        return log_weight.exp() * self.geometry.local_residuals(p, dp)  # (..., M, D)

    @override
    def lower_bound(self, z0: Tensor, z1: Tensor) -> Tensor:
        """The base geometry's bound times the least weight that there can be: (...)."""
        return math.exp(-LARGEST_LOG_WEIGHT) * self.geometry.lower_bound(z0, z1)

    @override
    @outside_inference_mode()
    def volume(self, z: Tensor) -> Tensor:
        """Volume density: the base geometry's times the weight to the power d, (...)."""
        base = self.geometry.volume(z)  # (...)
        log_weight = map_rows(self.log_weight, z)  # (...)
        if not holds(torch.isfinite(log_weight)):
            raise ValueError("the log density at z is not finite; check the density")
        return (z.shape[-1] * log_weight).exp() * base


class LatentEuclidean(Euclidean):
    r"""The Euclidean distance of the latent space itself, as if decoded by the identity.

    .. math:: d(z_0, z_1) = \|z_0 - z_1\|

    In latent units: straight lines are its geodesics. It has no decoder; what it is for is
    :class:`Conformal`, which bends them towards the codes.
    """

    def __init__(self) -> None:
        super().__init__(lambda z: Normal(z, torch.ones_like(z)))
