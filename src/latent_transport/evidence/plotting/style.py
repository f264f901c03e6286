"""One look for every figure: sizes, type, colours, and how a figure becomes a file."""

import logging
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from PIL import Image

from latent_transport.storage import DataError, replacing

TEXT_WIDTH = 5.5
"""Width of the page's text block in inches."""

# Okabe & Ito (2008): told apart with every common colour vision, and in greyscale.
VERMILION = "#D55E00"
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
PURPLE = "#CC79A7"
INK = "#1A1A1A"
SHADE = "#6E6E6E"

_PARAMETERS: dict[str, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlepad": 3,
    "axes.labelsize": 8,
    "axes.labelpad": 2,
    "axes.linewidth": 0.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.pad": 1.5,
    "ytick.major.pad": 1.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "figure.dpi": 200,
    # Every image keeps its own pixels in a vector file, instead of one resampled composite.
    "image.composite_image": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "latent-transport",
}

styled = matplotlib.style.context(["default", _PARAMETERS])
"""Decorator: draw with the project's settings, whatever the user's own are."""

_FORMATS: dict[str, dict[str, Any]] = {
    ".pdf": {"format": "pdf", "dpi": 300, "metadata": {"CreationDate": None}},
    ".png": {"format": "png", "dpi": 200},
    ".svg": {"format": "svg", "dpi": 300, "metadata": {"Date": None}},
}


def volume_colormap() -> ListedColormap:
    """Return the light end of a perceptually uniform map, on which dark curves stand out."""
    mako = sns.color_palette("mako_r", as_cmap=True)
    return ListedColormap(mako(np.linspace(0.0, 0.3, 256)), name="volume")


def freeze_layout(figure: Figure) -> Figure:
    """Lay a figure out once and for all, so that every file written from it is alike."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


@styled
def save_figure(figure: Figure, *paths: str | Path) -> None:
    """Write a figure to each path, in the format its suffix names, and nothing but the figure.

    The same figure gives the same bytes: no date is written. A PDF embeds its type as TrueType;
    its rasterised parts have 300 dots an inch, a PNG has 200.

    Parameters
    ----------
    figure : Figure
        What to write.
    *paths : path
        Files ending in ``.pdf``, ``.png`` or ``.svg``.

    Raises
    ------
    DataError
        If there is no path, or one has another suffix; then no file is written.
    """
    _check_suffixes(paths)
    # Subsetting a font, fontTools reports each of its tables at level INFO.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    for path in map(Path, paths):
        options = _FORMATS[path.suffix.lower()]
        content = BytesIO()
        figure.savefig(content, **options)
        if options["format"] == "png":
            content = _round_colours(content, options["dpi"])
        with replacing(path) as beside:
            Path(beside).write_bytes(content.getvalue())


def _round_colours(png: BytesIO, dpi: int) -> BytesIO:
    """Round a PNG's channels to 64 levels, which nobody sees and which compress far better."""
    rounded = BytesIO()
    levels = np.rint(np.rint(np.arange(256) / 255 * 63) / 63 * 255).astype(int).tolist()
    image = Image.open(png).convert("RGB").point(levels * 3)
    image.save(rounded, format="PNG", optimize=True, dpi=(dpi, dpi))
    return rounded


def _check_suffixes(paths: Sequence[str | Path]) -> None:
    if not paths:
        raise DataError("no file to write the figure to; name at least one path")
    for path in map(Path, paths):
        if path.suffix.lower() not in _FORMATS:
            raise DataError(
                f"cannot write a figure to {path}: suffix {path.suffix!r}; "
                f"use one of {', '.join(_FORMATS)}"
            )
