"""A latent plane as data for the page, and what the page says of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.page.density import pack_density
from latent_transport.evidence.page.packing import pack, pack_points
from latent_transport.storage import DataError


@dataclass(frozen=True, eq=False)
class Plane:
    """A latent plane, its decoder, and what lies in it.

    Attributes
    ----------
    name : str
        Name of the class whose images the model has seen; a digit's is a bare number.
    decoder : mapping
        From :func:`latent_transport.evidence.page.network.pack_decoder`.
    codes : Codes
        Of two latent dimensions.
    x, y : ndarray, shape (X,) and (Y,)
        Grid of the volume, equally spaced.
    volume : ndarray, shape (Y, X)
        Volume density of the pulled-back Wasserstein-1 distance, in levels^2 a unit of area.
    """

    name: str
    decoder: Mapping[str, Any]
    codes: Codes
    x: np.ndarray
    y: np.ndarray
    volume: np.ndarray

    @property
    def words(self) -> dict[str, str]:
        """What the page says of the plane: its class, alone and in a sentence, and its model."""
        return {
            "name": self.name,
            "plane": f"digit {self.name}" if self.name.isdigit() else self.name,
            "codes": f"{len(self.codes):,}",
            "hidden": " and ".join(map(str, self.decoder["hidden"])),
        }


def pack_plane(plane: Plane) -> dict[str, Any]:
    """Pack what the page computes and draws of a plane, as JSON.

    Returns
    -------
    dict
        ``decoder``; ``volume`` with the ends of its axes ``x`` and ``y``; ``codes``, in 16 bits a
        coordinate; and their ``density``.

    Raises
    ------
    DataError
        If the decoder's images are not square, or codes of a split are missing.
    """
    pixels = plane.decoder["pixels"]
    if math.isqrt(pixels) ** 2 != pixels:
        raise DataError(
            f"images of {plane.words['plane']} have {pixels} pixels; the page shows square ones, "
            "such as 784"
        )
    codes = plane.codes.mean  # (n, 2)
    return {
        "decoder": plane.decoder,
        "volume": {
            **pack(plane.volume.astype(np.float32)),
            "x": [float(plane.x[0]), float(plane.x[-1])],
            "y": [float(plane.y[0]), float(plane.y[-1])],
        },
        "codes": pack_points(codes, codes.min(axis=0), codes.max(axis=0)),
        "density": pack_density(plane.codes),
    }
