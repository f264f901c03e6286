"""The geometries of a trained model, by name.

Nothing here imports torch: names serve those who only plot and tabulate.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """How a geometry is made.

    Attributes
    ----------
    metric : str
        Class in :mod:`latent_transport.geometries`.
    decoder : {"plain", "uncertain", "ensemble", "latent"}
        What is pulled back: the trained decoder, the one that grows uncertain away from the codes,
        the ensemble, or the latent space itself.
    weighted : bool
        Whether a conformal weight, by the density of the codes, is applied.
    """

    metric: str
    decoder: Literal["plain", "uncertain", "ensemble", "latent"] = "plain"
    weighted: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Arguments of :func:`latent_transport.load_geometry` that it needs beside ``name``."""
        return (
            (*_FILES[self.decoder], "codes", "strength") if self.weighted else _FILES[self.decoder]
        )

    @property
    def plain(self) -> bool:
        """Whether it is the trained decoder's own, without uncertainty or weight."""
        return self.decoder == "plain" and not self.weighted

    @property
    def takes_mixtures(self) -> bool:
        """Whether the distance of two mixtures of logistics is known."""
        return self.metric not in _OF_SINGLE_LOGISTICS


_FILES = {
    "plain": ("vae",),
    "uncertain": ("vae", "uncertainty"),
    "ensemble": ("ensemble",),
    "latent": (),
}
_OF_SINGLE_LOGISTICS = ("Wasserstein2", "FisherRao")

GEOMETRIES = {
    "wasserstein1": Recipe("Wasserstein1"),
    "wasserstein2": Recipe("Wasserstein2"),
    "fisher-rao": Recipe("FisherRao"),
    "euclidean": Recipe("Euclidean"),
    "uncertain": Recipe("Wasserstein1", "uncertain"),
    "ensemble": Recipe("Wasserstein1", "ensemble"),
    "density": Recipe("Wasserstein1", weighted=True),
    "uncertain-density": Recipe("Wasserstein1", "uncertain", weighted=True),
    "latent-density": Recipe("LatentEuclidean", "latent", weighted=True),
}
"""Recipes of the geometries that :func:`latent_transport.load_geometry` makes, by name."""
