"""The field of indicatrices: how far one can go at each point for the same local length."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from latent_transport.evidence.plotting.arrays import expect_finite, expect_shape
from latent_transport.evidence.plotting.spaces import (
    CODES_STYLE,
    draw_codes,
    draw_volume,
    draw_volume_bar,
    frame_square,
    volume_norm,
)
from latent_transport.evidence.plotting.style import (
    BLUE,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    styled,
)
from latent_transport.evidence.vocabulary import path_label
from latent_transport.storage import DataError

_GEOMETRIES = {
    "wasserstein1": ("white", VERMILION, "indicatrix"),
    "wasserstein2": (BLUE, BLUE, "ellipse"),
}
_LEAST_SHARE = 1 / 1000  # of the codes, in the cell of a point that is drawn
_FILLED = 0.96  # of a cell's side, by the largest indicatrix
_OPACITY, _LINE_WIDTH = 0.55, 0.8
_MARGIN = 0.02  # of the square of cells, on each side


@styled
def plot_indicatrices(
    indicatrices: Mapping[str, np.ndarray], field: Mapping[str, np.ndarray], codes: np.ndarray
) -> Figure:
    """Draw the indicatrices {v : F(z, v) <= r} of W1 and of W2 over the metric's volume.

    The radius r is one for all, and the largest (to two digits) for which each indicatrix stays
    in its own cell of the grid. Cells that hold fewer than one in 1,000 codes are left empty.

    Parameters
    ----------
    indicatrices : mapping of str to ndarray
        ``points`` (n, 2), a square grid of n = k^2 points; ``wasserstein1`` (n, A, 2) and
        ``wasserstein2`` (n, A, 2), boundary vectors of {v : F(z, v) <= 1} in latent units a grey
        level; ``departure`` (n,), relative difference of the W1 norm from that of an ellipse.
    field : mapping of str to ndarray
        ``x`` (X,), ``y`` (Y,), ``volume`` (Y, X): grid and volume density of the W1 metric.
    codes : ndarray, shape (m, 2)
        Latent codes of the data.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If arrays do not fit each other, the points are no square grid or in none of their cells
        are codes, or a drawn value is not finite.
    """
    points, departure = indicatrices["points"], indicatrices["departure"]
    expect_shape("points of the indicatrices", points, "n", 2)
    expect_shape("departure of the indicatrices", departure, len(points))
    for name in _GEOMETRIES:
        expect_shape(f"{name} of the indicatrices", indicatrices[name], len(points), "A", 2)
    expect_shape("volume", field["volume"], len(field["y"]), len(field["x"]))
    expect_finite("volume", field["volume"])
    expect_shape("codes", codes, "m", 2)
    cell = _find_cell(points)
    inside = np.abs(codes[:, None] - points).max(axis=2) <= cell / 2  # (m, n)
    drawn = inside.sum(axis=0) >= max(1, _LEAST_SHARE * len(codes))  # (n,)
    if not drawn.any():
        raise DataError("no point of the indicatrices has codes nearby; are both of one model?")
    expect_finite("departure of the indicatrices", departure[drawn])
    shapes = {name: indicatrices[name][drawn] for name in _GEOMETRIES}  # (k, A, 2) each
    for name, vectors in shapes.items():
        expect_finite(f"{name} of the indicatrices", vectors)
    largest = max(np.abs(vectors).max() for vectors in shapes.values())
    radius = _round(_FILLED * cell / 2 / largest, 2, np.floor)

    figure = Figure(
        figsize=(TEXT_WIDTH, 4.85), layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
    )
    axes = figure.subplots()
    norm = volume_norm([field["volume"]])
    draw_volume(axes, field["x"], field["y"], field["volume"], norm)
    draw_codes(axes, codes)
    for name, (face, edge, _) in _GEOMETRIES.items():
        axes.add_collection(
            PolyCollection(
                points[drawn, None] + radius * shapes[name],
                facecolors=to_rgba(face, _OPACITY),
                edgecolors=edge,
                linewidths=_LINE_WIDTH,
                zorder=2,
            )
        )
    low, high = points.min(axis=0) - cell / 2, points.max(axis=0) + cell / 2
    frame_square(axes, (low + high) / 2, (high - low).max() * (0.5 + _MARGIN))
    axes.set(xlabel="$z_1$", ylabel="$z_2$")
    off = 100 * _round(departure[drawn].max(), 1, np.ceil)
    axes.set_title(
        rf"$F(z, v) \leq {radius:g}$ grey levels; "
        f"the $W_1$ indicatrices are ellipses to within {off:g} %"
    )
    draw_volume_bar(figure, [axes], norm, shrink=0.75, aspect=40, location="right")
    figure.legend(
        handles=[
            *(
                Patch(
                    fc=to_rgba(face, _OPACITY),
                    ec=edge,
                    lw=_LINE_WIDTH,
                    label=f"{path_label(name)} {shape}",
                )
                for name, (face, edge, shape) in _GEOMETRIES.items()
            ),
            Line2D([], [], **CODES_STYLE | {"markersize": 2, "alpha": 0.8}, label="latent codes"),
        ],
        loc="outside upper center",
        ncols=3,
        handletextpad=0.5,
        columnspacing=1.8,
        borderpad=0,
    )
    return freeze_layout(figure)


def _find_cell(points: np.ndarray) -> float:
    """Return the side of the cells of a square grid of points."""
    x, y = (np.unique(points[:, axis]) for axis in (0, 1))
    if not len(x) == len(y) == np.sqrt(len(points)) > 1:
        raise DataError(
            f"the {len(points)} points of the indicatrices have {len(x)} different x and {len(y)} "
            "different y; expected a square grid of at least 2 by 2"
        )
    return float(np.ptp(x) / (len(x) - 1))


def _round(value: float, digits: int, towards: Callable[[float], float]) -> float:
    """Round a number that is not negative to its leading digits."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(value)) - digits + 1)
    return float(towards(value / unit) * unit)
