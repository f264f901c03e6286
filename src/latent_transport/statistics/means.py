"""Fréchet means and medians: the points that are nearest to many, by geodesic distances."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

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
from latent_transport.statistics.centres import Cloud, descend
from latent_transport.statistics.fans import COARSE, FINE, solve_fan, straight_fan

CANDIDATES = 64  # points from which the objective is estimated, to start at the best
EARLY = 10  # times the tolerance, to which coarse geodesics lead
MAX_ITERATIONS = 50
TOLERANCE = 3e-4


@dataclass(frozen=True)
class FrechetMean:
    """A Fréchet mean or median, and how it was found.

    Attributes
    ----------
    point : Tensor, shape (d,)
        In latent units.
    objective : Tensor, shape ()
        Weighted mean of the squared distances (the Fréchet variance), or of the distances, in
        (squared) units of the data.
    converged : bool
        Whether the objective is within the tolerance of a local minimum.
    excess : Tensor, shape ()
        Share of the objective by which it lies above that, by a second-order model of the geodesics
        that were found. Where there are many of nearly the same length, such as between the codes
        of 30 dimensions, better ones may turn up as the centre moves, and lower it by half a per
        cent.
    distances : Tensor, shape (n,)
        Lengths of the geodesics from the point to each of the others, in units of the data.
    iterations : int
        Steps tried, from all starts.
    starts : Tensor, shape (S,)
        Objectives that the S starts led to, by geodesics that are a few thousandths too long.
    """

    point: Tensor
    objective: Tensor
    converged: bool
    excess: Tensor
    distances: Tensor
    iterations: int
    starts: Tensor


def frechet_mean(
    geometry: Geometry,
    z: Tensor,
    weights: Tensor | None = None,
    power: int = 2,
    *,
    starts: int = 1,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    progress: str | None = None,
) -> FrechetMean:
    r"""Point from which the squared geodesic distances to others add up to least, or the distances.

    .. math:: \arg\min_c f(c), \qquad f(c) = \sum_i w_i d^k(c, z_i) \Big/ \sum_i w_i

    with k = 2, the Fréchet (or Karcher) mean, or k = 1, the geometric median. The minimum is local:
    of several starts the best is kept. All geodesics are solved at once, and followed as the centre
    moves: coarsely at first, then as ``connecting_geodesics`` does. What a decoder all but ignores
    stays as at the start. On Finsler geometries, which
    are all reversible here, the same holds. :func:`latent_transport.statistics.centres.descend` has
    the method. Sources: Karcher (1977), *Riemannian center of mass and mollifier smoothing*;
    Fletcher, Venkatasubramanian & Joshi (2009), *The geometric median on Riemannian manifolds*.

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``; Riemannian or Finsler.
    z : Tensor, shape (n, d)
        Points, in latent units.
    weights : Tensor, shape (n,), optional
        Not negative; equal by default.
    power : {2, 1}
        2 for the mean, 1 for the median.
    starts : int, optional
        Points to begin at. The first is the better, by distances of decoded points, of the latent
        mean and the best of (at most 64 of) the points; the others are points far from these.
        Time grows in proportion.
    tolerance : float, optional
        Share of the objective that a converged point may lie above a local minimum.
    max_iterations : int, optional
        Largest number of steps of each start; a step solves n geodesics.
    progress : str, optional
        Label of a progress bar, which counts geodesics; there is none without.

    Returns
    -------
    FrechetMean
        With ``point`` (d,), ``objective`` and ``converged``.

    Warns
    -----
    RuntimeWarning
        If it did not converge.

    Raises
    ------
    TypeError, ValueError
        If the points are no (n, d) or not finite, the weights not (n,) or negative or all 0, the
        power neither 1 nor 2, or a setting out of its range; or as :func:`connecting_geodesics`.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> z = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, 3.0]])
    >>> mean = lt.frechet_mean(lt.Wasserstein1(decoder), z)
    >>> print(mean.point.numpy().round(3).tolist(), mean.converged)
    [1.0, 1.0] True
    """
    z, weights = check_cloud(z, weights)
    if power not in (1, 2):
        raise ValueError(f"power is {power!r}; expected 2 for the mean, or 1 for the median")
    for name, value in (("starts", starts), ("max_iterations", max_iterations)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} is {value!r}; expected a whole number, 1 or more")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance is {tolerance}; expected a number between 0 and 1")
    with outside_inference_mode(), torch.no_grad():
        geometry.check_decoder(z)
        z, weights = as_ordinary(z), as_ordinary(weights)
        mean = _find(geometry, z, weights, power, starts, tolerance, max_iterations, progress)
    if not mean.converged:
        warnings.warn(
            f"the {'mean' if power == 2 else 'median'} did not converge: its objective is "
            f"{float(mean.excess):.2g} of itself above a minimum, by a second-order model; allow "
            "more iterations, or another tolerance",
            RuntimeWarning,
            stacklevel=2,
        )
    return mean


def check_cloud(z: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Check points (n, d) and weights (n,), and bring these to a sum of 1.

    Raises
    ------
    TypeError, ValueError
        As :func:`frechet_mean` says.
    """
    check_points("z", z)
    if z.ndim != 2 or len(z) == 0:
        raise ValueError(f"z has shape {tuple(z.shape)}; expected (n, d), n > 0")
    check_precision("z", z)
    check_finite("z", z)
    if weights is None:
        weights = torch.ones_like(z[:, 0])  # (n,)
    check_floating("weights", weights, "(n,)", verb="are a")
    if weights.shape != z.shape[:1]:
        raise ValueError(
            f"weights have shape {tuple(weights.shape)}; expected {(len(z),)}, one for each point"
        )
    check_alike("z", z[:, :1], "weights", weights[:, None])
    if not (holds(torch.isfinite(weights) & (weights >= 0)) and holds(weights.sum() > 0)):
        raise ValueError("weights are negative, not finite, or all 0; expected positive numbers")
    return z.detach(), (weights / weights.sum()).detach()


def _find(
    geometry: Geometry,
    z: Tensor,
    weights: Tensor,
    power: int,
    starts: int,
    tolerance: float,
    max_iterations: int,
    progress: str | None,
) -> FrechetMean:
    used = (weights > 0).nonzero().squeeze(-1)  # (m,)
    points, shares = z[used], weights[used]  # (m, d), (m,)
    centres = choose_starts(geometry, points, shares, power, starts)  # (S, d)
    count = len(centres)
    group = torch.arange(count, device=z.device).repeat_interleave(len(points))  # (S m,)
    cloud = Cloud(points.repeat(count, 1), group, shares.repeat(count), power)
    with tqdm(desc=progress, unit="geodesic", disable=progress is None) as bar:
        curves = straight_fan(centres[group], cloud.points, COARSE)
        early = descend(
            geometry,
            cloud,
            curves,
            centres,
            COARSE,
            tolerance=min(EARLY * tolerance, COARSE.tolerance),
            max_iterations=max_iterations,
            tell=bar.update,
        )
        value = torch.where(early.objective.isnan(), torch.inf, early.objective)  # (S,)
        best = int(value.argmin())
        rows = slice(best * len(points), (best + 1) * len(points))
        late = descend(
            geometry,
            Cloud(points, torch.zeros_like(group[rows]), shares, power),
            early.rays.curves[rows],
            early.centres[best : best + 1],
            FINE,
            tolerance=tolerance,
            max_iterations=max_iterations,
            tell=bar.update,
        )
        point = late.centres[0]  # (d,)
        distances = torch.zeros_like(weights).index_copy_(0, used, late.rays.lengths)  # (n,)
        idle = (weights == 0).nonzero().squeeze(-1)
        if len(idle):
            from_here = point.expand(len(idle), -1)
            paths = solve_fan(geometry, straight_fan(from_here, z[idle], FINE), FINE)
            distances = distances.index_copy(0, idle, paths.length)
            bar.update(len(idle))
    return FrechetMean(
        point,
        late.objective[0],
        bool(late.excess[0] <= tolerance),
        late.excess[0],
        distances,
        int(early.iterations.sum() + late.iterations.sum()),
        early.objective,
    )


def choose_starts(geometry: Geometry, z: Tensor, weights: Tensor, power: int, count: int) -> Tensor:
    """Centres (S, d) to begin at, by distances of decoded points, which cost no geodesics."""
    step = -(-len(z) // CANDIDATES)
    middle = (weights @ z).unsqueeze(0)  # (1, d)
    places = torch.cat((middle, z[::step]))  # (C, d)
    chords = geometry.distance(places[:, None], z[None])  # (C, n)
    values = (chords**power) @ weights  # (C,)
    values = torch.where(values.isnan(), torch.inf, values)
    chosen = [int(values.argmin())]
    apart = geometry.distance(places, places[chosen[0]].expand_as(places))  # (C,)
    while len(chosen) < min(count, len(places)):
        chosen.append(int(apart.argmax()))
        new = geometry.distance(places, places[chosen[-1]].expand_as(places))  # (C,)
        apart = torch.minimum(apart, new)
    return places[chosen]
