"""Solvers: minimise the energy of many curves at once.

A solver is an object, configured when it is made, with one method,
``minimize(geometry, spline, t) -> (spline, Report)``.
"""

from latent_transport.solvers.adam import Adam
from latent_transport.solvers.quasi_newton import LBFGS, GaussNewton
from latent_transport.solvers.report import Report

__all__ = ["LBFGS", "Adam", "GaussNewton", "Report"]
