"""Curvature: how fast geodesics that set out together come apart."""

import warnings

import torch
from torch import Tensor

from latent_transport.checks import check_alike, check_finite, check_points
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.maps.exponential import Shots, shoot_geodesics
from latent_transport.maps.momenta import apply, fundamental_tensors

REACH = 0.25
APART = 0.05  # of the velocities whose geodesics are compared, in lengths of their own
TOLERANCE = 1e-5  # of the geodesics in float64, before they are extrapolated
ROUNDED = 1e-4  # and in float32
ITERATIONS = 12  # of Newton's method


def sectional_curvature(
    geometry: Geometry, z: Tensor, u: Tensor, v: Tensor, *, reach: float = REACH
) -> Tensor:
    r"""Sectional curvature of the plane of two velocities, in a Riemannian geometry.

    .. math:: K(u, v) = \frac{\langle R(u, v) v, u \rangle}
                             {|u|^2 |v|^2 - \langle u, v \rangle^2}

    1/R^2 on spheres of radius R. As :func:`flag_curvature`, of which it is the Riemannian case.

    Parameters
    ----------
    geometry : Geometry
        A Riemannian one, such as ``Wasserstein2(decoder)``.
    z, u, v, reach
        As for :func:`flag_curvature`.

    Returns
    -------
    Tensor, shape (B,)
        In inverse squared units of the data.

    Raises
    ------
    TypeError
        If the geometry is not Riemannian.
    TypeError, ValueError
        As :func:`flag_curvature`.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):  # hyperbolic planes of curvature -1/2
    ...     return torch.distributions.Normal(z[:, :1], z[:, 1:].exp())
    >>> z = torch.zeros(1, 2, dtype=torch.float64)
    >>> u, v = torch.eye(2, dtype=torch.float64)[:, None]
    >>> print(lt.sectional_curvature(lt.FisherRao(decoder), z, u, v).numpy().round(3))
    [-0.5]
    """
    if not geometry.riemannian:
        raise TypeError(
            f"{type(geometry).__name__} has no sectional curvature, since its tensor depends on "
            "the direction; flag_curvature has a direction and a plane"
        )
    return flag_curvature(geometry, z, u, v, reach=reach)


@outside_inference_mode()
def flag_curvature(
    geometry: Geometry, z: Tensor, u: Tensor, v: Tensor, *, reach: float = REACH
) -> Tensor:
    r"""Flag curvature at z with the flagpole u, of the plane that v spans with it.

    How fast geodesics come apart that set out about in the direction u: with the Jacobi field
    :math:`J(t) = \partial_s \exp_z t(u + s w)`, for w in the plane, normal to u and of its length,

    .. math:: \frac{|J(t)|}{t |u|} = \frac{\sin \sqrt{K} t |u|}{\sqrt{K} t |u|} + O(t^3),

    solved for K, with lengths in the inner product of the fundamental tensor in the direction of
    the geodesic. Both directions of time cancel the odd orders, and two lengths of the geodesics
    the fourth. Where the norm is Riemannian this is the sectional curvature, whatever the flagpole.
    Source: Bao, Chern & Shen (2000), *An introduction to Riemann-Finsler geometry*, Sections 3.9
    and 5.5.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``.
    z, u, v : Tensor, shape (B, d) or (d,)
        Points, flagpoles and second directions, in latent units; a single one goes with each of the
        others. Lengths of u and v do not matter.
    reach : float, optional
        How far from z the geodesics are followed, in latent units: the curvature is an average over
        what lies within. Shorter ones are more local, and show more rounding.

    Returns
    -------
    Tensor, shape (B,)
        In inverse squared units of the data; nan where a geodesic is not found, or u and v are of
        one direction.

    Warns
    -----
    RuntimeWarning
        In float32, whose rounding makes a fifth of the curvature in the worst case and 2 % in the
        median, by the default reach on spheres, where it is right to 0.4 % in float64.

    Raises
    ------
    TypeError, ValueError
        If points and velocities do not fit together or are not finite, ``reach`` is not positive,
        or as :meth:`Geometry.norm`.
    """
    if not 0 < reach < torch.inf:
        raise ValueError(f"reach is {reach}; expected a positive number, in latent units")
    for name, x in (("z", z), ("u", u), ("v", v)):
        check_points(name, x)
        if x.ndim > 2 or x.numel() == 0:
            raise ValueError(f"{name} has shape {tuple(x.shape)}; expected (B, d) or (d,), B > 0")
        check_alike("z", z, name, x)
        check_finite(name, x)
    if z.dtype != torch.float64:
        warnings.warn(
            "curvature is a difference of second order, of which rounding in float32 makes several "
            "per cent: have points, directions and the decoder in float64",
            RuntimeWarning,
            stacklevel=3,  # who called, past the decorator
        )
    with torch.no_grad():
        z, u, v = torch.broadcast_tensors(*(torch.atleast_2d(as_ordinary(x)) for x in (z, u, v)))
        u = u * (reach / u.norm(dim=-1, keepdim=True))  # (B, d)
        w, spanned = _normal_part(geometry, z, u, v)  # (B, d), (B,)
        far, near = (_curvature(geometry, z, share * u, share * w) for share in (1.0, 0.5))
        return torch.where(spanned, near + (near - far) / 3, torch.nan)


def _normal_part(geometry: Geometry, z: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Velocities (B, d) in the planes, normal to u and of their length; whether there are any."""
    tensor = fundamental_tensors(geometry, z, u)  # (B, d, d)
    square = (u * apply(tensor, u)).sum(-1, keepdim=True)  # (B, 1)
    w = v - (v * apply(tensor, u)).sum(-1, keepdim=True) / square * u  # (B, d)
    own = (w * apply(tensor, w)).sum(-1, keepdim=True)  # (B, 1)
    whole = (v * apply(tensor, v)).sum(-1, keepdim=True)  # (B, 1)
    spanned = own > torch.finfo(z.dtype).eps ** 0.5 * whole  # (B, 1)
    return w * (square / own).sqrt().where(spanned, torch.ones_like(own)), spanned.squeeze(-1)


def _curvature(geometry: Geometry, z: Tensor, u: Tensor, w: Tensor) -> Tensor:
    """Curvatures (B,) by geodesics as long as the velocities u, and w normal to them."""
    count = len(z)
    forward = torch.cat((u, u + APART * w, u - APART * w))  # (3 B, d)
    tolerance = TOLERANCE if z.dtype == torch.float64 else ROUNDED
    shots = shoot_geodesics(
        geometry, z.repeat(6, 1), torch.cat((forward, -forward)), tolerance=tolerance
    )
    tensor = fundamental_tensors(geometry, z, u)  # (B, d, d)
    square = (u * apply(tensor, u)).sum(-1)  # (B,)
    ratio = torch.zeros_like(square)  # (B,)
    for first in (0, 3):  # along u and against it
        middle, plus, minus = (_choose(shots, first + k, count) for k in range(3))  # (B, T, d) each
        field = (plus[:, -1] - minus[:, -1]) / (2 * APART)  # (B, d)
        steps = middle.shape[1] - 1
        velocity = (3 * middle[:, -1] - 4 * middle[:, -2] + middle[:, -3]) * (steps / 2)  # (B, d)
        finite = torch.isfinite(field).all(-1) & torch.isfinite(velocity).all(-1)  # (B,)
        end = torch.where(finite[:, None], middle[:, -1], z)
        at = fundamental_tensors(geometry, end, torch.where(finite[:, None], velocity, u))
        length = (field * apply(at, field)).sum(-1).clamp(min=0).sqrt()  # (B,)
        ratio = ratio + torch.where(finite, length, torch.nan) / (2 * square.sqrt())
    return _solve_sine(ratio) / square


def _choose(shots: Shots, number: int, count: int) -> Tensor:
    return shots.points[number * count : (number + 1) * count]


def _solve_sine(ratio: Tensor) -> Tensor:
    """Numbers k (B,) with sin(sqrt k) / sqrt k, or sinh where they are negative, as given (B,)."""
    k = 6 * (1 - ratio)  # (B,), of the first order
    for _ in range(ITERATIONS):
        root = k.abs().sqrt().clamp(min=1e-3)  # (B,)
        value = torch.where(k > 0, root.sin(), root.sinh()) / root
        cosine = torch.where(k > 0, root.cos(), root.cosh())
        small = k.abs() < 1e-2  # where a series is more accurate
        value = torch.where(small, 1 - k / 6 + k.square() / 120, value)
        slope = torch.where(small, -1 / 6 + k / 60, (cosine - value) / (2 * k.where(~small, k + 1)))
        k = (k - (value - ratio) / slope).clamp(max=torch.pi**2)
    return k
