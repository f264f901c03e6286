"""Optimal latent transport: Wasserstein geometry of latent spaces, and its geodesics."""

from importlib import import_module
from typing import Any

# Names are imported when they are first used: torch takes seconds to import, and storage and
# plotting do without it.
_HOMES = {
    "Adam": "solvers",
    "CubicSpline": "curves",
    "DiscretizedLogisticMixture": "likelihoods",
    "Euclidean": "geometries",
    "FisherRao": "geometries",
    "GaussNewton": "solvers",
    "Geodesics": "geodesics",
    "Geometry": "geometries",
    "LBFGS": "solvers",
    "NeighbourGraph": "graphs",
    "Report": "solvers",
    "StochMan": "stochman_adapter",
    "StochManManifold": "stochman_adapter",
    "VAE": "models",
    "Wasserstein1": "geometries",
    "Wasserstein2": "geometries",
    "connecting_geodesics": "geodesics",
    "load_vae": "models",
    "product_wasserstein1": "wasserstein",
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
