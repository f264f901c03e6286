"""Solvers: minimise the energy of many curves at once. They live in the room of geodesics."""

from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.base import Report, Solver
from latent_transport.geodesics.solvers.quasi_newton import LBFGS, GaussNewton

__all__ = ["LBFGS", "Adam", "GaussNewton", "Report", "Solver"]
