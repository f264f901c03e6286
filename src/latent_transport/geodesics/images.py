"""A picture of the images along curves: what the decoder says on the way."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from latent_transport.distributions.registry import DecoderOutput, distribution_mean
from latent_transport.geodesics.drawing import import_pyplot
from latent_transport.geometries.contract import flatten_points
from latent_transport.geometries.process import without_validation
from latent_transport.memory import map_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 9
MOST = 64  # curves in one picture
GAP = 1  # pixels between images
CHANNELS = (1, 3)  # grey; red, green and blue


def plot_images(
    decoder: Callable[[Tensor], DecoderOutput],
    paths: Callable[[Tensor], Tensor],
    *,
    steps: int = STEPS,
    shape: Sequence[int] | None = None,
    limits: tuple[float, float] | None = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Draw the decoder's mean images along curves, a row a curve.

    Parameters
    ----------
    decoder : callable
        Latents to distributions, or to values, as geometries take it; ``geometry.decoder`` where
        ``latent_shape`` was given. Its images are (M, channels, H, W) with 1 or 3 channels,
        (M, H, W), or flat (M, H W) and square.
    paths : Geodesics
        Curves, from left to right: ``paths[:8]`` for some of them.
    steps : int, optional
        Images of a curve, at equal steps in t, the ends included.
    shape : sequence of int, optional
        (H, W) or (channels, H, W) of flat images that are not square.
    limits : tuple of float, optional
        Values that are drawn black and white (or without and in full colour); by default the least
        and the greatest of all that is drawn.
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
        If the decoder's means are no images of a known layout, are not finite, or there are fewer
        than 2 steps, or more than 64 curves.
    TypeError
        As from a geometry, if the decoder returns no supported distribution.
    """
    plt = import_pyplot()
    if steps < 2:
        raise ValueError(f"steps is {steps}; expected 2 or more images, of the ends at least")
    with torch.no_grad():
        points = paths(torch.linspace(0, 1, steps, dtype=torch.float64))  # (B, T, d)
        if len(points) > MOST:
            raise ValueError(
                f"there are {len(points)} curves; a picture has room for {MOST}: choose some, such "
                "as paths[:8]"
            )
        images = _decode_images(decoder, points, shape)  # (B, T, H, W, channels)
    low, high = limits or (images.min().item(), images.max().item())
    share = ((images - low) / (high - low if high > low else 1)).clamp(0, 1)
    canvas = _lay_out(share)  # (rows, columns, channels)
    if axes is None:
        height, width = canvas.shape[:2]
        axes = plt.subplots(figsize=(8, min(16, max(1, 8 * height / width))), layout="tight")[1]
    axes.imshow(canvas.squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    return axes


def _decode_images(
    decoder: Callable[[Tensor], DecoderOutput], points: Tensor, shape: Sequence[int] | None
) -> Tensor:
    """Mean images (B, T, H, W, channels) at points (B, T, d)."""

    def decode(flat: Tensor) -> Tensor:
        return distribution_mean(decoder(flat))  # (M, ...)

    with without_validation():
        means = map_rows(decode, flatten_points(points)).cpu()  # (B T, ...)
    if not bool(torch.isfinite(means).all()):
        raise ValueError(
            "the decoder's means along the curves are not finite; check its weights, and which "
            "curves converged"
        )
    images = _read_layout(means, shape)  # (B T, H, W, channels)
    return images.unflatten(0, points.shape[:2])


def _read_layout(means: Tensor, shape: Sequence[int] | None) -> Tensor:
    """Images (M, H, W, channels) of means (M, ...)."""
    found = tuple(means.shape[1:]) if shape is None else tuple(shape)
    if math.prod(found) != math.prod(means.shape[1:]):
        raise ValueError(
            f"shape is {found}, of {math.prod(found)} values; the decoder's means have shape "
            f"{tuple(means.shape[1:])}"
        )
    side = math.isqrt(found[0]) if len(found) == 1 else 0
    if side and side**2 == found[0]:
        found = (side, side)
    if len(found) == 2:
        found = (1, *found)
    if len(found) != 3 or found[0] not in CHANNELS:
        raise ValueError(
            f"the decoder's means have shape {found}, a point; expected images (channels, H, W) of "
            "1 or 3 channels, (H, W), or flat squares: for another layout give shape=, such as "
            "(28, 20), or a decoder that ends in .movedim(-1, 1) where channels come last"
        )
    return means.reshape(-1, *found).movedim(1, -1)  # (M, H, W, channels)


def _lay_out(images: Tensor) -> Tensor:
    """Images (B, T, H, W, channels) side by side: (rows, columns, channels), white in between."""
    images = torch.nn.functional.pad(images, (0, 0, 0, GAP, 0, GAP), value=1.0)
    whole = images.transpose(1, 2).flatten(2, 3).flatten(0, 1)  # (B (H + 1), T (W + 1), channels)
    return whole[:-GAP, :-GAP]
