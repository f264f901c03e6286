"""The exponential map: where a geodesic comes to that sets out with a given velocity."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from latent_transport.checks import check_alike, check_finite, check_points, check_precision
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import as_ordinary, outside_inference_mode
from latent_transport.maps.momenta import invert, mixed_matrices, momenta, segment_slopes
from latent_transport.maps.segments import continue_segments
from latent_transport.memory import count_rows

STEPS = 8
MOST_STEPS = 512
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Shots:
    """Geodesics from B points with given velocities.

    Attributes
    ----------
    points : Tensor, shape (B, T, d)
        Points at T times equally spaced in [0, 1], in latent units; nan where a curve has left what
        the decoder gives finite parameters for.
    outcome : Tensor of int64, shape (B,)
        Values of :class:`Outcome`. ``BUDGET``: not within the tolerance on 512 steps. ``STALLED``:
        a step was found by no method, since the distance has kinks.
    error : Tensor, shape (B,)
        By how much the points of twice the steps lie elsewhere, a third of it, relative to the
        length: the error before the two are extrapolated, which is what ``points`` are.
    steps : Tensor of int64, shape (B,)
        Steps that each curve was followed with in the end.
    """

    points: Tensor
    outcome: Tensor
    error: Tensor
    steps: Tensor

    @property
    def end(self) -> Tensor:
        """Where they are after one unit of time, (B, d)."""
        return self.points[:, -1]

    @property
    def converged(self) -> Tensor:
        """Whether the error is within the tolerance: bool, shape (B,)."""
        return self.outcome == Outcome.CONVERGED


def exponential_map(
    geometry: Geometry,
    z: Tensor,
    v: Tensor,
    *,
    steps: int = STEPS,
    tolerance: float = TOLERANCE,
) -> Tensor:
    r"""Ends of the geodesics that set out from z with velocity v, after one unit of time.

    .. math:: \exp_z v = \gamma(1), \qquad \gamma(0) = z, \quad \dot\gamma(0) = v

    The inverse of :func:`logarithm_map` as far as geodesics are shortest, and of length F(z, v). A
    geodesic goes on beyond. :func:`shoot_geodesics` has the method, the points on the way, and how
    each of them ended.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler.
    z, v : Tensor, shape (B, d) or (d,)
        Points, in latent units, and velocities, in latent units a unit of time; a single one goes
        with each of the others.
    steps : int, optional
        Number of steps to begin with.
    tolerance : float, optional
        Error, relative to the length, up to which the steps are doubled.

    Returns
    -------
    Tensor, shape (B, d)
        There is no gradient.

    Warns
    -----
    RuntimeWarning
        If there are curves that are not within the tolerance on 512 steps.

    Raises
    ------
    TypeError, ValueError
        As :func:`shoot_geodesics`; also if a curve leaves what the decoder gives finite parameters
        for.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> z, v = torch.zeros(1, 2), torch.tensor([[0.5, 1.0]])
    >>> lt.exponential_map(lt.Wasserstein1(decoder), z, v)
    tensor([[0.5000, 1.0000]])
    """
    shots = shoot_geodesics(geometry, z, v, steps=steps, tolerance=tolerance)
    lost = (~torch.isfinite(shots.end).all(-1)).nonzero().squeeze(-1).tolist()
    if lost:
        raise ValueError(
            f"{len(lost)} of {len(shots.end)} curves leave where the decoder's parameters are "
            f"finite, the first of them number {lost[0]}; take shorter velocities, or "
            "shoot_geodesics, which returns the others and how far these come"
        )
    failures = int((~shots.converged).sum())
    if failures:
        warnings.warn(
            f"{failures} of {len(shots.end)} geodesics are not within the tolerance of "
            f"{tolerance:g}; shoot_geodesics returns the error of each",
            RuntimeWarning,
            stacklevel=2,
        )
    return shots.end


@outside_inference_mode()
def shoot_geodesics(
    geometry: Geometry,
    z: Tensor,
    v: Tensor,
    *,
    steps: int = STEPS,
    tolerance: float = TOLERANCE,
) -> Shots:
    r"""Follow geodesics from points with given velocities, by the energy that geodesics minimise.

    Each next point makes the one before it the middle of a discrete geodesic,

    .. math:: \nabla_{x_k} \big[ d^2(x_{k-1}, x_k) + d^2(x_k, x_{k+1}) \big] = 0,

    and the first one has the momentum of v, :math:`-\nabla_{x_0} d^2(x_0, x_1) = h \nabla_v F^2(z,
    v)` with steps of h, so that the scheme is the same in both directions of time and its error of
    second order (Rumpf & Wirth 2015, *Variational time discretization of geodesic calculus*;
    Marsden & West 2001, *Discrete mechanics and variational integrators*). It needs no derivative
    of a metric tensor, and serves norms that have none. The steps are doubled until the points
    agree, and two numbers of them extrapolated.

    Parameters
    ----------
    geometry, z, v, tolerance
        As for :func:`exponential_map`.
    steps : int, optional
        Number of steps to begin with; there are as many points on each curve, and its start.

    Returns
    -------
    Shots
        B curves at ``steps + 1`` equally spaced times. A velocity of no length moves straight on.

    Raises
    ------
    TypeError, ValueError
        As :meth:`Geometry.norm`; also if ``steps`` is less than 2 or the tolerance not positive.
    """
    z, v = _check(geometry, z, v)
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 2:
        raise ValueError(f"steps is {steps!r}; expected a whole number, 2 or more")
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; expected a positive number")
    with torch.no_grad():
        parts = [_shoot(geometry, z[r], v[r], steps, tolerance) for r in split_points(geometry, z)]
    values = zip(*(vars(part).values() for part in parts), strict=True)
    return Shots(*map(torch.cat, values))


def _check(geometry: Geometry, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    for name, x in (("z", z), ("v", v)):
        check_points(name, x)
        if x.ndim > 2 or x.numel() == 0:
            raise ValueError(f"{name} has shape {tuple(x.shape)}; expected (B, d) or (d,), B > 0")
        check_finite(name, x)
    check_alike("z", z, "v", v)
    check_precision("z", z)
    z, v = torch.broadcast_tensors(*(torch.atleast_2d(as_ordinary(x.detach())) for x in (z, v)))
    geometry.check_decoder(z)
    return z.contiguous(), v.contiguous()


def split_points(geometry: Geometry, z: Tensor) -> Iterator[slice]:
    """Blocks of points (B, d) whose segments can be differentiated at once."""

    def compute(count: int) -> Tensor:
        some = z[torch.arange(count, device=z.device) % len(z)]  # (count, d)
        return segment_slopes(geometry, torch.stack((some, some + 1e-3), 1))

    size = count_rows(geometry.row_sizes.measure("shots", z, compute))
    return (slice(start, start + size) for start in range(0, len(z), size))


def _shoot(geometry: Geometry, z: Tensor, v: Tensor, steps: int, tolerance: float) -> Shots:
    """Curves from points (B, d), each with as many steps as it needs."""
    p = momenta(geometry, z, v)  # (B, d)
    length = (p * v).sum(-1).clamp(min=0).sqrt()  # (B,)
    t = torch.linspace(0, 1, steps + 1, dtype=z.dtype, device=z.device)[:, None]
    points = z[:, None] + t * v[:, None]  # (B, T, d), where nothing is measured
    coarse, moving = points.clone(), length > 0  # (B, T, d), (B,)
    outcome = torch.full_like(length, Outcome.BUDGET, dtype=torch.int64)  # (B,)
    outcome[~moving] = Outcome.CONVERGED
    error = torch.zeros_like(length)  # (B,)
    used = torch.full_like(outcome, steps)  # (B,)
    rows = moving.nonzero().squeeze(-1)  # (b,)
    if len(rows):
        coarse[rows], _ = _follow(geometry, z[rows], v[rows], p[rows], length[rows], steps)
    count = 2 * steps
    while len(rows) and count <= max(MOST_STEPS, 2 * steps):
        here = z[rows], v[rows], p[rows], length[rows]
        fine, solved = _follow(geometry, *here, count)  # (b, count + 1, d), (b,)
        fine = fine[:, :: count // steps]  # (b, T, d)
        apart = _distances(geometry, coarse[rows], fine).amax(-1) / 3  # (b,)
        error[rows], used[rows] = apart / length[rows], count
        points[rows] = fine + (fine - coarse[rows]) / 3
        lost = ~torch.isfinite(fine).all(-1).all(-1)  # (b,)
        close = error[rows] <= tolerance  # (b,)
        ended = torch.where(close, Outcome.CONVERGED, Outcome.BUDGET)  # (b,)
        ended[~solved] = Outcome.STALLED
        ended[lost] = Outcome.NOT_FINITE
        outcome[rows] = ended
        coarse[rows] = fine
        rows = rows[ended != Outcome.CONVERGED]
        count *= 2
    return Shots(points, outcome, error, used)


def _distances(geometry: Geometry, x: Tensor, y: Tensor) -> Tensor:
    """Distances (b, T) of points (b, T, d); nan where they are not finite."""
    return geometry.polygon_energy(torch.stack((x, y), -2)).sqrt()  # (b, T)


def _follow(
    geometry: Geometry, z: Tensor, v: Tensor, p: Tensor, length: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Discrete geodesics from points (b, d): (b, steps + 1, d), and whether each was found."""
    x, momentum = z, p / steps  # (b, d) each
    guess = z + v / steps  # (b, d)
    sound = torch.ones_like(length, dtype=torch.bool)  # (b,)
    path = [x]
    inverse = invert(mixed_matrices(geometry, x, guess))  # (b, d, d)
    for _ in range(steps):
        y, momentum, solved = continue_segments(
            geometry, x, momentum, guess, length / steps, inverse
        )
        sound &= solved
        x, guess = y, 2 * y - x
        path.append(x)
    return torch.stack(path, 1), sound
