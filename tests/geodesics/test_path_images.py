"""Images along curves: each where and what it is, in every layout."""

import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.distributions import Bernoulli, Independent, Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.images import plot_images
from latent_transport.geometries.wasserstein1 import Wasserstein1

TORCH = torch.Generator().manual_seed(0)
WEIGHT = torch.randn(2, 4 * 5 * 3, generator=TORCH)


def decode(z, *shape):
    """Values in (0, 1)."""
    return (z @ WEIGHT[:, : torch.Size(shape).numel()]).unflatten(-1, shape).sigmoid()


@pytest.fixture(scope="module")
def paths():
    z0, z1 = torch.randn(2, 3, 2, generator=TORCH)
    return connecting_geodesics(Wasserstein1(lambda z: decode(z, 16)), z0, z1)


@pytest.fixture
def axes():
    return Figure().subplots()


LAYOUTS = {
    "flat squares": (lambda z: Normal(decode(z, 16), 0.1), None, (4, 4)),
    "flat, of a shape": (lambda z: decode(z, 20), (4, 5), (4, 5)),
    "flat, of three channels": (lambda z: decode(z, 60), (3, 4, 5), (4, 5)),
    "rows and columns": (lambda z: Bernoulli(probs=decode(z, 4, 5)), None, (4, 5)),
    "one channel": (lambda z: Independent(Normal(decode(z, 1, 4, 5), 1.0), 3), None, (4, 5)),
    "three channels": (lambda z: decode(z, 3, 4, 5), None, (4, 5)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_image_is_where_it_belongs(layout, paths, axes):
    decoder, shape, (height, width) = LAYOUTS[layout]
    assert plot_images(decoder, paths, steps=4, shape=shape, limits=(0, 1), axes=axes) is axes
    (picture,) = axes.images
    canvas = np.asarray(picture.get_array())
    assert canvas.shape[:2] == (3 * (height + 1) - 1, 4 * (width + 1) - 1)
    channels = 3 if canvas.ndim == 3 else 1
    points = paths(torch.linspace(0, 1, 4))
    for row in range(3):
        for column in range(4):
            top, left = row * (height + 1), column * (width + 1)
            drawn = canvas[top : top + height, left : left + width]
            values = decode(points[row, column], channels, height, width)
            expected = values.movedim(0, -1).squeeze(-1).numpy()
            np.testing.assert_allclose(drawn, expected, atol=1e-5)
    assert (canvas[height] == 1).all()
    axes.figure.canvas.draw()


def test_the_darkest_and_the_lightest_value_are_found(paths, axes):
    plot_images(lambda z: 255 * decode(z, 16) - 40, paths[:1], axes=axes)
    canvas = np.asarray(axes.images[0].get_array())
    assert (canvas.min(), canvas.max()) == (0, 1)
    assert axes.images[0].get_clim() == (0, 1)


def test_without_axes_a_figure_is_made(paths):
    axes = plot_images(lambda z: decode(z, 16), paths)
    width, height = axes.figure.get_size_inches()
    assert width > height


def test_what_is_no_image_is_told(paths, axes):
    with pytest.raises(
        ValueError, match=r"have shape \(15,\), a point; expected images \(channels"
    ):
        plot_images(lambda z: decode(z, 15), paths, axes=axes)
    with pytest.raises(ValueError, match=r"shape \(4, 5, 3\), a point; .*movedim\(-1, 1\) where"):
        plot_images(lambda z: decode(z, 4, 5, 3), paths, axes=axes)
    with pytest.raises(ValueError, match=r"shape is \(4, 4\), of 16 values; .* have shape \(20,\)"):
        plot_images(lambda z: decode(z, 20), paths, shape=(4, 4), axes=axes)
    with pytest.raises(ValueError, match="steps is 1; expected 2 or more"):
        plot_images(lambda z: decode(z, 16), paths, steps=1, axes=axes)
    many = paths[torch.zeros(65, dtype=torch.long)]
    with pytest.raises(ValueError, match="there are 65 curves; a picture has room for 64"):
        plot_images(lambda z: decode(z, 16), many, axes=axes)
    with pytest.raises(ValueError, match="means along the curves are not finite"):
        plot_images(lambda z: decode(z, 16) / 0 - decode(z, 16) / 0, paths, axes=axes)


def test_without_matplotlib_the_extra_is_named(paths, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"latent-transport\[plot\]"):
        plot_images(lambda z: decode(z, 16), paths)
