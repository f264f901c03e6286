"""Centres: points from which the distances of many others, or their squares, add up to least."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from latent_transport.checks import holds
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geometries.base import Geometry
from latent_transport.maps.momenta import (
    apply,
    as_spline,
    fundamental_tensors,
    generic_directions,
    start_momenta,
)
from latent_transport.statistics.fans import Precision, Rays, move_starts, rays_of, solve_fan

PAIRS = 12  # of steps and changes of the gradient that are remembered
DAMPED = 0.2  # share of the model's curvature that a pair shows at least (Powell 1978)
ARMIJO = 1e-4  # share of what a step promises that it brings at least
SHORTEST = 1e-3  # part of a step below which none is tried
LONGEST = 1.0  # of a step, in root mean square distances of the points
IGNORED = 1e-5  # share of the largest curvature up to which a direction is left as it is
NOISE = 0.3  # of the curves' tolerance, by which an objective may seem to rise
ROUNDED = 256  # times the rounding of a centre, up to which a step is none
AT = 1e-6  # share of a mean distance at which a centre lies on a point
NEAR = 1.1  # by which a point may lack of being the median, for the centre to try it


@dataclass(frozen=True)
class Cloud:
    """Points in G groups, each with the weight that it has in its group.

    Attributes
    ----------
    points : Tensor, shape (N, d)
    group : Tensor of int64, shape (N,)
        From 0 to G - 1.
    weights : Tensor, shape (N,)
        Not negative; of each group they add up to 1.
    power : int
        1 for sums of distances, 2 for sums of their squares.
    """

    points: Tensor
    group: Tensor
    weights: Tensor
    power: int

    def sum(self, values: Tensor, groups: int) -> Tensor:
        """Weighted sums (G, ...) of values (N, ...)."""
        weights = self.weights.reshape(-1, *[1] * (values.ndim - 1))
        total = values.new_zeros(groups, *values.shape[1:])
        return total.index_add_(0, self.group, weights * values)

    def __getitem__(self, rows: Tensor) -> "Cloud":
        """Return the points with the given numbers, in the same groups."""
        points, group, weights = (x[rows] for x in (self.points, self.group, self.weights))
        return Cloud(points, group, weights, self.power)


@dataclass(frozen=True)
class Descent:
    """Centres of G groups of points, and the geodesics from each to its points.

    Attributes
    ----------
    centres : Tensor, shape (G, d)
    rays : Rays
        N geodesics from the centres to the points.
    excess : Tensor, shape (G,)
        Share of its objective by which each lies above its local minimum, by a second-order model.
    iterations : Tensor of int64, shape (G,)
        Steps tried.
    objective : Tensor, shape (G,)
        Weighted sums of the lengths, or their squares.
    """

    centres: Tensor
    rays: Rays
    excess: Tensor
    iterations: Tensor
    objective: Tensor


@dataclass
class _Fan:
    """What is known at G centres, with the N geodesics from them to their points."""

    centres: Tensor
    rays: Rays
    value: Tensor = field(default_factory=lambda: torch.empty(0))  # (G,), of the objective
    slope: Tensor = field(default_factory=lambda: torch.empty(0))  # (G, d)
    matrix: Tensor = field(default_factory=lambda: torch.empty(0))  # (G, d, d), its model's
    excess: Tensor = field(default_factory=lambda: torch.empty(0))  # (G,)
    jump: Tensor = field(default_factory=lambda: torch.empty(0))  # (G,), point to try, or -1

    def put(self, other: "_Fan", groups: Tensor, rows: Tensor) -> None:
        """Take over other centres, with the rays (n,) that belong to them, as (g,) says."""
        for name in ("centres", "value", "slope", "matrix", "excess", "jump"):
            setattr(self, name, getattr(self, name).index_copy(0, groups, getattr(other, name)))
        self.rays = self.rays.put(rows, other.rays)


def descend(
    geometry: Geometry,
    cloud: Cloud,
    curves: CubicSpline | Rays,
    centres: Tensor,
    precision: Precision,
    *,
    tolerance: float,
    max_iterations: int,
    max_steps: int | None = None,
    tell: Callable[[int], None] | None = None,
) -> Descent:
    r"""Move centres to where the objectives of their groups are least.

    .. math:: f(c) = \sum_i w_i d^k(c, z_i), \qquad
              \nabla d^2(c, z_i) = -2 p_i, \quad \nabla d(c, z_i) = -p_i / d(c, z_i)

    with the momenta p_i of the geodesics at c, by the first variation. The steps are those of a
    quasi-Newton method that begins with the mean of the metric tensors in the directions of the
    geodesics (in flat spaces that is Newton's method for the mean and Weiszfeld's for the median)
    and learns what curvature adds from the changes of the gradient (BFGS with Powell's damping;
    Nocedal & Wright 2006, *Numerical optimization*, Section 18.3). All geodesics of all centres are
    solved at once, from those of the step before. A median may lie on a point, where the objective
    has a kink: its neighbours jump there if it is better, and leave it as far as the others' pull
    exceeds its weight (Vardi & Zhang 2000, *The multivariate L1-median and associated data depth*).
    Directions that a decoder all but ignores, with less than a hundred-thousandth of the largest
    curvature, are left as they are: they lead far away from all points, and win next to nothing.

    Parameters
    ----------
    geometry : Geometry
        Measures the distances.
    cloud : Cloud
        N points in G groups.
    curves : CubicSpline or Rays
        N curves from the centres to the points, to start with; rays are solved already, with
        ``precision``, and are not solved again.
    centres : Tensor, shape (G, d)
        Where to begin.
    precision : Precision
        How finely the geodesics are solved.
    tolerance : float
        Share of its objective that a centre may lie above its local minimum, to be left there.
    max_iterations : int
        Largest number of steps that are tried.
    max_steps : int, optional
        Largest number of steps that a centre takes; by default there is no other limit.
    tell : callable, optional
        Is told how many curves have been solved.
    """
    search = _Search(geometry, cloud, precision, tell)
    everyone = torch.arange(len(centres), device=centres.device)  # (G,)
    every_row = torch.arange(len(cloud.points), device=centres.device)  # (N,)
    if isinstance(curves, Rays):
        fan = search.differentiate(curves, curves.curves, centres, everyone, every_row)
    else:
        fan = search.evaluate(curves, centres, everyone, every_row)
    scale = torch.ones_like(fan.value)  # (G,)
    spent, taken = torch.zeros_like(everyone), torch.zeros_like(everyone)  # (G,) each
    most = max_iterations if max_steps is None else max_steps
    model = _Secants()
    tried = torch.full_like(everyone, -1)  # (G,), points that were jumped to in vain
    for iteration in range(max_iterations + 1):
        inverse = _invert(model.update(fan.matrix))  # (G, d, d)
        step = -apply(inverse, fan.slope)  # (G, d)
        excess = torch.maximum(fan.excess, _share(fan, inverse))  # (G,)
        active = (excess > tolerance) & (scale >= SHORTEST) & (taken < most)  # not where it is nan
        groups = active.nonzero().squeeze(-1)  # (g,)
        if len(groups) == 0 or iteration == max_iterations:
            break
        step = search.shorten(fan, step) * scale.unsqueeze(-1)
        jumps = (fan.jump >= 0) & (fan.jump != tried)  # (G,)
        leap = cloud.points[fan.jump.clamp(min=0)] - fan.centres  # (G, d)
        step = torch.where(jumps.unsqueeze(-1), leap, step)
        rows = active[cloud.group].nonzero().squeeze(-1)  # (n,)
        aims = fan.centres + step  # (G, d)
        # A leap ends on the point itself, which rounding would miss.
        aims = torch.where(jumps.unsqueeze(-1), cloud.points[fan.jump.clamp(min=0)], aims)
        moved = move_starts(fan.rays.curves[rows], aims[cloud.group[rows]])
        trial = search.evaluate(moved, aims, groups, rows)
        promised = torch.where(jumps, 0, (fan.slope * step).sum(-1))[groups]  # (g,)
        blur = NOISE * precision.tolerance * fan.value[groups] * ~jumps[groups]
        better = trial.value <= fan.value[groups] + ARMIJO * promised + blur  # (g,)
        learned = better & ~jumps[groups]
        model.add(step, trial.slope - fan.slope[groups], groups, learned)
        spent[groups] += 1
        tried[groups] = torch.where(jumps[groups] & ~better, fan.jump[groups], tried[groups])
        shorter = torch.where(jumps[groups], scale[groups], scale[groups] / 4)
        scale[groups] = torch.where(better, (2 * scale[groups]).clamp(max=1), shorter)
        won = groups[better]
        taken[won] += 1
        if len(won):
            inside = torch.zeros_like(active).index_fill_(0, won, True)[cloud.group[rows]]
            fan.put(_select(trial, better, inside), won, rows[inside])
    sums = cloud.sum(fan.rays.lengths**cloud.power, len(centres))
    return Descent(fan.centres, fan.rays, excess, spent, sums)


def _share(fan: _Fan, inverse: Tensor) -> Tensor:
    """Shares (G,) of the objectives that a model with these inverses says can be won."""
    step = apply(inverse, fan.slope)  # (G, d)
    gain = (fan.slope * step).sum(-1) / 2  # (G,)
    info = torch.finfo(gain.dtype)
    # Steps that are lost in the rounding of the centre win nothing.
    none = (step.abs() <= ROUNDED * info.eps * fan.centres.abs().amax(-1, keepdim=True)).all(-1)
    return torch.where(none, 0, gain / fan.value.clamp(min=info.tiny))


def _select(fan: _Fan, groups: Tensor, rows: Tensor) -> _Fan:
    """Centres where a mask (g,) holds, and rays where another one (n,) does."""
    names = ("centres", "value", "slope", "matrix", "excess", "jump")
    chosen = {name: getattr(fan, name)[groups] for name in names}
    return replace(fan, rays=fan.rays[rows.nonzero().squeeze(-1)], **chosen)


@dataclass
class _Search:
    """The objectives of a cloud's groups, and their derivatives."""

    geometry: Geometry
    cloud: Cloud
    precision: Precision
    tell: Callable[[int], None] | None

    def evaluate(self, curves: CubicSpline, centres: Tensor, groups: Tensor, rows: Tensor) -> _Fan:
        """Solve the curves (n,) of some groups (g,), and differentiate their objectives."""
        paths = solve_fan(self.geometry, curves, self.precision)
        if self.tell is not None:
            self.tell(len(rows))
        exact = as_spline(paths.curve, paths.start)
        return self.differentiate(rays_of(paths, self.precision), exact, centres, groups, rows)

    def differentiate(
        self, rays: Rays, exact: CubicSpline, centres: Tensor, groups: Tensor, rows: Tensor
    ) -> _Fan:
        """Differentiate the objectives of some groups (g,) along their solved curves (n,)."""
        momenta = start_momenta(self.geometry, exact)  # (n, d)
        place = torch.zeros(len(centres), dtype=torch.int64, device=centres.device)
        place[groups] = torch.arange(len(groups), device=centres.device)
        cloud = replace(self.cloud[rows], group=place[self.cloud.group[rows]])
        fan = _Fan(centres[groups], rays)
        self._sum_up(fan, cloud, momenta, rows)
        return fan

    def _sum_up(self, fan: _Fan, cloud: Cloud, momenta: Tensor, rows: Tensor) -> None:
        count = len(fan.centres)
        tensors = self._tensors(fan, cloud)  # (n, d, d) or those of their centres
        if self.cloud.power == 2:
            fan.value = cloud.sum(fan.rays.energies, count)
            fan.slope = -2 * cloud.sum(momenta, count)
            fan.matrix = 2 * cloud.sum(tensors, count)
            fan.excess = _share(fan, _invert(fan.matrix))
            fan.jump = torch.full_like(cloud.group[:1], -1).expand(count)
            return
        distance = fan.rays.energies.sqrt()  # (n,)
        fan.value = cloud.sum(distance, count)
        at = distance <= AT * fan.value[cloud.group]  # (n,), points on which the centre lies
        inverse = torch.where(at, 0, 1 / distance.where(~at, torch.ones_like(distance)))
        unit = momenta * inverse.unsqueeze(-1)  # (n, d)
        slope = -cloud.sum(unit, count)  # (g, d)
        fan.matrix = cloud.sum(tensors * inverse[:, None, None], count)
        metric = _invert(cloud.sum(tensors, count))  # (g, d, d)
        held = cloud.sum(at.to(distance.dtype), count)  # (g,), weight that a centre lies on
        pull = _norm(metric, slope)  # (g,)
        fan.slope = slope * (1 - held / pull.clamp(min=1e-30)).clamp(min=0).unsqueeze(-1)
        fan.excess = _share(fan, _invert(fan.matrix))
        # Without its nearest point, a centre is pulled less than that point's weight: a kink.
        nearest = _argmin(distance.where(~at, torch.inf), cloud.group, count)  # (g,)
        rest = slope + (cloud.weights.unsqueeze(-1) * unit)[nearest]
        kink = _norm(metric, rest) < NEAR * cloud.weights[nearest]  # (g,)
        fan.jump = torch.where(kink & (held == 0), rows[nearest], -1)

    def _tensors(self, fan: _Fan, cloud: Cloud) -> Tensor:
        """Metric tensors (n, d, d) at the centres, in the directions of the curves."""
        if self.geometry.riemannian:
            return self.geometry.tensor(fan.centres)[cloud.group]
        v = fan.rays.curves.derivative(torch.zeros(1))[:, 0]  # (n, d)
        v = torch.where((v == 0).all(-1, keepdim=True), generic_directions(v), v)
        return fundamental_tensors(self.geometry, fan.centres[cloud.group], v)

    def shorten(self, fan: _Fan, step: Tensor) -> Tensor:
        """Steps (G, d), no longer than the points are apart from their centres."""
        own = fan.matrix  # (G, d, d): twice the mean tensor, or the one over the distances
        square = (step * apply(own, step)).sum(-1)  # (G,)
        scale = 2 * fan.value if self.cloud.power == 2 else fan.value
        return step * (LONGEST * (scale / square.clamp(min=1e-30)).sqrt()).clamp(max=1)[:, None]


@dataclass
class _Secants:
    """What changes of gradients (G, d) tell of curvature beside a model's."""

    pairs: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def add(self, step: Tensor, change: Tensor, groups: Tensor, learned: Tensor) -> None:
        """Remember steps (G, d) and changes (g, d) of those groups where a mask (g,) holds."""
        if not holds(~learned):
            whole = torch.zeros_like(step).index_copy(0, groups, change)
            mask = torch.zeros(len(step), dtype=torch.bool, device=step.device)
            self.pairs.append((step, whole, mask.index_copy(0, groups, learned)))
            del self.pairs[:-PAIRS]

    def update(self, matrix: Tensor) -> Tensor:
        """Matrices (G, d, d) that agree with the pairs, by damped BFGS."""
        for step, change, mask in self.pairs:
            product = apply(matrix, step)  # (G, d)
            own = (step * product).sum(-1)  # (G,)
            seen = (step * change).sum(-1)  # (G,)
            share = torch.where(seen >= DAMPED * own, 1, (1 - DAMPED) * own / (own - seen))
            y = share[:, None] * change + (1 - share)[:, None] * product  # (G, d)
            seen = (step * y).sum(-1)  # (G,)
            use = mask & (own > 0) & (seen > 0)  # (G,)
            own, seen = own.where(use, torch.ones_like(own)), seen.where(use, torch.ones_like(own))
            new = y[:, :, None] * y[:, None] / seen[:, None, None]
            old = product[:, :, None] * product[:, None] / own[:, None, None]
            matrix = torch.where(use[:, None, None], matrix + new - old, matrix)
        return matrix


def _invert(matrices: Tensor) -> Tensor:
    """Pseudo-inverses (G, d, d), without directions that a decoder ignores; nan if not finite."""
    finite = torch.isfinite(matrices).all(-1).all(-1)[:, None, None]  # (G, 1, 1)
    sound = torch.where(finite, matrices, 0)
    inverses = torch.linalg.pinv(sound, rtol=IGNORED, hermitian=True)  # (G, d, d)
    return torch.where(finite, inverses, torch.nan)


def _norm(inverse: Tensor, p: Tensor) -> Tensor:
    """Lengths (G,) of momenta."""
    return (p * apply(inverse, p)).sum(-1).clamp(min=0).sqrt()


def _argmin(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Places (G,) of the least value (N,) of each group."""
    least = values.new_full((groups,), torch.inf).scatter_reduce(0, group, values, "amin")
    first = torch.full((groups,), len(values) - 1, device=values.device)
    hits = (values == least[group]).nonzero().squeeze(-1)  # (h,)
    return first.scatter_reduce(0, group[hits], hits, "amin")
