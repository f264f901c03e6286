"""The page: data, styles and scripts in one HTML file."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.keys import LINE
from latent_transport.evidence.page.density import pack_density
from latent_transport.evidence.page.packing import pack, pack_points
from latent_transport.evidence.vocabulary import PATHS
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.storage import DataError

STYLES = ("style.css",)
# In the order in which they build on each other. Those that compute become one script, which is
# the worker's as well, and those that show another.
NUMERICS = (
    *("arrays.js", "polygons.js", "decoder.js", "density.js", "sums.js", "segments.js"),
    *(
        "geometries.js",
        "tensors.js",
        "mixtures.js",
        "linear.js",
        "splines.js",
        "geodesics.js",
        "shots.js",
    ),
    "worker.js",
)
SCRIPTS = (
    *("formats.js", "solving.js", "paths.js", "plane.js", "ends.js", "strips.js", "lengths.js"),
    "main.js",
)


@dataclass(frozen=True, eq=False)
class Plane:
    """A latent plane and what lies in it.

    Attributes
    ----------
    codes : Codes
        Of two latent dimensions.
    x, y : ndarray, shape (X,) and (Y,)
        Grid of the volume, equally spaced.
    volume : ndarray, shape (Y, X)
        Volume density of the pulled-back Wasserstein-1 distance, in levels^2 a unit of area.
    """

    codes: Codes
    x: np.ndarray
    y: np.ndarray
    volume: np.ndarray


@dataclass(frozen=True)
class Provenance:
    """Where the numbers of a page come from.

    Attributes
    ----------
    name : str
        Name of the class whose images the model has seen; a digit's is a bare number.
    seed : int
        Seed of split and training.
    """

    name: str
    seed: int


def build_page(decoder: Mapping[str, Any], plane: Plane, provenance: Provenance) -> str:
    """Return the page as HTML, which loads nothing, and solves its geodesics itself.

    Parameters
    ----------
    decoder : mapping
        From :func:`latent_transport.evidence.page.network.pack_decoder`.
    plane : Plane
        Codes, and the metric's volume.
    provenance : Provenance
        Stated on the page.

    Raises
    ------
    DataError
        If the decoder's images are not square, or codes of a split are missing.
    """
    pixels = decoder["pixels"]
    side = math.isqrt(pixels)
    if side**2 != pixels:
        raise DataError(f"images have {pixels} pixels; the page shows square ones, such as 784")
    codes = plane.codes.mean  # (n, 2)
    low, high = codes.min(axis=0), codes.max(axis=0)  # (2,) each
    geometries = [
        name
        for name, recipe in GEOMETRIES.items()
        if recipe.plain and (decoder["components"] == 1 or recipe.takes_mixtures)
    ]
    data = {
        "decoder": decoder,
        "side": side,
        "volume": {
            **pack(plane.volume.astype(np.float32)),
            "x": [float(plane.x[0]), float(plane.x[-1])],
            "y": [float(plane.y[0]), float(plane.y[-1])],
        },
        "codes": pack_points(codes, low, high),
        "density": pack_density(plane.codes),
        "geometries": geometries,
        "line": LINE,
        "words": {
            name: {"label": PATHS[name].page or PATHS[name].label, "unit": PATHS[name].unit}
            for name in (*geometries, LINE)
        },
    }
    words = {
        "name": provenance.name,
        "plane": f"digit {provenance.name}" if provenance.name.isdigit() else provenance.name,
        "seed": provenance.seed,
        "codes": f"{len(codes):,}",
        "hidden": " and ".join(map(str, decoder["hidden"])),
    }
    parts = {name: escape(str(value)) for name, value in words.items()}
    parts["styles"] = "\n".join(map(_read, STYLES))
    parts["numerics"] = "\n".join(map(_read, NUMERICS))
    parts["script"] = "\n".join(map(_read, SCRIPTS))
    # "</" would end the script element that holds the data.
    parts["data"] = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    page = _read("page.html")
    for name, text in parts.items():
        page = page.replace(f"[[{name}]]", text)
    return page


def _read(name: str) -> str:
    return (files("latent_transport.evidence.page") / "assets" / name).read_text(encoding="utf-8")
