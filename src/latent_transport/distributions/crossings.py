r"""Wasserstein-1 of laws of which the integrals of the cdfs are known, by where the cdfs cross.

With :math:`H(x) = \int_{-\infty}^x F = E(x - X)^+` and the difference :math:`D = F_p - F_q`, which
has the sign :math:`s_i` before the crossing :math:`x_i` and :math:`-s_i` behind it,

.. math:: W_1 = \int |D| = \sum_i 2 s_i (H_p - H_q)(x_i) + s_{\text{last}} (E_q - E_p) .

D is 0 at the crossings, so that they do not count in the derivatives, and their rounding is of
second order. They are sought between knots: where the signs differ at two neighbouring knots, and,
of laws that may cross more than once, where D comes near 0 in between.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import elementwise
from torch import Tensor

from latent_transport.kernels.autograd import Evaluate, apply_kernel, prepare_inputs

Array = NDArray[np.float64]

AT_ONCE = 1 << 18  # numbers of a temporary
# Of a derivative by differences, of sixth order in the step.
WEIGHTS = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
CLOSE = 1e-11  # share of itself by which a crossing may be off
STEP = 1e-2  # share of the scale over which a law changes


class Law(ABC):
    """A law on the line with C parameters, each an array (n,).

    Attributes
    ----------
    crosses_once : bool
        Whether cdfs of two members cross once at most.
    """

    crosses_once = False

    @abstractmethod
    def cdf(self, x: Array, *parameters: Array) -> Array:
        """Probabilities of no more than x."""

    @abstractmethod
    def survival(self, x: Array, *parameters: Array) -> Array:
        """Probabilities of more than x, which keep their digits where they are small."""

    def density(self, x: Array, *parameters: Array) -> Array:
        """Density at x, where cdfs may cross more than once."""
        raise NotImplementedError

    @abstractmethod
    def below(self, x: Array, *parameters: Array) -> Array:
        """E(x - X)^+, the integral of the cdf up to x."""

    def above(self, x: Array, *parameters: Array) -> Array:
        """E(X - x)^+, the integral of the survival from x on; to be kept exact where it is far."""
        return self.below(x, *parameters) - x + self.mean(*parameters)

    @abstractmethod
    def below_slopes(self, x: Array, *parameters: Array) -> Sequence[Array]:
        """Derivatives of :meth:`below` by the parameters: C of (n,)."""

    @abstractmethod
    def mean(self, *parameters: Array) -> Array:
        """Means."""

    @abstractmethod
    def mean_slopes(self, *parameters: Array) -> Sequence[Array]:
        """Derivatives of the means by the parameters: C of (n,)."""

    @abstractmethod
    def knots(self, p: Array, q: Array) -> Array:
        """Points (G, n) in order for parameters (C, n) each, between which crossings are sought."""

    def signs(self, knots: Array, p: Array, q: Array) -> Array | None:
        """Signs (G, n) of cdf of p less that of q at the knots, where more than cdfs tells them."""
        return None

    @abstractmethod
    def count_knots(self, parameters: int) -> int:
        """How many knots there are at most, for so many parameters."""


def crossing_wasserstein1(law: Law, p: Tensor, q: Tensor) -> Tensor:
    """Wasserstein-1 distance of members of a law.

    Parameters
    ----------
    law : Law
        With C parameters.
    p, q : Tensor, shape (..., C, D)
        Parameters of the members, broadcastable.

    Returns
    -------
    Tensor, shape (..., D)
        In units of the data; computed in double precision on the CPU. Differentiable once, in
        forward and in reverse mode; nan where a parameter is not finite.
    """
    count = p.shape[-2]
    names = [f"{side}{c}" for side in "pq" for c in range(count)]
    parameters = (*p.unbind(-2), *q.unbind(-2))  # (..., D) each
    inputs, dtype = prepare_inputs(**dict(zip(names, parameters, strict=True)))

    def evaluate(inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
        return _evaluate(law, inputs, with_partials)

    kernel: Evaluate = evaluate
    return apply_kernel(kernel, *inputs).to(dtype)


def differentiate(
    function: Callable[..., Array], place: int, scale: Array, x: Array, *parameters: Array
) -> Array:
    """Derivative of a function of x and the parameters by one of these, by differences.

    Parameters
    ----------
    function : callable
        Smooth, and right but for rounding.
    place : int
        Of the parameter.
    scale : ndarray, shape (n,)
        Over which the function changes with it.
    x, *parameters : ndarray, shape (n,)
        Its arguments.

    Returns
    -------
    ndarray, shape (n,)
        Right to about 1e-11 of the function in units of the scale.
    """
    step, slope = STEP * scale, np.zeros_like(x)
    for number, weight in WEIGHTS:
        moved = []
        for sign in (1, -1):
            at = list(parameters)
            at[place] = at[place] + sign * number * step
            moved.append(function(x, *at))
        slope += weight * (moved[0] - moved[1])
    return slope / step


def _evaluate(law: Law, inputs: Sequence[Tensor], with_partials: bool) -> tuple[Tensor, Tensor]:
    """Distances ``(...)`` and their partials ``(2C, ...)``, or ``(0, ...)`` without."""
    first, shape = inputs[0], inputs[0].shape
    rows = 1 + (len(inputs) if with_partials else 0)
    if first.is_meta:
        return torch.empty_like(first), first.new_empty((rows - 1, *shape))
    parameters = np.stack([x.detach().double().cpu().numpy().reshape(-1) for x in inputs])
    found = np.zeros((rows, parameters.shape[-1]))
    half = len(parameters) // 2
    finite = np.isfinite(parameters).all(0)
    found[:, ~finite] = np.nan
    apart = np.flatnonzero(finite & (parameters[:half] != parameters[half:]).any(0))
    if len(apart):
        size = max(1, AT_ONCE // (law.count_knots(half) * half))
        with np.errstate(all="ignore"):
            for start in range(0, len(apart), size):
                part = apart[start : start + size]
                p, q = parameters[:half, part], parameters[half:, part]
                found[:, part] = _measure(law, p, q, rows)
    value, *partials = torch.from_numpy(found.reshape(rows, *shape)).to(first).unbind(0)
    empty = first.new_empty((0, *shape))
    return value.clone(), torch.stack(partials) if partials else empty


def _measure(law: Law, p: Array, q: Array, rows: int) -> Array:
    """Distances and their partials (1 or 1 + 2C, n) for parameters (C, n) each."""
    pairs, places, signs, last = _find_crossings(law, p, q)
    result = last * np.stack([law.mean(*q) - law.mean(*p), *_join(law.mean_slopes, -1, p, q, rows)])
    if len(pairs):
        at_p, at_q = p[:, pairs], q[:, pairs]
        terms = np.stack(
            [
                _integrate(law, places, at_p, at_q),
                *_join(lambda *at: law.below_slopes(places, *at), 1, at_p, at_q, rows),
            ]
        )
        for row, term in zip(result, 2 * signs * terms, strict=True):
            np.add.at(row, pairs, term)
    result[0] = np.maximum(result[0], 0)
    return result


def _integrate(law: Law, x: Array, p: Array, q: Array) -> Array:
    """Integrals of the difference of the cdfs up to x, from what lies on its lighter side: (R,)."""
    below = law.below(x, *p) - law.below(x, *q)
    above = law.mean(*q) - law.mean(*p) + law.above(x, *p) - law.above(x, *q)
    return np.where(law.cdf(x, *p) > 0.5, above, below)


def _join(
    slopes: Callable[..., Sequence[Array]], sign: int, p: Array, q: Array, rows: int
) -> list[Array]:
    """Slopes by the parameters of p, and of q with the other sign; none for one row."""
    if rows == 1:
        return []
    return [*(sign * x for x in slopes(*p)), *(-sign * x for x in slopes(*q))]


def _find_crossings(law: Law, p: Array, q: Array) -> tuple[NDArray[np.int64], Array, Array, Array]:
    """Where the cdfs of pairs cross: numbers of pairs (R,), places (R,), signs before, last sign.

    The last signs (n,) are those behind all crossings.
    """

    def difference(x: Array, *both: Array) -> Array:
        every = np.broadcast_arrays(x, *both)
        first, second = every[1 : 1 + len(p)], every[1 + len(p) :]
        cdf = law.cdf(every[0], *first)
        found = cdf - law.cdf(every[0], *second)
        high = cdf > 0.5
        above = every[0][high]
        found[high] = law.survival(above, *(y[high] for y in second))
        found[high] -= law.survival(above, *(y[high] for y in first))
        return found

    def slope(x: Array, *both: Array) -> Array:
        return law.density(x, *both[: len(p)]) - law.density(x, *both[len(p) :])

    both = np.concatenate((p, q))  # (2C, n)
    knots = law.knots(p, q)  # (G, n)
    known = law.signs(knots, p, q)  # (G, n)
    signs = _fill(np.sign(difference(knots, *both[:, None]))) if known is None else known
    changes = signs[1:] * signs[:-1] < 0  # (G - 1, n)
    cell, pair = np.nonzero(changes)
    pairs: list[NDArray[np.int64]] = [pair]
    cells: list[tuple[Array, ...]] = [(knots[cell, pair], knots[cell + 1, pair], signs[cell, pair])]
    if not law.crosses_once:
        slopes = signs * slope(knots, *both[:, None])  # (G, n), of the distance from 0
        toward, away = slopes[:-1] < 0, slopes[1:] > 0  # (G - 1, n) each
        cell, pair = np.nonzero(toward & away & ~changes)
        left, right, sign = knots[cell, pair], knots[cell + 1, pair], signs[cell, pair]
        middle = _find_roots(slope, left, right, both[:, pair])
        crossed = sign * difference(middle, *both[:, pair]) < 0
        left, middle, right, sign = (x[crossed] for x in (left, middle, right, sign))
        pairs += [pair[crossed], pair[crossed]]
        cells += [(left, middle, sign), (middle, right, -sign)]
    number = np.concatenate(pairs)
    ends = [np.concatenate(parts) for parts in zip(*cells, strict=True)]
    lefts, rights, before = ends
    return number, _find_roots(difference, lefts, rights, both[:, number]), before, signs[-1]


def _find_roots(
    function: Callable[..., Array], left: Array, right: Array, arguments: Array
) -> Array:
    """Roots (R,) of a function between ends (R,) at which it has two signs."""
    if len(left) == 0:
        return left
    found = elementwise.find_root(
        function, (left, right), args=tuple(arguments), tolerances={"xrtol": CLOSE}
    )
    return np.where(np.isfinite(found.x), found.x, (left + right) / 2)


def _fill(signs: Array) -> Array:
    """Signs (G, n), those that are 0 replaced by the one before, or behind where there is none."""
    filled = signs.copy()
    for row, before in zip(filled[1:], filled[:-1], strict=True):
        row[row == 0] = before[row == 0]
    for row, behind in zip(filled[-2::-1], filled[:0:-1], strict=True):
        row[row == 0] = behind[row == 0]
    return filled
