"""Pictures of latent spaces: what is drawn is what was measured."""

import sys

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection, PolyCollection, QuadMesh
from matplotlib.figure import Figure

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.drawing import ANGLES, GRID, plot_latent
from latent_transport.geometries.riemannian import Euclidean
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, make_network

GEOMETRY = Wasserstein1(make_network("normal"))


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


@pytest.fixture(scope="module")
def paths():
    return connecting_geodesics(GEOMETRY, draw(3, 2), draw(3, 2, seed=1))


@pytest.fixture
def axes():
    return Figure().subplots()


def find(axes, kind):
    return [each for each in axes.collections if isinstance(each, kind)]


def test_curves_and_codes_are_where_they_are(paths, axes):
    codes = draw(20, 2, seed=2)
    labels = torch.arange(20) % 3
    assert paths.plot(codes, labels=labels, axes=axes) is axes
    curves = [np.stack(line.get_data(), -1) for line in axes.lines]
    expected = paths(torch.linspace(0, 1, 129)).numpy()
    for k in range(3):
        np.testing.assert_allclose(curves[2 * k], expected[k], atol=1e-6)
        np.testing.assert_allclose(curves[2 * k + 1], expected[k][[0, -1]])
    (dots,) = find(axes, PathCollection)
    np.testing.assert_array_equal(dots.get_offsets(), codes.numpy())
    np.testing.assert_array_equal(dots.get_array(), labels.numpy())
    shown = np.concatenate((expected.reshape(-1, 2), codes.numpy()))
    for limits, values in ((axes.get_xlim(), shown[:, 0]), (axes.get_ylim(), shown[:, 1])):
        assert limits[0] < values.min()
        assert values.max() < limits[1]
    axes.figure.canvas.draw()


def test_the_volume_is_the_geometrys(axes):
    plot_latent(GEOMETRY, draw(20, 2), axes=axes)
    (mesh,) = find(axes, QuadMesh)
    grid = torch.as_tensor(mesh.get_coordinates())  # (G, G, 2)
    assert grid.shape == (GRID, GRID, 2)
    drawn = torch.as_tensor(np.array(mesh.get_array())).view(GRID, GRID)
    volume = GEOMETRY.volume(grid)
    torch.testing.assert_close(drawn, volume.clamp(min=mesh.norm.vmin))
    assert mesh.norm.vmax / mesh.norm.vmin > 9.99


def test_indicatrices_are_level_lines_of_the_norm(axes):
    plot_latent(GEOMETRY, draw(20, 2), volume=False, indicatrices=3, axes=axes)
    assert not find(axes, QuadMesh)
    (balls,) = find(axes, PolyCollection)
    polygons = torch.as_tensor(np.stack([path.vertices[:-1] for path in balls.get_paths()]))
    assert polygons.shape == (9, ANGLES, 2)
    centres = polygons.mean(1, keepdim=True)  # symmetric: the norm is reversible
    norms = GEOMETRY.norm(centres.expand_as(polygons), polygons - centres)  # (9, A)
    torch.testing.assert_close(norms, norms[:, :1].expand_as(norms))


def test_a_direction_that_costs_nothing_leaves_lines(axes):
    geometry = Euclidean(lambda z: z[:, :1])
    plot_latent(geometry, draw(5, 2), indicatrices=2, axes=axes)
    assert not find(axes, QuadMesh)  # no volume is positive
    for balls in find(axes, PolyCollection):
        for path in balls.get_paths():
            width, height = np.ptp(path.vertices, axis=0)
            assert width < 1e-6 * height


def test_what_cannot_be_drawn_is_named(paths, axes):
    with pytest.raises(ValueError, match=r"codes have 3 latent dimensions; .*Subspace\(dims, at\)"):
        plot_latent(GEOMETRY, draw(5, 3), axes=axes)
    with pytest.raises(ValueError, match=r"nothing to draw; give codes \(n, 2\), or paths"):
        plot_latent(GEOMETRY, axes=axes)
    with pytest.raises(ValueError, match="nothing to draw"):
        plot_latent(GEOMETRY, None, paths[[]], axes=axes)
    with pytest.raises(TypeError, match="geometry is a function; expected a Geometry"):
        plot_latent(GEOMETRY.decoder, draw(5, 2), axes=axes)


def test_without_matplotlib_the_extra_is_named(paths, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"need the extra 'plot'.*latent-transport\[plot\]"):
        paths.plot()
