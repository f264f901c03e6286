"""The page: data, styles and scripts in one HTML file."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from latent_transport.evidence.keys import LINE
from latent_transport.evidence.page.planes import Plane, pack_plane
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
    *("formats.js", "solving.js", "paths.js", "plane.js", "choice.js", "ends.js", "strips.js"),
    *("lengths.js", "status.js", "main.js"),
)


def build_page(planes: Sequence[Plane], first: str, seed: int) -> str:
    """Return the page as HTML, which loads nothing, and solves its geodesics itself.

    It shows one plane at a time, and reads another's data when that is chosen. Geometries are those
    that all decoders take.

    Parameters
    ----------
    planes : sequence of Plane
        In the order in which they are offered, each of another class.
    first : str
        Name of the plane that is shown first.
    seed : int
        Seed of split and training, stated on the page.

    Raises
    ------
    DataError
        If there is no plane of the name `first`, a decoder's images are not square, or codes of a
        split are missing.
    """
    names = [plane.name for plane in planes]
    if first not in names:
        raise DataError(f"no plane to show first: {first!r}; expected one of {names}")
    shown = names.index(first)
    mixtures = any(plane.decoder["components"] > 1 for plane in planes)
    geometries = [
        name
        for name, recipe in GEOMETRIES.items()
        if recipe.plain and (recipe.takes_mixtures or not mixtures)
    ]
    data = {
        "geometries": geometries,
        "line": LINE,
        "words": {
            name: {"label": PATHS[name].page or PATHS[name].label, "unit": PATHS[name].unit}
            for name in (*geometries, LINE)
        },
        "planes": [plane.words for plane in planes],
        "first": shown,
    }
    elements = [
        _element(f"plane-{number}", pack_plane(plane)) for number, plane in enumerate(planes)
    ]
    words = {**planes[shown].words, "seed": seed}
    parts = {name: escape(str(value)) for name, value in words.items()}
    parts["styles"] = "\n".join(map(_read, STYLES))
    parts["numerics"] = "\n".join(map(_read, NUMERICS))
    parts["script"] = "\n".join(map(_read, SCRIPTS))
    parts["data"] = _element("data", data)
    # Before the script, so that the page opens without waiting for the others.
    parts["first"] = elements.pop(shown)
    parts["others"] = "\n".join(elements)
    page = _read("page.html")
    for name, text in parts.items():
        page = page.replace(f"[[{name}]]", text)
    return page


def _element(name: str, data: Mapping[str, Any]) -> str:
    """Return an element that holds data as JSON, without the "<" that could end it."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _read(name: str) -> str:
    return (files("latent_transport.evidence.page") / "assets" / name).read_text(encoding="utf-8")
