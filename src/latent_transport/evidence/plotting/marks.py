"""Colours and markers of paths, where each is a point."""

from typing import Any

from latent_transport.evidence.keys import FADE, INTERPOLATION, LINE, OURS
from latent_transport.evidence.plotting.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SHADE,
    SKY,
    VERMILION,
)

MARKS = {
    LINE: (INK, "o"),
    OURS: (VERMILION, "o"),
    "published": (VERMILION, "*"),
    "active": (VERMILION, "h"),
    "regularised": (ORANGE, "s"),
    "wasserstein2": (SKY, "d"),
    "fisher-rao": (SKY, "p"),
    "euclidean": (SKY, "o"),
    "blurred": (BLUE, "D"),
    "sobolev": (BLUE, "X"),
    "uncertain": (VERMILION, "<"),
    "ensemble": (VERMILION, ">"),
    "density": (GREEN, "^"),
    "uncertain-density": (GREEN, "<"),
    "latent-density": (PURPLE, "v"),
    FADE: (SHADE, "X"),
    INTERPOLATION: (SHADE, "P"),
}
"""Colour and marker by path; of kindred paths, the colours are alike."""

_SIZE = 3.4  # points


def mark(path: str, *, hollow: bool) -> dict[str, Any]:
    """How the point of a path is drawn, full or hollow: options of a line."""
    colour, marker = MARKS.get(path, (SHADE, "o"))
    return {
        "color": colour,
        "marker": marker,
        "markersize": _SIZE + 0.8 * hollow,
        "markerfacecolor": "white" if hollow else colour,
        "markeredgewidth": 0.8,
    }
