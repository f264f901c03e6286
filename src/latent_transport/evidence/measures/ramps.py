r"""A latent plane in which the geodesics of W1 and of Fisher-Rao are known exactly.

One pixel on a ramp of intensities: its brightness is normal, with mean m and standard deviation s
in grey levels. In coordinates (m, s) both geometries are classical.

**W1** of two normals is :math:`E|\Delta m + \Delta s X|` with X standard normal: a function of the
differences alone, and a norm of them. The plane is a normed plane. The norm is strictly convex:
for two vectors that are not parallel, :math:`\Delta m + \Delta s X` changes its sign at different
X, so that the triangle inequality is strict. Hence the straight segment is the one geodesic, and
its length is W1 itself.

**Fisher-Rao** has the metric :math:`(dm^2 + 2 ds^2)/s^2`, twice that of the hyperbolic half plane
at :math:`(m / \sqrt 2, s)`: lengths are :math:`\sqrt 2` times hyperbolic ones, and geodesics are
half circles about points of the axis s = 0 (Costa, Santos & Strapasson 2015, *Fisher information
distance: a geometrical reading*).

So a step from a sharp dark pixel to a sharp bright one shifts the pixel under W1, at a cost in
grey levels, and blurs it on the way under Fisher-Rao, which counts levels in units of s: there a
change of 2 levels of a pixel with s = 0.02 costs as much as a change of 200 levels with s = 2.
"""

import math

import numpy as np
import torch
from scipy.special import erf
from torch import Tensor
from torch.distributions import Normal

GREY_RANGE = 255.0


def decode_ramp(z: Tensor) -> Normal:
    """Decoder of the ramp: latent points (..., 2) to one normal pixel, batch shape (..., 1).

    The first coordinate runs along the ramp, with mean 255 z_1; the second is the logarithm of the
    standard deviation in grey levels. Neither geometry's geodesics are straight in z.
    """
    return Normal(GREY_RANGE * z[..., :1], z[..., 1:].exp())


def encode_ramp(pixels: Tensor) -> Tensor:
    """Latent points (..., 2) of pixels (..., 2), each a mean and a standard deviation."""
    return torch.stack((pixels[..., 0] / GREY_RANGE, pixels[..., 1].log()), -1)


def wasserstein1_distance(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    r"""W1 of normal pixels, (..., 2) each as (mean, standard deviation), in grey levels: (...).

    .. math:: |\Delta m| \operatorname{erf}\frac{|\Delta m|}{\sqrt 2 |\Delta s|}
              + |\Delta s| \sqrt{2/\pi} \, e^{-\Delta m^2 / (2 \Delta s^2)}
    """
    dm, ds = np.moveaxis(np.abs(np.asarray(end, float) - start), -1, 0)  # (...) each
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(ds > 0, dm / ds, np.inf)
    return dm * erf(ratio / math.sqrt(2)) + ds * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2)


def wasserstein1_geodesic(start: np.ndarray, end: np.ndarray, t: np.ndarray) -> np.ndarray:
    """W1 geodesics between pixels (..., 2) at fractions ``t`` (T,) of the length: (..., T, 2).

    Straight segments in (mean, standard deviation).
    """
    start, end = np.asarray(start, float)[..., None, :], np.asarray(end, float)[..., None, :]
    return start + np.asarray(t)[:, None] * (end - start)


def fisher_rao_distance(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    r"""Fisher-Rao distance of normal pixels, (..., 2) each as (mean, standard deviation): (...).

    .. math:: 2 \sqrt 2 \, \operatorname{asinh}
              \sqrt{\frac{\Delta m^2 / 2 + \Delta s^2}{4 s_0 s_1}}
    """
    return math.sqrt(2) * _hyperbolic_distance(np.asarray(start, float), np.asarray(end, float))


def fisher_rao_geodesic(start: np.ndarray, end: np.ndarray, t: np.ndarray) -> np.ndarray:
    r"""Fisher-Rao geodesics between pixels (..., 2) at fractions ``t`` (T,): (..., T, 2).

    The half plane is the hyperboloid of the points :math:`(1, u, u^2 + s^2) / s`, u being
    :math:`m / \sqrt 2`, on which the geodesic of length d is a plane section,

    .. math:: X(t) = \frac{\sinh((1 - t) d)}{\sinh d} X_0 + \frac{\sinh(t d)}{\sinh d} X_1 .

    Its first two coordinates give s and m: no special case is needed for equal means.
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    t = np.asarray(t, float)
    d = _hyperbolic_distance(start, end)[..., None]  # (..., 1)
    with np.errstate(invalid="ignore"):
        first = np.where(d > 0, np.sinh((1 - t) * d) / np.sinh(d), 1 - t) / start[..., 1:]
        second = np.where(d > 0, np.sinh(t * d) / np.sinh(d), t) / end[..., 1:]  # (..., T)
    scale = 1 / (first + second)  # (..., T)
    mean = scale * (first * start[..., :1] + second * end[..., :1])  # (..., T)
    return np.stack((mean, scale), -1)


def _hyperbolic_distance(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    dm, ds = np.moveaxis(end - start, -1, 0)  # (...) each
    chord = np.hypot(dm / math.sqrt(2), ds)  # (...)
    return 2 * np.arcsinh(chord / (2 * np.sqrt(start[..., 1] * end[..., 1])))
