"""A picture of a two-dimensional latent space: volume, codes, geodesics and indicatrices."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from latent_transport.checks import check_finite, check_points
from latent_transport.geometries.base import Geometry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN = 0.08  # of the larger range, on each side
GRID = 48  # points of the volume, along each axis
POINTS = 129  # on each curve
ANGLES = 64  # of an indicatrix
FILLED = 0.8  # of a cell, by its indicatrix


def plot_latent(
    geometry: Geometry,
    codes: Tensor | None = None,
    paths: Callable[[Tensor], Tensor] | None = None,
    *,
    labels: Tensor | np.ndarray | None = None,
    volume: bool = True,
    indicatrices: int = 0,
    axes: "Axes | None" = None,
) -> "Axes":
    r"""Draw a two-dimensional latent space, as a geometry measures it.

    Parameters
    ----------
    geometry : Geometry
        Gives the volume, behind everything, in a logarithmic scale of colours, and the indicatrices
        :math:`\{v : F(z, v) \le r\}`, unit balls of the norm but for their size.
    codes : Tensor, shape (n, 2), optional
        Latent codes, as dots.
    paths : Geodesics, optional
        Curves, with their ends.
    labels : Tensor or array, shape (n,), optional
        Numbers that colour the codes.
    volume : bool, optional
        Whether the volume is drawn.
    indicatrices : int, optional
        Indicatrices along each axis, each in the scale that fills its cell: their shapes tell which
        directions are short, the volume tells sizes.
    axes : matplotlib.axes.Axes, optional
        Where to draw; on a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are neither codes nor paths, or they are not of two dimensions; as
        :meth:`Geometry.volume` where the decoder is not finite.
    TypeError
        If ``geometry`` is no Geometry.
    """
    plt = import_pyplot()
    if not isinstance(geometry, Geometry):
        raise TypeError(
            f"geometry is a {type(geometry).__name__}; expected a Geometry, such as "
            "Wasserstein1(decoder)"
        )
    shown = []
    if codes is not None:
        _check_plane("codes", codes)
        shown.append(codes.detach())
    curves = None
    if paths is not None:
        with torch.no_grad():
            curves = paths(torch.linspace(0, 1, POINTS, dtype=torch.float64))  # (B, T, 2)
        _check_plane("paths", curves)
        shown.append(curves.flatten(0, 1))
    if not sum(map(len, shown)):
        raise ValueError("there is nothing to draw; give codes (n, 2), or paths, or both")
    if axes is None:
        axes = plt.subplots()[1]
    low, high = _frame(torch.cat([points.to(shown[0]) for points in shown]))  # (2,) each
    if volume:
        _draw_volume(axes, geometry, low, high)
    if codes is not None:
        x, y = codes.detach().cpu().numpy().T
        if labels is None:
            colours: dict[str, Any] = {"color": "black"}
        else:
            colours = {"c": torch.as_tensor(labels).detach().cpu().numpy(), "cmap": "tab10"}
        axes.scatter(x, y, s=4, alpha=0.6, linewidths=0, zorder=1, **colours)
    if indicatrices:
        _draw_indicatrices(axes, geometry, low, high, indicatrices)
    if curves is not None:
        for curve in curves.cpu().numpy():
            axes.plot(*curve.T, color="tab:red", linewidth=1.2, zorder=3)
            axes.plot(*curve[[0, -1]].T, "o", color="tab:red", markersize=3, zorder=3)
    (left, bottom), (right, top) = low.tolist(), high.tolist()
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel="$z_1$", ylabel="$z_2$")
    return axes


def import_pyplot() -> ModuleType:
    """Import matplotlib, or name the extra that has it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"plots need the extra 'plot': pip install 'latent-transport[plot]' ({error})"
        ) from error
    return plt


def _check_plane(name: str, points: Tensor) -> None:
    check_points(name, points)
    if points.shape[-1] != 2:
        raise ValueError(
            f"{name} have {points.shape[-1]} latent dimensions; a plot shows 2: choose them by "
            "Subspace(dims, at), and draw its geometry"
        )
    check_finite(name, points)


def _frame(points: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper corners (2,) of a square around points (n, 2)."""
    low, high = points.amin(0), points.amax(0)  # (2,) each
    middle, widest = (low + high) / 2, (high - low).max()  # (2,), ()
    half = (0.5 + MARGIN) * torch.where(widest > 0, widest, 1)  # ()
    return middle - half, middle + half


def _grid(low: Tensor, high: Tensor, shares: Tensor) -> Tensor:
    """Points (G, G, 2) at shares (G,) of the sides of a square, x along the second axis."""
    x, y = (torch.lerp(low[axis], high[axis], shares) for axis in (0, 1))  # (G,) each
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def _draw_volume(axes: "Axes", geometry: Geometry, low: Tensor, high: Tensor) -> None:
    from matplotlib.colors import LogNorm

    grid = _grid(low, high, torch.linspace(0, 1, GRID).to(low))  # (G, G, 2)
    with torch.no_grad():
        density = geometry.volume(grid).cpu().double()  # (G, G)
    positive = density[(density > 0) & torch.isfinite(density)]
    if len(positive) == 0:  # such as a decoder of one variable, whose tensor has no full rank
        return
    least, most = positive.quantile(torch.tensor([0.01, 0.99]).double()).tolist()
    # At least a factor of ten, lest a nearly flat space look curved.
    widening = max(1.0, math.sqrt(10 * least / most))
    norm = LogNorm(least / widening, most * widening, clip=True)
    x, y = grid[0, :, 0].cpu().numpy(), grid[:, 0, 1].cpu().numpy()
    mesh = axes.pcolormesh(
        x,
        y,
        density.clamp(min=least / widening).numpy(),
        norm=norm,
        cmap="Blues",
        shading="gouraud",
        zorder=0,
    )
    axes.figure.colorbar(mesh, ax=axes, label="volume")


def _draw_indicatrices(
    axes: "Axes", geometry: Geometry, low: Tensor, high: Tensor, count: int
) -> None:
    from matplotlib.collections import PolyCollection

    shares = (torch.arange(count).to(low) + 0.5) / count  # (G,)
    centres = _grid(low, high, shares).flatten(0, 1)  # (G^2, 2)
    angles = torch.linspace(0, 2 * math.pi, ANGLES + 1).to(low)[:-1]  # (A,)
    directions = torch.stack((angles.cos(), angles.sin()), -1)  # (A, 2)
    pairs = torch.broadcast_tensors(centres[:, None], directions)  # (G^2, A, 2) each
    with torch.no_grad():
        norms = geometry.norm(*pairs)  # (G^2, A)
    balls = directions / norms[..., None]  # (G^2, A, 2)
    bounded = torch.isfinite(balls).all(-1).all(-1)  # (G^2,), else a direction costs nothing
    if not bounded.any():
        return
    cell = (high - low)[0] / count  # ()
    widest = balls[bounded].norm(dim=-1).amax(-1)[:, None, None]  # (k, 1, 1)
    polygons = centres[bounded, None] + FILLED * cell / 2 * balls[bounded] / widest  # (k, A, 2)
    axes.add_collection(
        PolyCollection(
            list(polygons.cpu().numpy()), facecolors="none", edgecolors="tab:orange", zorder=2
        )
    )
