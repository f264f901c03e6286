"""What a peer is, and what it finds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Found:
    """A curve that a peer found, and what it says of it.

    Attributes
    ----------
    points : ndarray of float64, shape (n, d)
        Successive points of the curve, which runs straight in the chart between them.
    length : float
        Its length, as the peer says.
    converged : float
        1 or 0, as the peer says; nan if it says nothing.
    """

    points: np.ndarray
    length: float
    converged: float


Solve = Callable[[], Found]
"""Solves one problem anew at each call; what can be compiled is, from the second call on."""

FINE = 2049
"""Points at which a curve that is a function is taken."""
