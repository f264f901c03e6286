"""The logarithm map: with which velocity a geodesic sets out."""

import warnings
from typing import Any

import torch
from torch import Tensor

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.outcomes import Outcome
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.process import outside_inference_mode
from latent_transport.maps.discrete import refine_velocities
from latent_transport.maps.momenta import as_spline, end_momenta, scale_velocities, velocities

TOLERANCE = 1e-8
"""Of the solver, by default. A direction is off by the root of what an energy is off by."""


def logarithm_map(geometry: Geometry, z0: Tensor, z1: Tensor, **options: Any) -> Tensor:
    r"""Initial velocities of the geodesics from z0 to z1, which run for one unit of time.

    .. math:: \log_{z_0} z_1 = \dot\gamma(0), \qquad F(z_0, \dot\gamma(0)) = \text{length}(\gamma)

    with the geodesic :math:`\gamma` of constant speed, and the inverse of :func:`exponential_map`.
    On Finsler geometries too: F is the local norm. A geodesic is a local minimum: which of several
    is found depends on the start, as for :func:`connecting_geodesics`.

    To see how each of them ended, solve first, and ask for the velocities of the solution::

        paths = lt.connecting_geodesics(geometry, z0, z1, solver=lt.GaussNewton(tolerance=1e-8))
        v = lt.initial_velocities(paths)[paths.converged]

    Parameters
    ----------
    geometry : Geometry
        Such as ``Wasserstein1(decoder)``.
    z0, z1 : Tensor, shape (B, d) or (d,)
        Endpoints, in latent units; a single one is paired with each of the others.
    **options
        As for :func:`connecting_geodesics`. The solver is ``GaussNewton(tolerance=1e-8)`` by
        default: a velocity is off by the root of what the energy is off by.

    Returns
    -------
    Tensor, shape (B, d)
        In latent units a unit of time. Zero where the ends are equal, nan where the geodesic has no
        finite length. There is no gradient.

    Warns
    -----
    RuntimeWarning
        If there are geodesics that did not converge.

    Raises
    ------
    TypeError, ValueError
        As :func:`connecting_geodesics`.

    Examples
    --------
    >>> import torch
    >>> import latent_transport as lt
    >>> def decoder(z):
    ...     return torch.distributions.Normal(2 * z, 1.0)
    >>> z0, z1 = torch.zeros(1, 2), torch.tensor([[0.5, 1.0]])
    >>> lt.logarithm_map(lt.Wasserstein1(decoder), z0, z1)
    tensor([[0.5000, 1.0000]])
    """
    options = {"solver": GaussNewton(tolerance=TOLERANCE), **options}
    paths = connecting_geodesics(geometry, z0, z1, **options)
    warn_of_failures(paths.report.outcome)
    return initial_velocities(paths)


@outside_inference_mode()
def initial_velocities(paths: Geodesics) -> Tensor:
    """Velocities at the start of geodesics, as long as they are: shape (B, d).

    From the derivative of their energy by the end rather than that of the spline by time, of
    discrete geodesics near them: see :func:`latent_transport.maps.discrete.refine_velocities`.

    Parameters
    ----------
    paths : Geodesics
        B geodesics between latent points, best of a solver with a small tolerance.

    Returns
    -------
    Tensor, shape (B, d)
        In latent units a unit of time; :func:`logarithm_map` says more.

    Raises
    ------
    TypeError, ValueError
        As :meth:`Geometry.norm`.
    """
    with torch.no_grad():
        spline = as_spline(paths.curve, paths.start)
        guess = spline.derivative(torch.zeros(1))[:, 0]  # (B, d)
        momentum, _ = end_momenta(paths.geometry, spline, paths.start)  # (B, d)
        v = velocities(paths.geometry, paths.start, momentum, guess)  # (B, d)
        v = torch.where(torch.isfinite(v), v, guess)
        v = scale_velocities(paths.geometry, paths.start, v, paths.length)  # (B, d)
        return refine_velocities(paths.geometry, spline, v)


def warn_of_failures(outcome: Tensor, *, stacklevel: int = 3) -> None:
    """Warn of geodesics that did not converge, in the name of the function that solved them.

    Parameters
    ----------
    outcome : Tensor of int64, shape (B,)
        Values of :class:`Outcome`.
    stacklevel : int, optional
        As for :func:`warnings.warn`: 3 for who called the function that calls this one.
    """
    failed = outcome[outcome != Outcome.CONVERGED]
    if len(failed):
        names = ", ".join(Outcome(value).name for value in failed.unique().tolist())
        warnings.warn(
            f"{len(failed)} of {len(outcome)} geodesics did not converge ({names}); "
            "connecting_geodesics returns a report of each",
            RuntimeWarning,
            stacklevel=stacklevel,
        )
