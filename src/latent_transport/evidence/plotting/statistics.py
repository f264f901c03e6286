"""Middles of latent planes, images along their principal geodesics, and a tangent space."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latent_transport.datasets.classes import DIGITS
from latent_transport.evidence.plotting.arrays import expect_finite, expect_shape
from latent_transport.evidence.plotting.spaces import CODES_STYLE, frame_square
from latent_transport.evidence.plotting.style import BLUE, INK, TEXT_WIDTH, VERMILION, styled
from latent_transport.evidence.vocabulary import model_label
from latent_transport.storage import DataError

MIDDLES = {"latent_mean": "latent\nmean", "mean": "Fréchet\nmean", "median": "median"}
"""A column of images each."""
AXES = {"first": "first principal geodesic", "second": "second principal geodesic"}
"""Images along each, in as many columns as there are."""

_GAP = 0.06  # of a tile, between tiles
_APART = 0.5  # of a tile, between the groups of columns
_LEFT, _RIGHT, _ABOVE, _BELOW = 0.62, 0.03, 0.34, 0.33  # inches, for names and titles

_SIDE = 2.0  # inches of a panel of codes
_TITLE, _LABELS = 0.2, 0.55  # inches above it, and below, for the legend as well
_COLOURS = {"first": VERMILION, "second": BLUE}
_FRAME = 1.06  # of the half side that holds all that is shown


@styled
def plot_statistics(
    planes: Mapping[str, Mapping[str, np.ndarray]], *, classes: Sequence[str] = DIGITS
) -> Figure:
    """Draw a row a latent plane: its middles, then images along its principal geodesics.

    Below are the codes of the first plane with these geodesics, and beside them the codes'
    logarithms at the Fréchet mean, where the geodesics are the axes.

    Parameters
    ----------
    planes : mapping of str to mapping of str to ndarray
        By the models' names: ``deviations`` (T,), the places on the geodesics in standard
        deviations from the Fréchet mean; ``codes`` and ``coordinates`` (n, 2), in the plane and in
        the tangent space along the two directions, in grey levels; ``curves`` (2, C, 2), points on
        the two geodesics from the first of the deviations to the last; ``variance`` (2,) along
        them, in squared grey levels; ``latent_mean_images``, ``mean_images`` and
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
    panels = _TITLE + _SIDE + _LABELS  # inches
    height = tile * len(planes) + _ABOVE + _BELOW + panels
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes(
        (
            _LEFT / TEXT_WIDTH,
            (_BELOW + panels) / height,
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
    free = (TEXT_WIDTH - 2 * _SIDE) / 2  # inches, beside a panel
    pair = [
        figure.add_axes((left / TEXT_WIDTH, _LABELS / height, _SIDE / TEXT_WIDTH, _SIDE / height))
        for left in (_LEFT, _LEFT + _SIDE + free)
    ]
    name, first = next(iter(planes.items()))
    _draw_plane(pair[0], first, model_label(name, classes))
    _draw_tangent_space(pair[1], first)
    figure.legend(*pair[0].get_legend_handles_labels(), loc="lower center", ncols=4, borderpad=0.2)
    return figure


def _draw_plane(axes: Axes, arrays: Mapping[str, np.ndarray], name: str) -> None:
    """Draw codes, the principal geodesics with their places, and the Fréchet mean."""
    curves = arrays["curves"]  # (2, C, 2)
    step = (curves.shape[1] - 1) // (len(arrays["deviations"]) - 1)
    mean = curves[0, curves.shape[1] // 2]  # (2,)
    _draw_points(axes, arrays["codes"], curves, step, mean)
    axes.set_title(f"codes of {name}")
    axes.set_xlabel("$z_1$")
    axes.set_ylabel("$z_2$", labelpad=1)


def _draw_tangent_space(axes: Axes, arrays: Mapping[str, np.ndarray]) -> None:
    """Draw the codes' logarithms, and the directions in which the geodesics set out."""
    ways = arrays["deviations"] * np.sqrt(arrays["variance"])[:, None]  # (2, T)
    lines = ways[..., None] * np.eye(2)[:, None]  # (2, T, 2)
    _draw_points(axes, arrays["coordinates"], lines, 1, np.zeros(2))
    axes.set_title("their logarithms at the mean")
    axes.set_xlabel("along the first (grey levels)")
    axes.set_ylabel("along the second (grey levels)", labelpad=1)


def _draw_points(
    axes: Axes, points: np.ndarray, curves: np.ndarray, step: int, mean: np.ndarray
) -> None:
    codes = CODES_STYLE | {"markersize": 2.4, "alpha": 0.6, "markeredgewidth": 0}
    axes.plot(*points.T, **codes, label="codes")
    for name, curve in zip(AXES, curves, strict=True):
        style: dict[str, Any] = {"color": _COLOURS[name], "linewidth": 1.1, "markersize": 2.4}
        axes.plot(*curve.T, marker="o", markevery=step, **style, label=AXES[name])
    axes.plot(*mean, "o", color=INK, markersize=3.2, linestyle="none", label="Fréchet mean")
    shown = np.concatenate((points, *curves))  # (m, 2)
    low, high = shown.min(0), shown.max(0)
    frame_square(axes, (low + high) / 2, _FRAME * (high - low).max() / 2)


def _check(name: str, arrays: Mapping[str, np.ndarray], count: int) -> None:
    plane = ("deviations", "variance", "codes", "coordinates", "curves")
    wanted = [*plane, *(f"{place}_images" for place in (*MIDDLES, *AXES))]
    missing = [key for key in wanted if key not in arrays]
    if missing:
        raise DataError(f"the plane {name} lacks {', '.join(missing)}; it has {', '.join(arrays)}")
    expect_shape(f"deviations of {name}", arrays["deviations"], count)
    expect_shape(f"variance of {name}", arrays["variance"], 2)
    expect_shape(f"codes of {name}", arrays["codes"], "n", 2)
    expect_shape(f"coordinates of {name}", arrays["coordinates"], len(arrays["codes"]), 2)
    expect_shape(f"curves of {name}", arrays["curves"], 2, "C", 2)
    for key in plane:
        expect_finite(f"{key} of {name}", arrays[key])
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
