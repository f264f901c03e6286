"""Figure 1: a geodesic on the decoder's surface, and the chord between its ends."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from scipy.ndimage import median_filter

from latent_transport.evidence.keys import LINE, OURS
from latent_transport.evidence.plotting.arrays import expect_finite, expect_shape
from latent_transport.evidence.plotting.spaces import (
    ENDS_STYLE,
    GEODESIC_STYLE,
    LINE_STYLE,
    LatentSpace,
    draw_background,
    draw_volume_bar,
    volume_norm,
)
from latent_transport.evidence.plotting.style import (
    BLUE,
    TEXT_WIDTH,
    VERMILION,
    freeze_layout,
    styled,
)
from latent_transport.evidence.plotting.views import choose_view, find_visible
from latent_transport.evidence.vocabulary import distance_label, path_label
from latent_transport.storage import DataError

_LIGHT = np.array([-0.4, 0.6, 0.7]) / np.linalg.norm([-0.4, 0.6, 0.7])  # right, up, to the viewer
_DARK, _BRIGHT = np.array([0.62, 0.69, 0.74]), np.array([0.96, 0.98, 0.99])
_LINE_COLOUR = "#93A0AB"
_COORDINATE_LINES = 13
_CHORD_POINTS = 257
_SMOOTHING = 25  # points of a curve
_CHORD_STYLE: dict[str, Any] = {"color": BLUE, "linewidth": 1.3, "linestyle": (0, (4, 1.5))}


@styled
def plot_geodesic_and_chord(field: Mapping[str, np.ndarray], codes: np.ndarray) -> Figure:
    r"""Draw a geodesic :math:`\gamma` and the Euclidean shortest path :math:`\ell`.

    Left, the decoder's surface in the three leading principal components of its means: the
    geodesic lies on it, the chord leaves it; what the surface hides is drawn fainter. Right, the
    same geodesic among the latent codes, over the metric's volume. The straight latent line is on
    both sides. `choose_view` chooses the direction of view.

    Parameters
    ----------
    field : mapping of str to ndarray
        ``x`` (X,), ``y`` (Y,), ``volume`` (Y, X) as for `LatentSpace`; ``surface`` (Y, X, 3)
        means over the grid; ``geodesic`` (T, 2) and ``line`` (T, 2) latent curves, and
        ``surface_geodesic`` (T, 3), ``surface_line`` (T, 3) their means; ``surface_chord`` (2, 3)
        the ends of the chord. Grey levels.
    codes : ndarray, shape (n, 2)
        Latent codes of the data.

    Returns
    -------
    Figure
        Paper, Figure 1.

    Raises
    ------
    DataError
        If arrays do not fit each other or hold values that are not finite.
    """
    expect_shape("surface", field["surface"], len(field["y"]), len(field["x"]), 3)
    expect_shape("geodesic", field["geodesic"], "T", 2)
    expect_shape("line", field["line"], "T", 2)
    expect_shape("surface_geodesic", field["surface_geodesic"], "T", 3)
    expect_shape("surface_line", field["surface_line"], "T", 3)
    expect_shape("surface_chord", field["surface_chord"], 2, 3)
    for name in ("surface", "surface_geodesic", "surface_line", "surface_chord", "line"):
        expect_finite(name, field[name])
    if np.array_equal(*field["surface_chord"]):
        raise DataError("the ends of the chord coincide; choose a pair of different points")
    curves = field["geodesic"][None]  # (1, T, 2)
    space = LatentSpace("", field["x"], field["y"], field["volume"], codes, curves)

    figure = Figure(
        figsize=(TEXT_WIDTH, 2.75),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.04, wspace=0.02),
    )
    left, right = (
        part.subplots()
        for part in figure.subfigures(1, 2, squeeze=False, width_ratios=(1.35, 1))[0]
    )
    _draw_surface_panel(left, field)
    _draw_latent_panel(right, space, field["line"])
    draw_volume_bar(right.figure, [right], volume_norm([space.volume]), shrink=0.9, aspect=30)
    figure.legend(
        handles=[
            Line2D([], [], **GEODESIC_STYLE, label=rf"{distance_label(OURS)} $\gamma$"),
            Line2D([], [], **_CHORD_STYLE, label=r"Euclidean shortest path $\ell$"),
            Line2D([], [], **LINE_STYLE, label=path_label(LINE)),
            Line2D([], [], **ENDS_STYLE, label="endpoints"),
        ],
        loc="outside upper center",
        ncols=4,
        handletextpad=0.5,
        columnspacing=1.5,
        borderpad=0,
    )
    return freeze_layout(figure)


def _draw_surface_panel(axes: Axes, field: Mapping[str, np.ndarray]) -> None:
    # A projection of our own: matplotlib's 3-D axes cannot hide a line behind a surface.
    surface, geodesic, line, ends = (
        np.asarray(field[name], dtype=float)
        for name in ("surface", "surface_geodesic", "surface_line", "surface_chord")
    )
    view = choose_view(surface, geodesic, ends)
    chord = np.linspace(ends[0], ends[1], _CHORD_POINTS)  # (C, 3)
    _draw_surface(axes, surface @ view.T)
    for curve, style, order in (
        (line, LINE_STYLE, 3),
        (chord, _CHORD_STYLE, 4),
        (geodesic, GEODESIC_STYLE, 5),
    ):
        # Where the surface is seen edge-on, single points flicker between seen and hidden.
        visible = median_filter(find_visible(curve, surface, view), _SMOOTHING, mode="nearest")
        drawn = curve @ view[:2].T  # (T, 2)
        axes.plot(*drawn.T, **style | {"alpha": 0.35}, zorder=order)
        axes.plot(*np.where(visible[:, None], drawn, np.nan).T, **style, zorder=order + 0.5)
    axes.plot(*(ends @ view[:2].T).T, **ENDS_STYLE | {"markersize": 4}, zorder=7)
    _label_pair(axes, geodesic @ view[:2].T, chord @ view[:2].T)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title("decoder means (three principal components)")
    axes.set_axis_off()
    axes.margins(0.04)


def _draw_surface(axes: Axes, seen: np.ndarray) -> None:
    """Draw a surface (H, W, 3), already turned to the viewer: its parts from far to near."""
    corners = np.stack([seen[:-1, :-1], seen[:-1, 1:], seen[1:, 1:], seen[1:, :-1]], axis=2)
    facets = corners.reshape(-1, 4, 3)
    normals = np.cross(facets[:, 2] - facets[:, 0], facets[:, 3] - facets[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True).clip(min=np.finfo(float).tiny)
    normals *= np.where(normals[:, 2:] < 0, -1, 1)  # both sides of the surface are lit
    brightness = (1 + normals @ _LIGHT)[:, None] / 2
    colours = _DARK + brightness * (_BRIGHT - _DARK)

    rows, columns = (
        np.linspace(0, length - 1, _COORDINATE_LINES).round().astype(int)
        for length in seen.shape[:2]
    )
    along, across = seen[rows], seen[:, columns].swapaxes(0, 1)  # (lines, points, 3)
    segments = np.concatenate(
        [
            np.stack([lines[:, :-1], lines[:, 1:]], axis=2).reshape(-1, 2, 3)
            for lines in (along, across)
        ]
    )
    # A line lies on facets as near as itself: it is moved nearer by a facet, to stay above them.
    lift = np.median(np.linalg.norm(facets[:, 2] - facets[:, 0], axis=1))

    depth = np.concatenate([facets[..., 2].mean(axis=1), segments[..., 2].mean(axis=1) + lift])
    outlines = [*facets[..., :2], *segments[..., :2]]
    edges = np.concatenate([colours, np.tile(to_rgb(_LINE_COLOUR), (len(segments), 1))])
    # Edges of the facets' own colours close the seams that antialiasing leaves.
    widths = np.repeat([0.3, 0.25], [len(facets), len(segments)])
    order = np.argsort(depth, kind="stable")
    axes.add_collection(
        PolyCollection(
            [outlines[part] for part in order],
            facecolors=edges[order],
            edgecolors=edges[order],
            linewidths=widths[order],
            rasterized=True,
            zorder=1,
        )
    )


def _draw_latent_panel(axes: Axes, space: LatentSpace, line: np.ndarray) -> None:
    draw_background(axes, space, volume_norm([space.volume]))
    (geodesic,) = space.curves
    axes.plot(*line.T, **LINE_STYLE, zorder=2)
    axes.plot(*geodesic.T, **GEODESIC_STYLE, zorder=3)
    axes.plot(*geodesic[[0, -1]].T, **ENDS_STYLE | {"markersize": 4}, zorder=4)
    place, away = _widest_gap(geodesic, line)
    _write(axes, r"$\gamma$", place, away, VERMILION)
    axes.set(xlabel="$z_1$", ylabel="$z_2$", title="latent space", anchor="N")


def _label_pair(axes: Axes, curve: np.ndarray, chord: np.ndarray) -> None:
    place, away = _widest_gap(curve, chord)
    _write(axes, r"$\gamma$", place, away, VERMILION)
    nearest = chord[np.linalg.norm(chord - place, axis=1).argmin()]
    _write(axes, r"$\ell$", nearest, -away, BLUE)


def _widest_gap(curve: np.ndarray, straight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve's point farthest from a straight line, and the direction away from it."""
    along = straight[-1] - straight[0]
    normal = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    across = (curve - straight[0]) @ normal
    widest = np.abs(across).argmax()
    return curve[widest], normal * (1 if across[widest] >= 0 else -1)


def _write(axes: Axes, text: str, place: np.ndarray, away: np.ndarray, colour: str) -> None:
    axes.annotate(
        text,
        tuple(place),
        xytext=tuple(8 * away),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=11,
        color=colour,
        path_effects=[withStroke(linewidth=2, foreground="white")],
        zorder=8,
    )
