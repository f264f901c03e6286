"""Solvers: minimise the energy of many curves at once. They live in the room of geodesics."""

from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.base import Report, Solver
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geodesics.solvers.outcomes import Outcome

__all__ = ["LBFGS", "Adam", "GaussNewton", "Outcome", "Report", "Solver"]
