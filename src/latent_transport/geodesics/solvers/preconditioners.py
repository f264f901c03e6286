"""Preconditioners: what is known of an energy's Hessian before any product with it.

Each gives a factorisation :math:`M = L L^T` for every curve of a batch. In the coordinates
:math:`y = L^T c` of the control points c, the Hessian is close to the identity, and a step of
length 1 changes the energy by about one unit of energy, whatever the units of latent space and
data.
"""

from abc import ABC, abstractmethod
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from typing_extensions import override

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.mean_metric import mean_metric
from latent_transport.geodesics.solvers.normal_matrix import assemble_blocks, normal_matrix
from latent_transport.geometries.base import Geometry

STALE = 2**30  # steps: older than any matrix is kept
DENSE = 1024  # free coordinates of a curve up to which its matrices are dense
FEW_DIMS = 48  # latent dimensions up to which a Jacobian at every corner pays
MANY_DIMS = 512  # latent dimensions up to which a Jacobian at a few corners does
LASTING = 4  # times as many steps as a normal matrix a mean metric serves: it varies less
SHAKE = 1e-3  # of a segment's length: by how much points are moved off what is degenerate
FLOOR = 1e-4  # of the metric along a curve: what no direction is taken to fall below
RAISED_FLOOR = 1.0  # where that leads curves too far into directions that the decoder ignores

_FULL_RANK: WeakKeyDictionary[Geometry, dict[tuple[int, torch.dtype, torch.device], bool]] = (
    WeakKeyDictionary()
)


class Preconditioner(ABC):
    """Factors of a batch's approximate Hessians, each of which serves for several steps.

    Parameters
    ----------
    geometry : Geometry
        Measures the segments.
    spline : CubicSpline
        B curves of n = P d free coordinates each; their ends are kept.
    t : Tensor, shape (N,)
        Parameters of polygons' corners: those of the energy, or fewer.
    refresh : int
        Steps for which a factor serves.
    """

    def __init__(self, geometry: Geometry, spline: CubicSpline, t: Tensor, refresh: int) -> None:
        self.geometry = geometry
        self.refresh = refresh
        self.basis = spline.basis(t)  # (N, P)
        self.line = spline(t) - self.basis @ spline.controls  # (B, N, d), what the ends decide
        self.age = torch.full((len(spline.start),), STALE, device=t.device)  # (B,), in steps
        self.floor = torch.full_like(spline.start[:, 0], FLOOR)  # (B,)
        slopes = self.basis.diff(dim=0)  # (N - 1, P)
        self.stiffness = len(slopes) * slopes.mT @ slopes  # (P, P)

    def update(self, rows: Tensor, controls: Tensor) -> None:
        """Factorise anew, at control points (b, n), for those curves (b,) that it is time for."""
        old = self.age[rows] >= self.refresh  # (b,)
        stale = rows[old]  # (s,)
        if len(stale) == 0:
            return
        free = controls[old].unflatten(1, (self.basis.shape[1], -1))  # (s, P, d)
        points = self.line[stale] + self.basis @ free  # (s, N, d)
        with torch.no_grad():
            self._factorise(stale, points)
        self.age[stale] = 0

    def _square_segments(self, points: Tensor) -> Tensor:
        """Squared lengths (s, N - 1) of the segments, times their number."""
        p = self.geometry.decode(points)  # of (s, N)
        squares = self.geometry.residuals(p[:, :-1], p[:, 1:]).square().sum((-2, -1))
        return (points.shape[1] - 1) * squares

    def serve(self, rows: Tensor) -> None:
        """Take note of a step of each of the curves ``rows`` (b,)."""
        self.age[rows] += 1

    def stiffen(self, rows: Tensor) -> None:
        """Take no direction of the curves ``rows`` (b,) to be as soft as the decoder makes it."""
        soft = rows[self.floor[rows] < RAISED_FLOOR]  # (s,)
        self.floor[soft] = RAISED_FLOOR
        self.age[soft] = STALE

    def solve(self, rows: Tensor, gradient: Tensor) -> Tensor:
        """Return :math:`M^{-1} g` for gradients (b, n) of the curves ``rows`` (b,)."""
        return self.color(rows, self.whiten(rows, gradient))

    @abstractmethod
    def _factorise(self, rows: Tensor, points: Tensor) -> None:
        """Factorise for curves (s,) with corners (s, N, d)."""

    @abstractmethod
    def whiten(self, rows: Tensor, gradient: Tensor) -> Tensor:
        """Return :math:`L^{-1} g` for gradients (b, n) of the curves ``rows`` (b,)."""

    @abstractmethod
    def color(self, rows: Tensor, step: Tensor) -> Tensor:
        """Steps :math:`L^{-T} y` of the control points, (b, n), for y of (b, n)."""


class NormalMatrices(Preconditioner):
    r"""Gauss-Newton: :math:`M = 2 (J^T J + W + \epsilon K)`, dense.

    J is the Jacobian of the residuals, and of what stands for their curvature; W the curvature of
    the geometry's weight, which J does not see, where it is positive; K the energy in the latent
    space's own metric, scaled to this curve's, which holds back the directions that the decoder
    ignores (Levenberg 1944).
    """

    def __init__(self, geometry: Geometry, spline: CubicSpline, t: Tensor, refresh: int) -> None:
        super().__init__(geometry, spline, t, refresh)
        batch, free, dims = spline.controls.shape
        self.factor = spline.controls.new_zeros(batch, free * dims, free * dims)  # (B, n, n)

    @override
    def _factorise(self, rows: Tensor, points: Tensor) -> None:
        shaken = _shake(points)  # (s, N, d)
        normal, squares = normal_matrix(self.geometry, shaken, self.basis)  # (s, n, n), (s, N - 1)
        if self.geometry.weighted:
            normal = normal + self._weigh(points, squares)
        scale = squares.sum(-1) / _square_latent_segments(points).sum(-1).clamp(min=_tiny(points))
        latent = torch.kron(self.stiffness, torch.eye(points.shape[-1]).to(points))  # (n, n)
        diagonal = normal.diagonal(dim1=-2, dim2=-1)  # (s, n)
        rounding = 10 * torch.finfo(points.dtype).eps * diagonal.amax(-1) + _tiny(points)  # (s,)
        added = torch.diag_embed(rounding[:, None].expand_as(diagonal))  # (s, n, n)
        floor = (self.floor[rows] * scale)[:, None, None]  # (s, 1, 1)
        total = 2 * (normal + floor * latent + added)
        self.factor[rows] = _cholesky(total)

    def _weigh(self, points: Tensor, squares: Tensor) -> Tensor:
        """Curvature of the weight, where it is positive, in half Hessians: (s, n, n)."""
        curvature = self.geometry.weight_curvature(points)  # (s, N, d, d)
        values, vectors = torch.linalg.eigh(curvature)
        positive = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT  # (s, N, d, d)
        around = torch.nn.functional.pad(squares, (1, 1))  # (s, N + 1)
        share = 0.5 * (around[:, :-1] + around[:, 1:])  # (s, N), of the segments on either side
        return assemble_blocks(self.basis, share[..., None, None] * positive)

    @override
    def whiten(self, rows: Tensor, gradient: Tensor) -> Tensor:
        factor = self.factor[rows]  # (b, n, n)
        return torch.linalg.solve_triangular(factor, gradient[..., None], upper=False).squeeze(-1)

    @override
    def color(self, rows: Tensor, step: Tensor) -> Tensor:
        factor = self.factor[rows].mT  # (b, n, n)
        return torch.linalg.solve_triangular(factor, step[..., None], upper=True).squeeze(-1)


class SpeedMatrices(Preconditioner):
    r"""The metric along the curve, taken to be the same in all directions: P by P matrices.

    :math:`M = 2 K_\lambda \otimes I`, with :math:`K_\lambda` the energy of curves in the metric
    :math:`\lambda_n^2 I`, and :math:`\lambda_n` the length of segment n over its latent length. It
    needs no derivative of the decoder, and serves where there are too many latent dimensions for
    dense matrices, or no forward mode.
    """

    def __init__(self, geometry: Geometry, spline: CubicSpline, t: Tensor, refresh: int) -> None:
        super().__init__(geometry, spline, t, refresh)
        batch, free, _ = spline.controls.shape
        self.factor = spline.controls.new_zeros(batch, free, free)  # (B, P, P)

    @override
    def _factorise(self, rows: Tensor, points: Tensor) -> None:
        self._follow(rows, self._square_segments(points), _square_latent_segments(points))

    def _follow(self, rows: Tensor, squares: Tensor, latent: Tensor) -> None:
        """Factorise for squared lengths (s, N - 1) where the metric is the same at all points."""
        scale = squares.sum(-1) / latent.sum(-1).clamp(min=_tiny(latent))  # (s,)
        metric = squares / latent.clamp(min=_tiny(latent))  # (s, N - 1)
        metric = metric.clamp(min=(self.floor[rows] * scale)[:, None])
        slopes = self.basis.diff(dim=0)  # (N - 1, P)
        total = 2 * len(slopes) * slopes.mT @ (metric[..., None] * slopes)  # (s, P, P)
        self.factor[rows] = _cholesky(total + _tiny(total) * torch.eye(slopes.shape[1]).to(total))

    @override
    def whiten(self, rows: Tensor, gradient: Tensor) -> Tensor:
        free = gradient.unflatten(1, (self.basis.shape[1], -1))  # (b, P, d)
        return torch.linalg.solve_triangular(self.factor[rows], free, upper=False).flatten(1)

    @override
    def color(self, rows: Tensor, step: Tensor) -> Tensor:
        free = step.unflatten(1, (self.basis.shape[1], -1))  # (b, P, d)
        return torch.linalg.solve_triangular(self.factor[rows].mT, free, upper=True).flatten(1)


class MeanMetrics(SpeedMatrices):
    r"""The metric along the curve, with directions that are stiff and soft alike everywhere.

    :math:`M = 2 K_\lambda \otimes G`, with G the mean of a few of the metric tensors along the
    curve, each of trace d, and :math:`K_\lambda` as for :class:`SpeedMatrices`, but with latent
    lengths by G. G tells stiff directions from soft ones, which is most of what makes a Hessian
    ill-conditioned, at a tenth of the products through the decoder that normal matrices take.
    """

    def __init__(self, geometry: Geometry, spline: CubicSpline, t: Tensor, refresh: int) -> None:
        super().__init__(geometry, spline, t, refresh)
        batch, _, dims = spline.controls.shape
        self.directions = spline.controls.new_zeros(batch, dims, dims)  # (B, d, d)

    @override
    def _factorise(self, rows: Tensor, points: Tensor) -> None:
        mean = mean_metric(self.geometry, _shake(points))  # (s, d, d)
        steps, plain = points.diff(dim=1), _square_latent_segments(points)  # (s, N - 1, d)
        latent = steps.shape[1] * ((steps @ mean) * steps).sum(-1)  # (s, N - 1)
        along = latent.sum(-1) / plain.sum(-1).clamp(min=_tiny(points))  # (s,)
        floor = self.floor[rows] * along  # (s,)
        largest = mean.diagonal(dim1=-2, dim2=-1).amax(-1)  # (s,)
        added = floor + 10 * torch.finfo(points.dtype).eps * largest + _tiny(points)  # (s,)
        self.directions[rows] = _cholesky(
            mean + torch.diag_embed(added[:, None].expand_as(mean[:, 0]))
        )
        latent = torch.maximum(latent, floor[:, None] * plain)  # (s, N - 1)
        self._follow(rows, self._square_segments(points), latent)

    @override
    def whiten(self, rows: Tensor, gradient: Tensor) -> Tensor:
        free = super().whiten(rows, gradient).unflatten(1, (self.basis.shape[1], -1))  # (b, P, d)
        factor = self.directions[rows].mT  # (b, d, d)
        return torch.linalg.solve_triangular(factor, free, upper=True, left=False).flatten(1)

    @override
    def color(self, rows: Tensor, step: Tensor) -> Tensor:
        free = step.unflatten(1, (self.basis.shape[1], -1))  # (b, P, d)
        factor = self.directions[rows]  # (b, d, d)
        free = torch.linalg.solve_triangular(factor, free, upper=False, left=False)
        return super().color(rows, free.flatten(1))


def choose_preconditioner(
    geometry: Geometry, spline: CubicSpline, t: Tensor, *, refresh: int
) -> Preconditioner:
    """Return what is known of the Hessians of such curves for what it costs.

    Dense normal matrices where there are few latent dimensions, and matrices are small; a mean
    metric where there are more, or curves of many control points; the speed where there are too
    many, or no derivatives. The sizes alone decide, so that a result does not depend on a clock.
    """
    kind = choose_kind(geometry, spline)
    return kind(geometry, spline, t, refresh * (LASTING if kind is MeanMetrics else 1))


def choose_kind(geometry: Geometry, spline: CubicSpline) -> type[Preconditioner]:
    """Return the kind of :func:`choose_preconditioner`."""
    free, dims = spline.controls.shape[1:]
    if dims > MANY_DIMS or not _has_full_rank(geometry, spline):
        return SpeedMatrices
    return NormalMatrices if dims <= FEW_DIMS and free * dims <= DENSE else MeanMetrics


def is_dense(geometry: Geometry, spline: CubicSpline) -> bool:
    """Whether the curves are solved with dense normal matrices."""
    return choose_kind(geometry, spline) is NormalMatrices


def _has_full_rank(geometry: Geometry, spline: CubicSpline) -> bool:
    """Whether a segment has as many residuals as there are dimensions, and forward derivatives.

    Found out once for all curves of a geometry: it takes as many products as there are dimensions.
    """
    point = spline.start[:1]  # (1, d)
    known = _FULL_RANK.setdefault(geometry, {})
    key = point.shape[1], point.dtype, point.device
    if key not in known:
        known[key] = _count_residuals(geometry, point) >= point.shape[1]
    return known[key]


def _count_residuals(geometry: Geometry, point: Tensor) -> int:
    """Residuals of a segment, and what stands for their bends: 0 without forward derivatives."""
    try:
        with torch.no_grad():
            p, _ = geometry.decode_with_jacobian(point)
            bends = geometry.residual_curvature(p, p).shape[-3] * p.variables
    except (RuntimeError, NotImplementedError):
        return 0
    return geometry.residuals(p, p).numel() + bends


def _square_latent_segments(points: Tensor) -> Tensor:
    """Squared latent lengths (s, N - 1) of the segments, times their number."""
    return (points.shape[1] - 1) * points.diff(dim=1).square().sum(-1)


def _shake(points: Tensor) -> Tensor:
    """Points (s, N, d), moved at random by a small share of the segments' length.

    The W1 of a variable has no slope where a segment leaves it just as it is, but its square has
    the curvature that it has nearby.
    """
    noise = torch.randn(points.shape[1:], generator=torch.Generator().manual_seed(0)).to(points)
    reach = points.diff(dim=1).square().sum(-1).mean(-1).sqrt()  # (s,)
    return points + SHAKE * reach[:, None, None] * noise


def _cholesky(matrices: Tensor) -> Tensor:
    """Cholesky factors (s, n, n); of the diagonal alone where rounding left a matrix indefinite."""
    factor, failed = torch.linalg.cholesky_ex(matrices)
    diagonal = matrices.diagonal(dim1=-2, dim2=-1).clamp(min=_tiny(matrices)).sqrt()  # (s, n)
    broken = (failed != 0) | ~torch.isfinite(factor).all(-1).all(-1)  # (s,)
    instead = torch.diag_embed(diagonal.nan_to_num(nan=1.0, posinf=1.0))  # (s, n, n)
    return torch.where(broken[:, None, None], instead, factor)


def _tiny(x: Tensor) -> float:
    return float(torch.finfo(x.dtype).tiny)
