"""The geometries of a trained model, by name.

Nothing here imports torch: names serve those who only plot and tabulate.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """How a geometry is made.

    Attributes
    ----------
    metric : str
        Class in :mod:`latent_transport.geometries`.
    decoder : {"plain", "uncertain", "ensemble", "blurred", "sobolev", "latent"}
        What is pulled back: the trained decoder, the one that grows uncertain away from the codes,
        the ensemble, the decoder's images blurred or filtered by the Laplacian, or the latent space
        itself.
    weighted : bool
        Whether a conformal weight, by the density of the codes, is applied.
    active : bool
        Whether it is of the active latent dimensions alone: its points are coordinates in the
        subspace of :func:`latent_transport.load_subspace`.
    regularised : bool
        Whether the latent space's own metric is added.
    published : bool
        Whether the pipeline solves its geodesics as published, by StochMan's spline and Adam.
    """

    metric: str
    decoder: Literal["plain", "uncertain", "ensemble", "blurred", "sobolev", "latent"] = "plain"
    weighted: bool = False
    active: bool = field(default=False, kw_only=True)
    regularised: bool = field(default=False, kw_only=True)
    published: bool = field(default=False, kw_only=True)

    @property
    def needs(self) -> tuple[str, ...]:
        """Arguments of :func:`latent_transport.load_geometry` that it needs beside ``name``."""
        return (
            *_FILES[self.decoder],
            *("codes",) * (self.weighted or self.active),
            *("strength",) * self.weighted,
            *("regularisation",) * self.regularised,
            *("blur",) * (self.decoder == "blurred"),
        )

    @property
    def plain(self) -> bool:
        """Whether it is the trained decoder's own metric, and solved by the pipeline's solver."""
        changed = self.weighted or self.active or self.regularised or self.published
        return self.decoder == "plain" and not changed

    @property
    def takes_mixtures(self) -> bool:
        """Whether the distance of two mixtures of logistics is known."""
        return self.metric not in _OF_SINGLE_LOGISTICS


_FILES = {
    "plain": ("vae",),
    "uncertain": ("vae", "uncertainty"),
    "ensemble": ("ensemble",),
    "blurred": ("vae",),
    "sobolev": ("vae",),
    "latent": (),
}
_OF_SINGLE_LOGISTICS = ("Wasserstein2", "FisherRao")

GEOMETRIES = {
    "wasserstein1": Recipe("Wasserstein1"),
    "published": Recipe("Wasserstein1", published=True),
    "active": Recipe("Wasserstein1", active=True),
    "regularised": Recipe("Wasserstein1", regularised=True),
    "wasserstein2": Recipe("Wasserstein2"),
    "fisher-rao": Recipe("FisherRao"),
    "euclidean": Recipe("Euclidean"),
    "blurred": Recipe("Euclidean", "blurred", active=True),
    "sobolev": Recipe("Euclidean", "sobolev", active=True),
    "uncertain": Recipe("Wasserstein1", "uncertain"),
    "ensemble": Recipe("Wasserstein1", "ensemble"),
    "density": Recipe("Wasserstein1", weighted=True),
    "uncertain-density": Recipe("Wasserstein1", "uncertain", weighted=True),
    "latent-density": Recipe("LatentEuclidean", "latent", weighted=True),
}
"""Recipes of the geometries that :func:`latent_transport.load_geometry` makes, by name."""
