"""Middles of latent planes, and images along their principal geodesics."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latent_transport.datasets.classes import DIGITS
from latent_transport.evidence.plotting.arrays import expect_finite, expect_shape
from latent_transport.evidence.plotting.style import TEXT_WIDTH, styled
from latent_transport.evidence.vocabulary import model_label
from latent_transport.storage import DataError

MIDDLES = {"latent_mean": "latent\nmean", "mean": "Fréchet\nmean", "median": "median"}
"""A column of images each."""
AXES = {"first": "first principal geodesic", "second": "second principal geodesic"}
"""Images along each, in as many columns as there are."""

_GAP = 0.06  # of a tile, between tiles
_APART = 0.5  # of a tile, between the groups of columns
_LEFT, _RIGHT, _ABOVE, _BELOW = 0.62, 0.03, 0.34, 0.33  # inches, for names and titles


@styled
def plot_statistics(
    planes: Mapping[str, Mapping[str, np.ndarray]], *, classes: Sequence[str] = DIGITS
) -> Figure:
    """Draw a row a latent plane: its middles, then images along its principal geodesics.

    Parameters
    ----------
    planes : mapping of str to mapping of str to ndarray
        By the models' names: ``deviations`` (T,), the places on the geodesics in standard
        deviations from the Fréchet mean; ``latent_mean_images``, ``mean_images`` and
        ``median_images`` (1, side^2); ``first_images`` and ``second_images`` (T, side^2), all in
        grey levels 0..255.
    classes : sequence of str
        Names of the classes, by label.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If there is no plane, or arrays are missing or do not fit.
    """
    if not planes:
        raise DataError("no latent plane to draw; give at least one")
    deviations = next(iter(planes.values())).get("deviations", np.empty(0))  # (T,)
    for name, arrays in planes.items():
        _check(name, arrays, len(deviations))
    places = {
        **{name: [float(column)] for column, name in enumerate(MIDDLES)},
        **{
            name: [
                len(MIDDLES) + _APART + group * (len(deviations) + _APART) + column
                for column in range(len(deviations))
            ]
            for group, name in enumerate(AXES)
        },
    }
    width = places["second"][-1] + 1
    tile = (TEXT_WIDTH - _LEFT - _RIGHT) / width  # inches
    height = tile * len(planes) + _ABOVE + _BELOW
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes(
        (
            _LEFT / TEXT_WIDTH,
            _BELOW / height,
            tile * width / TEXT_WIDTH,
            tile * len(planes) / height,
        )
    )
    for line, arrays in enumerate(planes.values()):
        for name, lefts in places.items():
            for left, image in zip(lefts, arrays[f"{name}_images"], strict=True):
                _draw_tile(axes, image, left, line)
    axes.set(xlim=(0, width), ylim=(len(planes), 0), aspect="auto")
    axes.set_yticks(np.arange(len(planes)) + 0.5, [model_label(name, classes) for name in planes])
    ticks = [
        (left + 0.5, f"{deviation:+g}".replace("-", "\N{MINUS SIGN}") if deviation else "0")
        for name in AXES
        for left, deviation in zip(places[name], deviations, strict=True)
    ]
    axes.set_xticks(*zip(*ticks, strict=True))
    axes.set_xlabel("standard deviations from the Fréchet mean", x=_middle(places, *AXES) / width)
    for name, title in (MIDDLES | AXES).items():
        axes.text(_middle(places, name), -0.1, title, ha="center", va="bottom", fontsize=7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _check(name: str, arrays: Mapping[str, np.ndarray], count: int) -> None:
    wanted = ["deviations", *(f"{place}_images" for place in (*MIDDLES, *AXES))]
    missing = [key for key in wanted if key not in arrays]
    if missing:
        raise DataError(f"the plane {name} lacks {', '.join(missing)}; it has {', '.join(arrays)}")
    expect_shape(f"deviations of {name}", arrays["deviations"], count)
    pixels = arrays["mean_images"].shape[-1]
    for place in (*MIDDLES, *AXES):
        images = arrays[f"{place}_images"]
        expect_shape(f"{place}_images of {name}", images, 1 if place in MIDDLES else count, pixels)
        expect_finite(f"{place}_images of {name}", images)


def _middle(places: Mapping[str, Sequence[float]], *names: str) -> float:
    lefts = [left for name in names for left in places[name]]
    return (lefts[0] + lefts[-1] + 1) / 2


def _draw_tile(axes: Axes, image: np.ndarray, left: float, line: int) -> None:
    side = math.isqrt(len(image))
    half = _GAP / 2
    axes.imshow(
        image.reshape(side, side),
        extent=(left + half, left + 1 - half, line + 1 - half, line + half),
        cmap="gray_r",
        vmin=0,
        vmax=255,
        interpolation="none",
    )
