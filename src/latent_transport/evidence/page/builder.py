"""The page: data, styles and scripts in one HTML file."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from latent_transport.evidence.keys import LINE
from latent_transport.evidence.page.packing import pack, pack_points
from latent_transport.evidence.page.paths import AnchorPaths
from latent_transport.evidence.vocabulary import PATHS
from latent_transport.storage import DataError

STYLES = ("style.css",)
# In the order in which they build on each other: they become one script.
SCRIPTS = (
    *("arrays.js", "decoder.js", "paths.js", "plane.js", "strips.js", "lengths.js"),
    "main.js",
)


@dataclass(frozen=True, eq=False)
class Plane:
    """A latent plane and what lies in it.

    Attributes
    ----------
    codes : ndarray, shape (n, 2)
        Latent codes.
    indices : ndarray of int, shape (n,)
        Positions of their images in the original file.
    images : ndarray of uint8, shape (n, D)
        The images, square, row by row.
    x, y : ndarray, shape (X,) and (Y,)
        Grid of the volume, equally spaced.
    volume : ndarray, shape (Y, X)
        Volume density of the pulled-back Wasserstein-1 distance, in levels^2 a unit of area.
    """

    codes: np.ndarray
    indices: np.ndarray
    images: np.ndarray
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
        Seed of split, training and anchors.
    """

    name: str
    seed: int


def build_page(
    decoder: Mapping[str, Any], plane: Plane, paths: AnchorPaths, provenance: Provenance
) -> str:
    """Return the page as HTML, which loads nothing.

    Parameters
    ----------
    decoder : mapping
        From :func:`latent_transport.evidence.page.network.pack_decoder`.
    plane : Plane
        Codes, images and the metric's volume.
    paths : AnchorPaths
        Geodesics between the anchors, which are rows of the plane's codes.
    provenance : Provenance
        Stated on the page.

    Raises
    ------
    DataError
        If the images are not square, or an anchor is no row of the codes.
    """
    side = math.isqrt(plane.images.shape[1])
    if side**2 != plane.images.shape[1]:
        raise DataError(
            f"images have {plane.images.shape[1]} pixels; the page shows square ones, such as 784"
        )
    if paths.anchors.max() >= len(plane.codes):
        raise DataError(
            f"anchor {paths.anchors.max()} is no row of the {len(plane.codes)} codes: delete the "
            "page's geodesics and run the workflow again"
        )
    # Geodesics may bulge out of the grid.
    reach = np.concatenate((plane.codes, paths.points.reshape(-1, 2)))
    low, high = reach.min(axis=0), reach.max(axis=0)  # (2,) each
    data = {
        "decoder": decoder,
        "side": side,
        "volume": {
            **pack(plane.volume.astype(np.float32)),
            "x": [float(plane.x[0]), float(plane.x[-1])],
            "y": [float(plane.y[0]), float(plane.y[-1])],
        },
        "codes": pack_points(plane.codes, low, high),
        "anchors": {
            "points": pack(plane.codes[paths.anchors].astype(np.float32)),
            "images": pack(plane.images[paths.anchors]),
            "indices": plane.indices[paths.anchors].tolist(),
        },
        "geometries": list(paths.geometries),
        "line": LINE,
        "words": {
            name: {"label": PATHS[name].page or PATHS[name].label, "unit": PATHS[name].unit}
            for name in (*paths.geometries, LINE)
        },
        "pairs": paths.pairs.tolist(),
        "points": pack_points(paths.points, low, high),
        "lengths": pack(paths.lengths.astype(np.float32)),
        "converged": pack(paths.converged.astype(np.uint8)),
    }
    words = {
        "name": provenance.name,
        "plane": f"digit {provenance.name}" if provenance.name.isdigit() else provenance.name,
        "seed": provenance.seed,
        "codes": f"{len(plane.codes):,}",
        "anchors": len(paths.anchors),
        "pairs": len(paths.pairs),
        "curves": paths.converged.size,
        "converged": int(paths.converged.sum()),
        "segments": paths.segments,
        "hidden": " and ".join(map(str, decoder["hidden"])),
    }
    parts = {name: escape(str(value)) for name, value in words.items()}
    parts["styles"] = "\n".join(map(_read, STYLES))
    parts["script"] = "\n".join(map(_read, SCRIPTS))
    # "</" would end the script element that holds the data.
    parts["data"] = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    page = _read("page.html")
    for name, text in parts.items():
        page = page.replace(f"[[{name}]]", text)
    return page


def _read(name: str) -> str:
    return (files("latent_transport.evidence.page") / "assets" / name).read_text(encoding="utf-8")
