"""Distances on embedded surfaces, from the geodesic equation as a boundary value problem."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.integrate import solve_bvp

from latent_transport.evidence.zoo.problems import Mean

TOLERANCE = 1e-6
MOST_NODES = 50_000


def shooting_length(
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
    z, v = (torch.from_numpy(x.T.copy()) for x in np.split(found.sol(t), 2))  # (T, d) each
    speed = torch.func.jvp(mean, (z,), (v,))[1].norm(dim=-1)  # (T,), constant
    return float(speed.mean())


def _accelerate(mean: Mean, z: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Accelerations (T, d) of geodesics at points and velocities (T, d)."""
    at, velocity = (torch.from_numpy(np.ascontiguousarray(x)) for x in (z, v))  # (T, d) each

    def push_forward(z: torch.Tensor) -> torch.Tensor:
        return torch.func.jvp(mean, (z,), (velocity,))[1]  # type: ignore[no-any-return]

    bend = torch.func.jvp(push_forward, (at,), (velocity,))[1]  # (T, D)
    jacobian = torch.func.vmap(torch.func.jacfwd(mean))(at)  # (T, D, d)
    gram = jacobian.mT @ jacobian  # (T, d, d)
    pulled = (jacobian.mT @ bend[..., None]).squeeze(-1)  # (T, d)
    return -torch.linalg.solve(gram, pulled).numpy()
