r"""Distances in metrics with a symmetry, by quadrature.

In a metric :math:`A(x)^2 dx^2 + B(x)^2 dy^2` nothing depends on y, so that a geodesic keeps its
momentum :math:`p = B^2 \dot y` at unit speed: Clairaut's relation on surfaces of revolution, where
B is the radius, and Snell's law in the plane with a weight w(x), where A = B = w. Where the
geodesic runs one way in x, its shift in y and its length are

.. math:: \Delta y = \int \frac{A\,p}{B \sqrt{B^2 - p^2}}\,dx, \qquad
          l = p\,\Delta y + \int A \sqrt{1 - p^2 / B^2}\,dx

(do Carmo 1976, *Differential geometry of curves and surfaces*, Section 4.4). For every p with
:math:`|p| \le B` the right side is at most the length of any curve: the form
:math:`p\,dy + A \sqrt{1 - p^2/B^2}\,dx` is closed and of norm 1. The geodesic's p makes it largest.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

PANELS = 400  # where a wall may be narrow
FEW_PANELS = 60  # where all is smooth, and points close to the end would only cancel
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)

Function = Callable[[np.ndarray], np.ndarray]
"""Numbers (n,) to numbers (n,)."""


def integrate(function: Function, low: float, high: float, panels: int = PANELS) -> np.ndarray:
    """Integrate functions (n,) to (..., n) by Gauss-Legendre, on panels of 16 nodes each: (...)."""
    edges = np.linspace(low, high, panels + 1)
    half = (edges[1:] - edges[:-1]) / 2  # (n,)
    at = (edges[:-1] + half)[:, None] + half[:, None] * NODES  # (n, 16)
    values = function(at.ravel())  # (..., 16 n)
    return values.reshape(*values.shape[:-1], *at.shape) @ WEIGHTS @ half


def crossing_distance(
    along: Function, across: Function, x0: float, x1: float, shift: float
) -> float:
    """Length of the geodesic from (x0, 0) to (x1, shift) that runs one way in x.

    Parameters
    ----------
    along, across : callable
        A and B of the metric.
    x0, x1 : float
        Where it starts and ends, x0 < x1.
    shift : float
        How far it goes in y.

    Raises
    ------
    ValueError
        If no geodesic between the two runs one way in x.
    """
    least = across(np.linspace(x0, x1, 100_001)).min()

    def shift_of(p: float) -> float:
        def slope(x: np.ndarray) -> np.ndarray:
            b = across(x)
            return along(x) * p / (b * np.sqrt(b**2 - p**2))

        return float(integrate(slope, x0, x1))

    most = least * (1 - 1e-6)
    if abs(shift) > shift_of(most):
        raise ValueError(
            f"a geodesic from x = {x0} to {x1} that goes {shift} in y turns back in x; expected a "
            f"shift of at most {shift_of(most):.6g}"
        )
    p = brentq(lambda p: shift_of(p) - shift, -most, most, xtol=1e-15, rtol=1e-14)
    rest = integrate(lambda x: along(x) * np.sqrt(1 - (p / across(x)) ** 2), x0, x1)
    return float(p * shift + rest)


def turning_distance(
    along: Function, across: Function, x0: float, shift: float, farthest: float
) -> float:
    r"""Length of the geodesic from (x0, 0) to (x0, shift) that turns back in x halfway.

    At its turning point x' the momentum is B(x'). In :math:`x = x' + (x_0 - x') s^2` the integrals
    have no singularity.

    Parameters
    ----------
    along, across : callable
        A and B of the metric; B falls from x0 to ``farthest``.
    x0 : float
        Where it starts and ends.
    shift : float
        How far it goes in y, positive.
    farthest : float
        A value of x that it does not reach, on the side to which it goes.

    Raises
    ------
    ValueError
        If no geodesic between the two turns between x0 and ``farthest``.
    """

    def measure(fraction: float) -> tuple[float, float]:
        """Shift and length of the geodesic that turns at that fraction of the way."""
        turn = x0 + fraction * (farthest - x0)
        p = float(across(np.array([turn]))[0])

        def integrand(s: np.ndarray) -> np.ndarray:
            x = turn + (x0 - turn) * s**2
            b = across(x)
            speed = 2 * abs(x0 - turn) * s * along(x) / np.sqrt((b - p) * (b + p))
            return np.stack((speed * p / b, speed * b))

        shift, length = integrate(integrand, 0, 1, FEW_PANELS)
        return 2 * float(shift), 2 * float(length)

    low, high = 1e-2, 1 - 1e-6
    if (measure(low)[0] - shift) * (measure(high)[0] - shift) > 0:
        raise ValueError(
            f"no geodesic from x = {x0} back to it goes {shift} in y and turns before {farthest}; "
            f"found shifts from {measure(low)[0]:.6g} to {measure(high)[0]:.6g}"
        )
    fraction = brentq(lambda f: measure(f)[0] - shift, low, high, xtol=1e-15, rtol=1e-14)
    return measure(fraction)[1]
