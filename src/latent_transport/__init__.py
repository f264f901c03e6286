"""Optimal latent transport: Wasserstein geometry of latent spaces, and its geodesics."""

from importlib import import_module
from typing import Any

# Names are imported when they are first used: torch takes seconds to import, and storage and
# plotting do without it.
_HOMES = {
    "Adam": "solvers",
    "AggregatePosterior": "densities",
    "Conformal": "geometries",
    "CubicSpline": "curves",
    "DiscretizedLogisticMixture": "likelihoods",
    "EnsembleDecoder": "uncertainty",
    "Euclidean": "geometries",
    "FisherRao": "geometries",
    "GEOMETRIES": "catalogue",
    "GaussNewton": "solvers",
    "Geodesics": "geodesics",
    "Geometry": "geometries",
    "LBFGS": "solvers",
    "LatentEuclidean": "geometries",
    "NeighbourGraph": "graphs",
    "Report": "solvers",
    "StochMan": "stochman_adapter",
    "StochManManifold": "stochman_adapter",
    "UncertainDecoder": "uncertainty",
    "VAE": "models",
    "Wasserstein1": "geometries",
    "Wasserstein2": "geometries",
    "connecting_geodesics": "geodesics",
    "fit_uncertainty": "uncertainty",
    "load_ensemble": "uncertainty",
    "load_geometry": "catalogue",
    "load_uncertainty": "uncertainty",
    "load_vae": "models",
    "product_wasserstein1": "wasserstein",
    "train_ensemble": "uncertainty",
    "wasserstein1": "wasserstein",
    "wasserstein1_pmf": "wasserstein",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
