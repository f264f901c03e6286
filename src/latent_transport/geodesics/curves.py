"""Cubic splines with fixed ends: the curves that geodesics are made of."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.interpolate import BSpline
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd import forward_ad

DEGREE = 3

Curve = Callable[[Tensor], Tensor]
"""Parameters (T,) to points (B, T, d) on B curves."""


@lru_cache
def _knots(controls: int) -> np.ndarray:
    """Clamped uniform knots on [0, 1] for that many control points."""
    inner = np.linspace(0, 1, controls - DEGREE + 1)
    return np.concatenate((np.zeros(DEGREE), inner, np.ones(DEGREE)))


@lru_cache
def _greville(controls: int) -> np.ndarray:
    """Greville abscissae: the control points at which a spline reproduces a straight line."""
    knots = _knots(controls)
    return np.array([knots[i + 1 : i + 1 + DEGREE].mean() for i in range(controls)])


@lru_cache
def _pieces(controls: int) -> np.ndarray:
    """Coefficients of the basis functions' polynomials on each of I intervals: (I, 4, P + 2).

    In powers of the share of the interval that lies behind.
    """
    intervals = controls - DEGREE
    basis = BSpline(_knots(controls), np.eye(controls), DEGREE)
    begin = np.arange(intervals) / intervals  # (I,)
    terms = [
        basis(begin, nu=order) / (math.factorial(order) * intervals**order)
        for order in range(DEGREE + 1)
    ]
    return np.stack(terms, 1)


def _is_differentiated(t: Tensor) -> bool:
    """Whether derivatives with respect to ``t`` may be asked for, which no NumPy array has."""
    tangent = forward_ad.unpack_dual(t).tangent
    return t.requires_grad or tangent is not None or is_functorch_wrapped_tensor(t)


@dataclass(frozen=True)
class CubicSpline:
    r"""A batch of C2 cubic B-splines on [0, 1] with fixed ends.

    .. math:: \gamma(t) = \sum_{p=0}^{P+1} N_p(t) \, c_p, \qquad c_0 = z_0, \; c_{P+1} = z_1,

    with the clamped uniform cubic B-spline basis N (de Boor 1978, *A practical guide to splines*).
    The curve is linear in its P free control points, twice continuously differentiable, and meets
    its ends exactly.

    Attributes
    ----------
    start, end : Tensor, shape (B, d)
        Fixed ends, in latent units.
    controls : Tensor, shape (B, P, d)
        Free control points, P >= 2.
    """

    start: Tensor
    end: Tensor
    controls: Tensor

    @classmethod
    def straight(cls, start: Tensor, end: Tensor, free: int) -> "CubicSpline":
        """Return straight lines of constant speed between ends (B, d).

        Raises
        ------
        ValueError
            If ``free``, the number of free control points of each, is less than 2.
        """
        if free < DEGREE - 1:
            raise ValueError(
                f"a cubic spline has at least {DEGREE - 1} free control points; found {free}"
            )
        at = torch.as_tensor(_greville(free + 2)[1:-1], dtype=start.dtype, device=start.device)
        return cls(start, end, torch.lerp(start[:, None], end[:, None], at[:, None]))

    @classmethod
    def through(cls, points: Tensor, free: int, t: Tensor | None = None) -> "CubicSpline":
        """Fit splines to polylines by least squares; the ends are met exactly.

        Parameters
        ----------
        points : Tensor, shape (B, T, d)
            Points on the curves, T >= 2.
        free : int
            Free control points of each spline.
        t : Tensor, shape (T,), optional
            Their parameters, rising from 0 to 1; equally spaced by default.

        Returns
        -------
        CubicSpline
            B splines.

        Raises
        ------
        ValueError
            If ``free`` is less than 2.
        """
        if t is None:
            t = torch.linspace(0, 1, points.shape[1], dtype=points.dtype, device=points.device)
        line = cls.straight(points[:, 0], points[:, -1], free)
        basis = line.basis(t)  # (T, P)
        offset = points - line(t)  # (B, T, d)
        # A light ridge keeps the fit determined where the polyline has fewer points than controls.
        gram = basis.T @ basis  # (P, P)
        ridge = 1e-6 * gram.diagonal().mean() * torch.eye(free, dtype=t.dtype, device=t.device)
        shift = torch.linalg.solve(gram + ridge, basis.T @ offset)  # (B, P, d)
        return cls(line.start, line.end, line.controls + shift)

    def __getitem__(self, rows: slice | Tensor) -> "CubicSpline":
        """Return the splines with the given numbers."""
        return CubicSpline(self.start[rows], self.end[rows], self.controls[rows])

    @classmethod
    def join(cls, splines: list["CubicSpline"]) -> "CubicSpline":
        """Concatenate batches of splines, refined to the control points of the finest.

        Their numbers of control points follow from each other by :meth:`refine`.
        """
        most = max(spline.controls.shape[1] for spline in splines)
        alike = []
        for spline in splines:
            while spline.controls.shape[1] < most:
                spline = spline.refine()
            alike.append(spline)
        return cls(
            torch.cat([spline.start for spline in alike]),
            torch.cat([spline.end for spline in alike]),
            torch.cat([spline.controls for spline in alike]),
        )

    def refine(self) -> "CubicSpline":
        """Return the same curves with twice as many intervals: P free control points to 2 P - 1.

        New knots lie in the middle between old ones, so that the curves do not change but for
        rounding.
        """
        free = 2 * self.controls.shape[1] - 1
        at = _greville(free + 2)
        fine = BSpline.design_matrix(at, _knots(free + 2), DEGREE).toarray()
        coarse = BSpline.design_matrix(at, _knots(self.controls.shape[1] + 2), DEGREE).toarray()
        matrix = torch.as_tensor(np.linalg.solve(fine, coarse)).to(self.controls)
        controls = matrix @ self._every()  # (B, 2 P + 1, d)
        return CubicSpline(self.start, self.end, controls[:, 1:-1])

    def _every(self) -> Tensor:
        """All control points, with the ends: (B, P + 2, d)."""
        return torch.cat((self.start[:, None], self.controls, self.end[:, None]), 1)

    def basis(self, t: Tensor) -> Tensor:
        """Values of the free control points' basis functions at ``t`` (T,): shape (T, P)."""
        return self._design(t)[:, 1:-1]

    def _design(self, t: Tensor) -> Tensor:
        """Values of all basis functions at ``t`` (T,): shape (T, P + 2), differentiable in t."""
        controls = self.controls.shape[1] + 2
        if len(t) == 0 or _is_differentiated(t):
            pieces = torch.as_tensor(_pieces(controls)).to(self.controls)  # (I, 4, P + 2)
            place = t.to(self.controls) * len(pieces)  # (T,)
            piece = place.detach().floor().long().clamp(0, len(pieces) - 1)  # (T,)
            within = (place - piece)[:, None]  # (T, 1)
            constant, first, second, third = pieces[piece].unbind(1)  # (T, P + 2) each
            return constant + within * (first + within * (second + within * third))
        at = t.detach().cpu().double().numpy()
        matrix = BSpline.design_matrix(at.clip(0, 1), _knots(controls), DEGREE).toarray()
        return torch.as_tensor(matrix, dtype=self.controls.dtype, device=self.controls.device)

    def __call__(self, t: Tensor) -> Tensor:
        """Points on the curves at parameters ``t`` (T,) or (B, T) in [0, 1]: shape (B, T, d)."""
        if t.ndim == 1:
            return self._design(t) @ self._every()  # (B, T, d)
        design = self._design(t.flatten()).unflatten(0, t.shape)  # (B, T, P + 2)
        return design @ self._every()  # (B, T, d)

    def derivative(self, t: Tensor, order: int = 1) -> Tensor:
        """Derivatives of the curves with respect to t, of the given order: shape (B, T, d)."""
        controls = self.controls.shape[1] + 2
        at = t.detach().cpu().double().numpy()
        basis = BSpline(_knots(controls), np.eye(controls), DEGREE)(at, nu=order)
        design = torch.as_tensor(basis, dtype=self.controls.dtype, device=self.controls.device)
        return design @ self._every()  # (B, T, d)

    def reversed(self) -> "CubicSpline":
        """Return the same curves run backwards."""
        return CubicSpline(self.end, self.start, self.controls.flip(1))


def select_curves(curve: Curve, rows: Tensor) -> Curve:
    """Return the curves with the given numbers."""
    return curve[rows] if isinstance(curve, CubicSpline) else lambda t: curve(t)[rows]


def join_curves(curves: list[Curve]) -> Curve:
    """Concatenate batches of curves; splines are written with the control points of the finest."""
    splines = [curve for curve in curves if isinstance(curve, CubicSpline)]
    if len(curves) == 1:
        return curves[0]
    if len(splines) == len(curves):
        return CubicSpline.join(splines)
    return lambda t: torch.cat([curve(t) for curve in curves])


def evaluate_curve(curve: Curve, t: Tensor) -> Tensor:
    """Points on B curves at parameters ``t``, (T,) or each curve's own (B, T): shape (B, T, d)."""
    if t.ndim == 1 or isinstance(curve, CubicSpline):
        return curve(t)
    return torch.stack([curve(row)[i] for i, row in enumerate(t)])


def apply_to_curve(curve: Curve, function: Callable[[Tensor], Tensor]) -> Curve:
    """Apply a function that keeps shapes to the tensors of curves, or to the points on them."""
    if isinstance(curve, CubicSpline):
        return CubicSpline(*map(function, (curve.start, curve.end, curve.controls)))
    return lambda t: function(curve(t))
