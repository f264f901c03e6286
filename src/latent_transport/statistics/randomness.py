"""Randomness of a geometry's own: its volume, points uniform in it, Brownian motion."""

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.checks import (
    check_alike,
    check_finite,
    check_floating,
    check_points,
    check_precision,
    holds,
)
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.maps.exponential import shoot_geodesics

SAMPLES = 256
DIRECTIONS = 8  # more than latent dimensions, in which a norm's tensor is taken for its mean
STEP_TOLERANCE = 1e-2  # of a random step's geodesic, before it is extrapolated


@dataclass(frozen=True)
class LogVolume:
    """Logarithms of volume densities, and how sure they are.

    Attributes
    ----------
    value : Tensor, shape (...)
        Natural logarithm of the density, in units of the data to the power d, a unit of latent
        volume; minus infinity where the decoder ignores a direction.
    error : Tensor, shape (...)
        Standard error of the value, from the spread of the samples; 0 in a Riemannian geometry.
    """

    value: Tensor
    error: Tensor


def log_volume(
    geometry: Geometry,
    z: Tensor,
    *,
    samples: int = SAMPLES,
    generator: torch.Generator | None = None,
) -> LogVolume:
    r"""Logarithm of the volume density, in any dimension, of Finsler norms by Monte Carlo.

    Of a Riemannian geometry the root of the determinant of its tensor. Of a norm the
    Busemann-Hausdorff density, the volume of the Euclidean unit ball over that of the indicatrix
    :math:`K = \{v : F(z, v) \le 1\}`,

    .. math:: \sigma = \frac{\omega_d}{|K|}
                     = \frac{\sqrt{\det A}}{E [F(z, A^{-1/2} s)^{-d}]},

    with s uniform on the unit sphere, and any inner product A: here the mean of the norm's tensors
    in a few directions, so that the numbers of which the mean is taken differ little. Source: Bao,
    Chern & Shen (2000), *An introduction to Riemann-Finsler geometry*, Section 1.4.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler.
    z : Tensor, shape (..., d)
        Points, in latent units.
    samples : int, optional
        Directions s at each point, the same for all, and their opposites for nothing: the norm is
        reversible. The error falls with the root of their number.
    generator : torch.Generator, optional
        Source of the directions, on the CPU; by default they are the same in every call.

    Returns
    -------
    LogVolume
        With ``value`` and ``error``, (...) each. There is no gradient.

    Raises
    ------
    TypeError, ValueError
        As :meth:`Geometry.norm`; also if ``samples`` is less than 2.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> volume = lt.log_volume(lt.Wasserstein1(decoder), torch.zeros(3))
    >>> print(round(volume.value.exp().item(), 3))
    8.0
    """
    _check_count("samples", samples, 2)
    check_points("z", z)
    check_precision("z", z)
    check_finite("z", z)
    generator = generator or torch.Generator().manual_seed(0)
    with outside_inference_mode(), torch.no_grad():
        flat = as_ordinary(z.detach()).reshape(-1, z.shape[-1])  # (M, d)
        metric = _mean_tensor(geometry, flat, generator)  # (M, d, d)
        values, vectors = torch.linalg.eigh(metric)  # (M, d), (M, d, d)
        least = torch.finfo(z.dtype).tiny
        value = values.clamp(min=least).log().sum(-1) / 2  # (M,)
        value = torch.where((values <= 0).any(-1), -torch.inf, value)
        error = torch.zeros_like(value)  # (M,)
        if not geometry.riemannian:
            directions = torch.randn(samples, z.shape[-1], generator=generator).to(flat)  # (S, d)
            directions = directions / directions.norm(dim=-1, keepdim=True)
            root = vectors * values.clamp(min=least).rsqrt()[:, None]  # (M, d, d)
            count = z.shape[-1]
            terms = torch.stack(
                [-count * geometry.norm(flat, root @ s).log() for s in directions]
            )  # (S, M)
            mean = terms.logsumexp(0) - torch.tensor(float(samples)).log()  # (M,)
            value = value - mean
            error = (terms - mean).exp().std(0) / samples**0.5  # (M,), of the mean, and of its log
    return LogVolume(value.view(z.shape[:-1]), error.view(z.shape[:-1]))


def sample_volume(
    geometry: Geometry,
    low: Tensor,
    high: Tensor,
    count: int,
    *,
    steps: int = 64,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Points uniform by a geometry's volume in a box of the latent space.

    .. math:: p(z) \propto \sigma(z), \qquad z_j \in [a_j, b_j]

    with the volume density :math:`\sigma` of :func:`log_volume`: where the decoder changes much,
    there are many. Each point is the end of a Markov chain of its own, whose proposals are uniform
    in the box and are accepted by the ratio of the densities (Metropolis). The chains forget their
    starts at a rate of the mean density in the box over the largest: choose a region in which it
    varies by less than the number of steps.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler.
    low, high : Tensor, shape (d,)
        Corners of the box, in latent units.
    count : int
        Number of points.
    steps : int, optional
        Proposals of each chain.
    generator : torch.Generator, optional
        Source of randomness, on the CPU; by default the points are the same in every call.

    Returns
    -------
    Tensor, shape (count, d)

    Raises
    ------
    TypeError, ValueError
        If the corners do not fit together, are not finite, or not in order; if there are no points
        or steps; or as :func:`log_volume`.
    """
    _check_count("count", count, 1)
    _check_count("steps", steps, 1)
    for name, x in (("low", low), ("high", high)):
        check_floating(name, x, "(d,)")
        if x.ndim != 1 or len(x) == 0:
            raise ValueError(f"{name} has shape {tuple(x.shape)}; expected (d,), d > 0")
        check_finite(name, x)
    check_alike("low", low, "high", high)
    if not holds(low < high):
        raise ValueError("low is not below high everywhere; expected the corners of a box")
    generator = generator or torch.Generator().manual_seed(0)

    def propose() -> Tensor:
        return low + (high - low) * torch.rand(count, len(low), generator=generator).to(low)

    z = propose()  # (n, d)
    value = log_volume(geometry, z).value  # (n,)
    for _ in range(steps):
        other = propose()
        found = log_volume(geometry, other).value  # (n,)
        threshold = torch.rand(count, generator=generator).to(low).log()  # (n,)
        taken = (threshold < found - value) | (value == -torch.inf)
        z = torch.where(taken.unsqueeze(-1), other, z)
        value = torch.where(taken, found, value)
    return z


def sample_brownian(
    geometry: Geometry,
    z: Tensor,
    time: float,
    steps: int = 16,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Brownian motion of a geometry, from points of the latent space.

    .. math:: X_{k+1} = \exp_{X_k}(\sqrt{h} \, \xi_k), \qquad \xi_k \sim N(0, M(X_k)^{-1})

    with h = time / steps. On Riemannian geometries, whose tensor is M, this geodesic random walk
    tends to Brownian motion, of the generator :math:`\tfrac12 \Delta` with the Laplace-Beltrami
    operator, as the steps become many: the geodesics bring the drift
    :math:`-\tfrac12 g^{jk} \Gamma^i_{jk}` with them, so that no derivative of the tensor is needed
    (Jorgensen 1975, *The central limit problem for geodesic random walks*). The squared decoded way
    has the mean d times the time, and no direction is preferred. On Finsler geometries M is the
    mean of the norm's tensors in a few directions, and the walk follows the norm's own geodesics:
    the limit is a diffusion of these variances, not of a Laplacian, of which a norm has several.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein2(decoder)``.
    z : Tensor, shape (B, d)
        Where the paths begin, in latent units.
    time : float
        How long they are, in squared units of the data.
    steps : int, optional
        Number of steps.
    generator : torch.Generator, optional
        Source of randomness, on the CPU; by default the paths are the same in every call.

    Returns
    -------
    Tensor, shape (B, steps + 1, d)
        The points passed; nan from where a path has left what the decoder is finite for. What the
        decoder ignores does not move.

    Raises
    ------
    TypeError, ValueError
        If the points are no (B, d) or not finite, the time is not positive, there are no steps, or
        as :func:`shoot_geodesics`.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> paths = lt.sample_brownian(lt.Wasserstein2(decoder), torch.zeros(100, 2), 1.0)
    >>> paths.shape
    torch.Size([100, 17, 2])
    """
    check_points("z", z)
    if z.ndim != 2 or len(z) == 0:
        raise ValueError(f"z has shape {tuple(z.shape)}; expected (B, d), B > 0")
    check_precision("z", z)
    check_finite("z", z)
    if not 0 < time < torch.inf:
        raise ValueError(
            f"time is {time}; expected a positive number, in squared units of the data"
        )
    _check_count("steps", steps, 1)
    generator = generator or torch.Generator().manual_seed(0)
    with outside_inference_mode(), torch.no_grad():
        x = as_ordinary(z.detach())  # (B, d)
        path = [x]
        for _ in range(steps):
            noise = torch.randn(*x.shape, generator=generator).to(x)  # (B, d)
            rows = torch.isfinite(x).all(-1).nonzero().squeeze(-1)  # (b,)
            x = torch.full_like(x, torch.nan).index_copy(
                0, rows, _step(geometry, x[rows], noise[rows] * (time / steps) ** 0.5, generator)
            )
            path.append(x)
    return torch.stack(path, 1)


def _step(geometry: Geometry, x: Tensor, noise: Tensor, generator: torch.Generator) -> Tensor:
    """Points (b, d) at which geodesics arrive that set out with noise of unit variance, scaled."""
    if len(x) == 0:
        return x
    values, vectors = torch.linalg.eigh(_mean_tensor(geometry, x, generator))  # (b, d), (b, d, d)
    least = torch.finfo(x.dtype).eps * values.amax(-1, keepdim=True)  # (b, 1)
    scale = torch.where(values > least, values, torch.inf).rsqrt()  # (b, d)
    v = (vectors @ (scale * noise).unsqueeze(-1)).squeeze(-1)  # (b, d)
    return shoot_geodesics(geometry, x, v, steps=2, tolerance=STEP_TOLERANCE).end


def _mean_tensor(geometry: Geometry, z: Tensor, generator: torch.Generator) -> Tensor:
    """Tensors (M, d, d) at points (M, d): of a norm the mean in random directions."""
    if geometry.riemannian:
        return geometry.tensor(z)
    count = z.shape[1] + DIRECTIONS
    directions = torch.randn(count, z.shape[1], generator=generator).to(z)  # (A, d)
    first = sum(geometry.tensor(z, v.expand_as(z)) for v in directions)
    mean = torch.as_tensor(first / count)  # (M, d, d)
    return (mean + mean.mT) / 2


def _check_count(name: str, value: int, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number, {least} or more")
