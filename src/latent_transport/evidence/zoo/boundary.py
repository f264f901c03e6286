"""Distances on embedded surfaces, from the geodesic equation as a boundary value problem."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.integrate import solve_bvp

from latent_transport.evidence.zoo.problems import Mean

TOLERANCE = 1e-6  # of the equation's relative residual; lengths are some thousand times as exact
# Differences of fourth order: rounding and truncation are both about 1e-10.
STEP = 1e-3
PLACES = np.arange(-2, 3)
FIRST = np.array([1, -8, 0, 8, -1]) / 12
SECOND = np.array([-1, 16, -30, 16, -1]) / 12
MOST_NODES = 50_000


def collocation_length(
    mean: Mean, start: ArrayLike, end: ArrayLike, through: ArrayLike | None = None
) -> float:
    r"""Length of a geodesic of a surface, by SciPy's collocation.

    The acceleration of a geodesic is normal to the surface: with the Jacobian J of the mean m,

    .. math:: \ddot z = -J^{+} \, D^2 m(z)[\dot z, \dot z].

    A geodesic is the shortest curve near it, not of all: which one is found is up to the start.

    Parameters
    ----------
    mean : callable
        The surface.
    start, end : array_like, shape (d,)
        Its ends.
    through : array_like, shape (d,), optional
        A point near which to look for it: the start is a parabola through it, halfway, or else the
        straight line.

    Returns
    -------
    float
        In units of the data.

    Raises
    ------
    RuntimeError
        If the collocation does not converge.
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    middle = (start + end) / 2 if through is None else np.asarray(through, float)
    t = np.linspace(0, 1, 101)
    bulge = 4 * (middle - (start + end) / 2)  # (d,)
    guess = start + np.outer(t, end - start) + np.outer(t * (1 - t), bulge)  # (T, d)
    velocity = end - start + np.outer(1 - 2 * t, bulge)  # (T, d)
    dims = len(start)

    def flow(_: np.ndarray, state: np.ndarray) -> np.ndarray:
        z, v = state[:dims].T, state[dims:].T  # (T, d) each
        return np.concatenate((v.T, _accelerate(mean, z, v).T))

    def miss(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        return np.concatenate((first[:dims] - start, last[:dims] - end))

    state = np.concatenate((guess.T, velocity.T))  # (2 d, T)
    found = solve_bvp(flow, miss, t, state, tol=TOLERANCE, max_nodes=MOST_NODES)
    if not found.success:
        raise RuntimeError(f"no geodesic from {start} to {end} was found: {found.message}")
    z, v = (x.T for x in np.split(found.sol(t), 2))  # (T, d) each
    speed = np.linalg.norm(np.einsum("tjD,tj->tD", _differentiate(mean, z), v), axis=-1)  # (T,)
    return float(speed.mean())  # it is constant


def _accelerate(mean: Mean, z: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Accelerations (T, d) of geodesics at points and velocities (T, d)."""
    speed = np.linalg.norm(v, axis=-1, keepdims=True)  # (T, 1)
    along = STEP * v / np.where(speed > 0, speed, 1)  # (T, d)
    near = _evaluate(mean, z + PLACES[:, None, None] * along)  # (5, T, D)
    bend = speed**2 * np.tensordot(SECOND, near, 1) / STEP**2  # (T, D)
    jacobian = _differentiate(mean, z)  # (T, d, D)
    gram = jacobian @ jacobian.swapaxes(-1, -2)  # (T, d, d)
    return -np.linalg.solve(gram, jacobian @ bend[..., None])[..., 0]


def _differentiate(mean: Mean, z: np.ndarray) -> np.ndarray:
    """Jacobians (T, d, D) of a surface at points (T, d)."""
    steps = STEP * PLACES[:, None, None, None] * np.eye(z.shape[1])  # (5, 1, d, d)
    near = _evaluate(mean, z[:, None] + steps)  # (5, T, d, D)
    return np.tensordot(FIRST, near, 1) / STEP


def _evaluate(mean: Mean, z: np.ndarray) -> np.ndarray:
    return mean(torch.from_numpy(z)).numpy()
