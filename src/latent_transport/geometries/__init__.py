"""Geometries of a latent space: distances between decoder distributions, pulled back."""

from latent_transport.geometries.base import Decoder, Geometry
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1

__all__ = [
    "Conformal",
    "Decoder",
    "Euclidean",
    "FisherRao",
    "Geometry",
    "LatentEuclidean",
    "Wasserstein1",
    "Wasserstein2",
]
