"""Figures: they show what they were given, alike every time, and refuse what does not fit."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import same_color
from matplotlib.contour import ContourSet
from PIL import Image
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from latent_transport.datasets.catalogue import DATA_SETS
from latent_transport.datasets.classes import write_classes
from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.curves import Curves
from latent_transport.evidence.plotting.images import plot_image_path, plot_image_paths
from latent_transport.evidence.plotting.indicatrices import plot_indicatrices
from latent_transport.evidence.plotting.spaces import (
    LatentSpace,
    draw_curve_pairs,
    plot_latent_spaces,
)
from latent_transport.evidence.plotting.style import VERMILION, save_figure
from latent_transport.evidence.plotting.surfaces import plot_geodesic_and_chord
from latent_transport.evidence.plotting.training import plot_histories
from latent_transport.evidence.plotting.views import choose_view, find_visible, make_view
from latent_transport.storage import DataError, save_arrays, save_table

ROOT = Path(__file__).parents[3]
T = np.linspace(0, 1, 33)[:, None]


def make_space(title="digit 0", curves=3, seed=0):
    """A spiral of codes, a smooth volume and bent curves."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 5, 400)
    codes = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1) / 2
    codes += 0.15 * rng.standard_normal(codes.shape)
    x, y = np.linspace(-3, 3, 17), np.linspace(-2.5, 2.5, 13)
    volume = np.exp(2 * np.sin(x)[None, :] + np.cos(y)[:, None] + 8)
    ends = codes[rng.integers(len(codes), size=(curves, 2))]
    bend = rng.standard_normal((curves, 1, 2)) * np.sin(np.pi * T)
    points = ends[:, :1] + T * (ends[:, 1:] - ends[:, :1]) + 0.3 * bend
    return LatentSpace(title, x, y, volume, codes, points)


def make_geodesics(far=10, random=10):
    kinds = ["random"] * random + ["far"] * far
    return pd.DataFrame({"pair": np.arange(len(kinds)), "kind": kinds})


def make_field(size=25):
    """A paraboloid: the straight latent line runs over its top, the chord beneath it."""
    x = np.linspace(-1, 1, size)
    grid = np.stack(np.meshgrid(x, x), axis=-1)
    line = np.concatenate([-0.8 + 1.6 * T, 0 * T], axis=1)
    geodesic = line + np.concatenate([0 * T, 0.4 * np.sin(np.pi * T)], axis=1)

    def lift(z):
        return 100 * np.concatenate([z, 0.8 - (z**2).sum(axis=-1, keepdims=True)], axis=-1)

    return {
        "x": x,
        "y": x,
        "volume": 1e4 * (1 + (grid**2).sum(axis=-1)),
        "excursion": np.linalg.norm(grid, axis=-1),
        "surface": lift(grid),
        "geodesic": geodesic,
        "line": line,
        "surface_geodesic": lift(geodesic),
        "surface_line": lift(line),
        "surface_chord": lift(geodesic)[[0, -1]],
    }


def make_indicatrices(size=5, angles=16):
    """Ellipses of W2 twice as wide as high, in those of W1, larger to the right."""
    angle = 2 * np.pi * np.arange(angles) / angles
    places = np.linspace(-2, 2, size)
    points = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    sizes = 1e-3 * np.exp(points[:, :1] / 4)[..., None]  # (n, 1, 1)
    shape = np.stack([np.cos(angle), np.sin(angle) / 2], axis=-1)
    return {
        "points": points,
        "wasserstein1": sizes * shape,
        "wasserstein2": 0.4 * sizes * shape,
        "departure": np.full(len(points), 1.2e-3),
    }


def make_paths(pairs=3, between=5, seed=0):
    digits = load_digits()
    images = zoom(digits.images[:40], (1, 3.5, 3.5), order=1) / 16 * 255  # (40, 28, 28)
    chosen = np.random.default_rng(seed).integers(40, size=(pairs, 2))
    ends = images[chosen].reshape(pairs, 2, 784).astype(np.uint8)
    weight = (np.arange(1, between + 1) / (between + 1))[:, None]
    mixed = ((1 - weight) * ends[:, :1] + weight * ends[:, 1:]).astype(np.float32)
    return {
        "ends": ends,
        "geodesic": np.minimum(255, mixed * 1.2),
        "line": mixed * 0.9,
        "interpolation": mixed,
        "labels": digits.target[chosen].astype(np.uint8),
    }


def make_history(epochs=12, best=8):
    epoch = np.arange(1, epochs + 1)
    validation = 1 + 0.01 * (epoch - best) ** 2
    return pd.DataFrame({"epoch": epoch, "train_loss": 3 / epoch, "validation_loss": validation})


FIGURES = {
    "geodesic and chord": lambda: plot_geodesic_and_chord(make_field(), make_space().codes / 3),
    "indicatrices": lambda: plot_indicatrices(
        make_indicatrices(), make_field(), make_space().codes
    ),
    "latent spaces": lambda: plot_latent_spaces([make_space()]),
    "image path": lambda: plot_image_path(make_paths()),
    "image paths": lambda: plot_image_paths(make_paths()),
    "histories": lambda: plot_histories({"digit 0": make_history()}),
}


def panels(figure):
    """The figure's axes, colour bars excluded."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def curves_of(axes, colour=VERMILION):
    """Lines of a colour with more than two points."""
    return [
        line.get_xydata()
        for line in axes.lines
        if same_color(line.get_color(), colour) and len(line.get_xydata()) > 2
    ]


def tiles_of(axes):
    """Images of a strip, as {(row from the top, place from the left): pixels}."""
    boxes = [image.get_extent() for image in axes.images]
    lefts = sorted({round(box[0], 9) for box in boxes})
    tops = sorted({round(box[3], 9) for box in boxes}, reverse=True)
    return {
        (tops.index(round(box[3], 9)), lefts.index(round(box[0], 9))): image.get_array()
        for box, image in zip(boxes, axes.images, strict=True)
    }


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_saved_twice_gives_the_same_bytes(name, tmp_path):
    figure = FIGURES[name]()
    for saved, drawn in (("first", figure), ("second", figure), ("drawn again", FIGURES[name]())):
        save_figure(drawn, *(tmp_path / f"{saved}{suffix}" for suffix in (".pdf", ".png", ".svg")))
    for suffix in (".pdf", ".png", ".svg"):
        first = (tmp_path / f"first{suffix}").read_bytes()
        assert (tmp_path / f"second{suffix}").read_bytes() == first
        assert (tmp_path / f"drawn again{suffix}").read_bytes() == first


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_runs_off_the_page_or_into_the_legend(name):
    figure = FIGURES[name]()
    renderer = FigureCanvasAgg(figure).get_renderer()
    tight, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    assert tight.min.min() > -0.01
    assert tight.x1 < width + 0.01
    assert tight.y1 < height + 0.01
    titles = [axes.title.get_window_extent(renderer) for axes in panels(figure)]
    legends = [legend.get_window_extent(renderer) for legend in figure.legends]
    assert not any(title.overlaps(legend) for title in titles for legend in legends)


def test_a_png_is_as_wide_as_the_page_and_light(tmp_path):
    spaces = [make_space(f"digit {digit}", seed=digit) for digit in range(10)]
    save_figure(plot_latent_spaces(spaces), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == 1100
        assert image.getpixel((0, 0)) == (255, 255, 255)
    assert (tmp_path / "a.png").stat().st_size < 400_000


def test_pdf_embeds_truetype_and_names_no_date(tmp_path):
    save_figure(FIGURES["histories"](), tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content


@pytest.mark.parametrize("paths", [(), ("a.gif",), ("a.pdf", "b")])
def test_unknown_formats_are_refused_before_anything_is_written(paths, tmp_path):
    figure = FIGURES["histories"]()
    with pytest.raises(DataError, match=r"path|\.pdf, \.png, \.svg"):
        save_figure(figure, *(tmp_path / path for path in paths))
    assert not list(tmp_path.iterdir())


def test_plotting_and_its_scripts_do_without_torch():
    modules = ["latent_transport.evidence.plotting"] + [
        f"workflow.scripts.plot_{name}"
        for name in ("figure1", "figure2", "indicatrices", "paths", "training")
    ]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0


def test_import_changes_no_process_wide_setting():
    code = """
import logging
import matplotlib as mpl
fonts, before = logging.getLogger("fontTools"), dict(mpl.rcParams)
import latent_transport.evidence.plotting as plotting
for name in plotting.__all__:
    getattr(plotting, name)
assert fonts.level == logging.NOTSET
assert dict(mpl.rcParams) == before
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


# Latent spaces


@pytest.mark.parametrize("count", [1, 3, 7, 10])
def test_every_latent_space_has_a_panel(count):
    spaces = [make_space(f"digit {digit}", seed=digit) for digit in range(count)]
    figure = plot_latent_spaces(spaces)
    assert [axes.get_title() for axes in panels(figure)] == [space.title for space in spaces]
    assert len(figure.axes) == count + 1  # one colour bar for all


def window_of(axes):
    """Lower left and upper right corner of what a panel shows."""
    return np.transpose([axes.get_xlim(), axes.get_ylim()])


def holds(window, points):
    points = np.reshape(points, (-1, 2))
    return ((window[0] < points) & (points < window[1])).all()


def test_panels_are_squares_of_the_curves_given_and_nearly_all_codes():
    spaces = [make_space(f"digit {digit}", seed=digit) for digit in range(3)]
    for axes, space in zip(panels(plot_latent_spaces(spaces)), spaces, strict=True):
        np.testing.assert_array_equal(curves_of(axes), space.curves)
        window = window_of(axes)
        assert holds(window, space.curves)
        assert holds(window, np.quantile(space.codes, (0.005, 0.995), axis=0))
        assert np.ptp(np.diff(window, axis=0)) == pytest.approx(0)


def show_window(**changes):
    (axes,) = panels(plot_latent_spaces([LatentSpace(**vars(make_space()) | changes)]))
    return window_of(axes)


def test_codes_far_out_do_not_shrink_the_others():
    codes = make_space().codes
    window = show_window()
    outlier = show_window(codes=np.concatenate([codes, [[90, -90]]]))
    np.testing.assert_allclose(outlier, window, atol=0.1)
    # Not so the end of a curve.
    assert holds(show_window(curves=np.array([[[0, 0], [9.0, 0]]])), [9, 0])


def test_a_panel_slides_into_the_grid_to_have_a_background_everywhere():
    wide = {"codes": make_space().codes * [1, 0.2], "curves": make_space().curves * [1, 0.2]}
    x = np.linspace(-8, 8, 17)
    free = show_window(**wide, x=x, y=np.linspace(-8, 8, 13))
    slid = show_window(**wide, x=x, y=np.linspace(free[0, 1] + 0.5, 8, 13))
    np.testing.assert_allclose(slid - free, [[0, 0.5], [0, 0.5]], atol=1e-12)
    small = show_window(**wide, x=x, y=np.linspace(-0.9, 0.7, 13))  # too small in any case
    assert holds(small, wide["curves"])
    assert np.ptp(np.diff(small, axis=0)) == pytest.approx(0)


def test_ends_tell_the_kinds_of_pairs_apart():
    space = make_space()
    far = np.array([True, False, False])
    (axes,) = panels(plot_latent_spaces([LatentSpace(**vars(space) | {"far": far})]))
    for marker, chosen in (("s", far), ("o", ~far)):
        ends = [line.get_xydata() for line in axes.lines if line.get_marker() == marker]
        expected = space.curves[chosen][:, [0, -1]].reshape(-1, 2)
        np.testing.assert_array_equal(ends[-1], expected)


def test_the_boundary_of_the_region_is_where_the_excursion_is_one():
    space = make_space()
    x, y = np.meshgrid(space.x, space.y)
    excursion = np.hypot(x, y) / 2
    (axes,) = panels(plot_latent_spaces([LatentSpace(**vars(space) | {"excursion": excursion})]))
    (boundary,) = (part for part in axes.collections if isinstance(part, ContourSet))
    radius = np.linalg.norm(boundary.get_paths()[0].vertices, axis=1)
    np.testing.assert_allclose(radius, 2, rtol=0.02)


def test_all_panels_share_one_colour_scale():
    quiet, loud = make_space("a"), make_space("b")
    loud = LatentSpace("b", loud.x, loud.y, 50 * loud.volume, loud.codes, loud.curves)
    first, second = (axes.collections[0] for axes in panels(plot_latent_spaces([quiet, loud])))
    assert first.norm.vmin == second.norm.vmin < quiet.volume.mean()
    assert first.norm.vmax == second.norm.vmax > 20 * quiet.volume.mean()


def test_a_flat_space_is_drawn_in_one_colour():
    space = make_space()
    flat = LatentSpace("flat", space.x, space.y, 0 * space.volume + 7, space.codes, space.curves)
    (axes,) = panels(plot_latent_spaces([flat]))
    norm = axes.collections[0].norm
    assert norm.vmax / norm.vmin == pytest.approx(10)


@pytest.mark.parametrize(("count", "far"), [(1, 0), (2, 1), (7, 3), (20, 10)])
def test_half_of_the_drawn_pairs_are_far(count, far):
    table = make_geodesics()
    drawn = draw_curve_pairs(table, count, seed=4)
    assert len(set(drawn)) == count
    assert (table.set_index("pair").loc[drawn, "kind"] == "far").sum() == far


def test_the_other_kind_fills_up_where_one_runs_out():
    for table in (make_geodesics(far=1), make_geodesics(random=1)):
        assert len(set(draw_curve_pairs(table, 8, seed=0))) == 8


def test_the_draw_depends_on_the_seed_but_not_on_the_order_or_the_results():
    table = make_geodesics()
    drawn = draw_curve_pairs(table, 6, seed=1)
    shuffled = table.sample(frac=1, random_state=0).assign(length=1.0)
    np.testing.assert_array_equal(draw_curve_pairs(shuffled, 6, seed=1), drawn)
    others = [tuple(draw_curve_pairs(table, 6, seed=seed)) for seed in range(20)]
    assert len(set(others)) > 10


@pytest.mark.parametrize(
    ("table", "count", "message"),
    [
        (make_geodesics(), 0, "at least one"),
        (make_geodesics(), 21, "10 far and 10 random"),
        (make_geodesics().drop(columns="kind"), 2, "kind"),
        (make_geodesics(0, 0), 2, "no rows"),
    ],
)
def test_draws_that_cannot_be_made_are_refused(table, count, message):
    with pytest.raises(DataError, match=message):
        draw_curve_pairs(table, count, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volume": np.ones((17, 13))}, r"volume of digit 0 has shape \(17, 13\).*\(13, 17\)"),
        ({"codes": np.ones((5, 30))}, r"codes of digit 0 has shape"),
        ({"curves": np.ones((0, 33, 2))}, "no curves"),
        ({"curves": np.ones((33, 2))}, "curves of digit 0 has shape"),
        ({"far": np.ones(2, bool)}, "far of digit 0 has shape"),
        ({"excursion": np.ones((17, 13))}, "excursion of digit 0 has shape"),
        ({"volume": np.zeros((13, 17))}, "nowhere positive"),
        ({"codes": np.array([[0, np.nan]])}, "1 of the 2 values of codes"),
    ],
)
def test_parts_of_a_space_that_do_not_fit_are_refused(change, message):
    space = vars(make_space())
    with pytest.raises(DataError, match=message):
        LatentSpace(**space | change)


def test_no_latent_space_is_refused():
    with pytest.raises(DataError, match="no latent space"):
        plot_latent_spaces([])


# Indicatrices


def shapes_of(axes):
    """Outlines of the drawn indicatrices, of W1 and of W2."""
    first, second = (part for part in axes.collections if isinstance(part, PolyCollection))
    return [np.array([path.vertices[:-1] for path in part.get_paths()]) for part in (first, second)]


def test_indicatrices_stand_at_their_points_at_the_scale_the_title_names():
    given, codes = make_indicatrices(), make_space().codes
    (axes,) = panels(plot_indicatrices(given, make_field(), codes))
    radius = float(re.search(r"\\leq ([\d.]+)\$ grey levels", axes.get_title()).group(1))
    inhabited = [
        index
        for index, point in enumerate(given["points"])
        if (np.abs(codes - point).max(axis=1) <= 0.5).any()  # cells are 1 wide
    ]
    assert 5 < len(inhabited) < 25
    points = given["points"][inhabited, None]
    for name, shapes in zip(("wasserstein1", "wasserstein2"), shapes_of(axes), strict=True):
        np.testing.assert_allclose(shapes, points + radius * given[name][inhabited])
    reach = np.abs(shapes_of(axes)[0] - points).max()
    assert 0.42 < reach <= 0.48  # the largest almost fills its cell


def test_departure_from_ellipses_is_named_and_never_rounded_down():
    (axes,) = panels(FIGURES["indicatrices"]())
    assert axes.get_title().endswith("ellipses to within 0.2 %")
    none = make_indicatrices() | {"departure": np.zeros(25)}
    (axes,) = panels(plot_indicatrices(none, make_field(), make_space().codes))
    assert axes.get_title().endswith("within 0 %")


def test_indicatrices_far_from_all_codes_are_left_out_whatever_they_are():
    given = make_indicatrices()
    given["wasserstein1"][24] = np.inf  # the corner (2, 2)
    codes = np.array([[-2.0, -2], [0, 0], [9, 9]])
    (axes,) = panels(plot_indicatrices(given, make_field(), codes))
    assert len(shapes_of(axes)[0]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((25, 3))}, "points of the indicatrices has shape"),
        ({"points": np.zeros((25, 2))}, "1 different x and 1 different y"),
        ({"wasserstein1": np.zeros((24, 16, 2))}, "wasserstein1 of the indicatrices has shape"),
        ({"wasserstein2": np.full((25, 16, 2), np.inf)}, "wasserstein2 .* not finite"),
        ({"departure": np.zeros(24)}, "departure of the indicatrices has shape"),
        ({"points": make_indicatrices()["points"] + 50}, "no point .* has codes nearby"),
    ],
)
def test_indicatrices_that_do_not_fit_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        plot_indicatrices(make_indicatrices() | change, make_field(), make_space().codes)


# The geodesic and the chord


def test_what_lies_behind_a_surface_is_hidden():
    x = np.linspace(-1, 1, 20)
    plane = np.stack([*np.meshgrid(x, x), np.zeros((20, 20))], axis=-1)
    points = np.array([[0, 0, 0.5], [0, 0, -0.5], [0.3, 0.2, 0]])
    above, below = make_view(0.3, 1.2), make_view(0.3, -1.2)
    np.testing.assert_array_equal(find_visible(points, plane, above), [True, False, True])
    np.testing.assert_array_equal(find_visible(points, plane, below), [False, True, True])


def test_views_are_rotations():
    for azimuth, elevation in [(0, 0), (1.0, 0.5), (4.0, -1.0)]:
        view = make_view(azimuth, elevation)
        np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(view) == pytest.approx(1)
    np.testing.assert_allclose(make_view(0, 0), [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-12)


def test_the_chosen_view_shows_curve_and_chord_apart():
    field = make_field()
    ends, curve = field["surface_chord"], field["surface_geodesic"]
    view = choose_view(field["surface"], curve, ends)
    (start, end), drawn = ends @ view[:2].T, curve @ view[:2].T
    along = (end - start) / np.linalg.norm(end - start)
    gap = np.abs((drawn - start) @ [-along[1], along[0]]).max()
    widest = 100 * np.hypot(0.4, 0.64 - 0.16)  # midway, the curve's distance from the chord
    assert gap > 0.5 * widest
    assert find_visible(curve, field["surface"], view).mean() > 0.8


def test_geodesic_and_chord_are_drawn_from_end_to_end():
    field = make_field()
    left, right = panels(plot_geodesic_and_chord(field, make_space().codes / 3))
    np.testing.assert_array_equal(curves_of(right)[0], field["geodesic"])
    view = choose_view(field["surface"], field["surface_geodesic"], field["surface_chord"])
    np.testing.assert_allclose(curves_of(left)[0], field["surface_geodesic"] @ view[:2].T)
    written = [text.get_text() for text in left.texts]
    assert written == [r"$\gamma$", r"$\ell$"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surface": np.ones((24, 25, 3))}, r"surface has shape \(24, 25, 3\)"),
        ({"surface_geodesic": np.ones((33, 2))}, "surface_geodesic has shape"),
        ({"surface_chord": np.ones((2, 3))}, "coincide"),
        ({"surface_line": np.full((33, 3), np.inf)}, "99 of the 99 values of surface_line"),
    ],
)
def test_fields_that_do_not_fit_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        plot_geodesic_and_chord(make_field() | change, make_space().codes)


# Images


@pytest.mark.parametrize(
    "rows", [("geodesic", "interpolation"), ("geodesic", "line", "interpolation")]
)
def test_a_strip_shows_the_images_given_between_the_data_sets_own(rows):
    paths = make_paths(between=5)
    (axes,) = panels(plot_image_path(paths, 1, rows=rows))
    tiles = tiles_of(axes)
    assert len(tiles) == 7 * len(rows)
    for line, row in enumerate(rows):
        np.testing.assert_array_equal(tiles[line, 0].ravel(), paths["ends"][1, 0])
        np.testing.assert_array_equal(tiles[line, 6].ravel(), paths["ends"][1, 1])
        for number in range(5):
            np.testing.assert_array_equal(tiles[line, number + 1].ravel(), paths[row][1, number])
    assert len(axes.patches) == 2 * len(rows)  # frames around the ends
    assert all(image.get_clim() == (0, 255) for image in axes.images)


def test_the_confidence_stands_beside_its_row():
    paths = make_paths()
    confidence = {"line": np.array([1.0, 0.975, 0.2]), "interpolation": np.array([0.5, 0.06, 0.7])}
    rows = ("line", "interpolation")
    (axes,) = panels(plot_image_path(paths, 1, rows=rows, confidence=confidence))
    texts = axes.texts
    assert [text.get_text() for text in texts] == [".97", ".06"]
    assert texts[0].get_position()[1] > texts[1].get_position()[1]
    assert all(text.get_position()[0] > 1 for text in texts)
    figure = plot_image_paths(paths, rows=rows, confidence=confidence)
    assert [axes.texts[0].get_text() for axes in panels(figure)] == ["1.00", ".97", ".20"]
    with pytest.raises(DataError, match="no array 'line'"):
        plot_image_path(paths, rows=rows, confidence={})


def test_tiles_stand_at_their_fraction_of_the_path():
    (axes,) = panels(plot_image_path(make_paths(between=4)))
    centres = {round(sum(image.get_extent()[:2]) / 2, 6) for image in axes.images}
    assert sorted(centres) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])


@pytest.mark.parametrize("pairs", [1, 8, 9])
def test_every_pair_has_a_strip_named_by_its_labels(pairs):
    paths = make_paths(pairs)
    figure = plot_image_paths(paths)
    assert [axes.get_title() for axes in panels(figure)] == [
        rf"{first} $\rightarrow$ {last}" for first, last in paths["labels"]
    ]
    for axes, ends in zip(panels(figure), paths["ends"], strict=True):
        np.testing.assert_array_equal(tiles_of(axes)[0, 0].ravel(), ends[0])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"ends": np.zeros((0, 2, 784))}, {}, "no pairs"),
        ({"ends": np.zeros((3, 784))}, {}, "ends of the paths has shape"),
        ({"ends": np.zeros((3, 2, 783))}, {}, "783 pixels"),
        ({"interpolation": np.zeros((3, 4, 784))}, {}, "interpolation of the paths has shape"),
        ({"geodesic": np.full((3, 5, 784), np.nan)}, {}, "not finite"),
        ({}, {"rows": ("geodesic", "spline")}, "choose at least one of"),
        ({}, {"rows": ()}, "choose at least one of"),
    ],
)
@pytest.mark.parametrize("plot", [plot_image_path, plot_image_paths])
def test_paths_that_do_not_fit_are_refused(plot, change, options, message):
    with pytest.raises(DataError, match=message):
        plot(make_paths() | change, **options)


def test_missing_arrays_and_pairs_are_named():
    paths = make_paths()
    with pytest.raises(DataError, match="pair 3 asked for; there are 3"):
        plot_image_path(paths, 3)
    del paths["line"]
    with pytest.raises(DataError, match="no array 'line'"):
        plot_image_path(paths, rows=("geodesic", "line"))


# Training


def test_every_history_has_a_panel_that_marks_its_best_epoch():
    histories = {f"digit {digit}": make_history(best=3 + digit) for digit in range(5)}
    figure = plot_histories(histories)
    for digit, axes in enumerate(panels(figure)):
        train, validation, mark = (line.get_xydata() for line in axes.lines)
        history = histories[axes.get_title()]
        np.testing.assert_array_equal(train, history[["epoch", "train_loss"]])
        np.testing.assert_array_equal(validation, history[["epoch", "validation_loss"]])
        np.testing.assert_array_equal(mark, [[3 + digit, 1]])
        assert f"1.000 at epoch {3 + digit}" in [text.get_text() for text in axes.texts]
    assert len(panels(figure)) == 5


@pytest.mark.parametrize(
    ("histories", "message"),
    [
        ({}, "no training history"),
        ({"all": make_history().drop(columns="train_loss")}, "history of all lacks .* train_loss"),
        ({"all": make_history().iloc[:0]}, "no rows"),
        ({"all": make_history().assign(train_loss=np.nan)}, "not finite"),
    ],
)
def test_histories_that_cannot_be_drawn_are_refused(histories, message):
    with pytest.raises(DataError, match=message):
        plot_histories(histories)


# Scripts


CLOTHES = DATA_SETS["fashion-mnist"].classes


def run_script(name, *arguments):
    sys.path.insert(0, str(ROOT))
    try:
        script = importlib.import_module(f"workflow.scripts.{name}")
    finally:
        sys.path.remove(str(ROOT))
    script.main([str(argument) for argument in arguments])


@pytest.fixture
def results(tmp_path):
    field, paths = make_field(), make_paths()
    points = np.stack([make_space(curves=20, seed=seed).curves for seed in range(2)])
    save_arrays(tmp_path / "field.safetensors", field, {})
    save_arrays(tmp_path / "paths.safetensors", paths, {})
    save_arrays(tmp_path / "indicatrices.safetensors", make_indicatrices(), {})
    mean = make_space().codes
    rows = {name: np.zeros(len(mean), np.uint8) for name in ("labels", "indices", "split")}
    Codes(mean, np.ones_like(mean), **rows).save(tmp_path / "codes.safetensors")
    save_table(make_geodesics(), tmp_path / "geodesics.csv")
    save_table(make_history(), tmp_path / "history.csv")
    write_classes(tmp_path / "classes.txt", CLOTHES)
    for number in range(2):
        t = np.linspace(0, 1, points.shape[2])
        Curves(np.arange(20), t, points[number]).save(tmp_path / f"curves{number}.safetensors")
    return tmp_path


def figure2_arguments(results, models=("digit4", "digit7")):
    return [
        "--models", *models,
        "--fields", *[results / "field.safetensors"] * 2,
        "--codes", *[results / "codes.safetensors"] * 2,
        "--geodesics", *[results / "geodesics.csv"] * 2,
        "--curves", results / "curves0.safetensors", results / "curves1.safetensors",
        "--classes", results / "classes.txt", "--pairs", 6, "--seed", 11,
        "--output", results / "figure2.pdf", results / "figure2.png",
    ]  # fmt: skip


def test_scripts_write_their_figures(results):
    field, codes = results / "field.safetensors", results / "codes.safetensors"
    paths, history = results / "paths.safetensors", results / "history.csv"
    classes = results / "classes.txt"
    runs = {
        "figure1": ["--field", field, "--codes", codes],
        "indicatrices": [
            *("--indicatrices", results / "indicatrices.safetensors"),
            *("--field", field, "--codes", codes),
        ],
        "paths": [
            *("--paths", paths, "--pairs", "others"),
            *("--rows", "geodesic", "line", "interpolation", "--classes", classes),
        ],
        "training": [
            *("--models", "digit1", "all", "--histories", history, history),
            *("--classes", classes),
        ],
    }
    for name, arguments in runs.items():
        run_script(f"plot_{name}", *arguments, "--output", results / f"{name}.svg")
        assert (results / f"{name}.svg").read_text().startswith("<?xml")
    run_script("plot_figure2", *figure2_arguments(results))
    assert (results / "figure2.pdf").read_bytes().startswith(b"%PDF")
    assert (results / "figure2.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def saved_figures(monkeypatch):
    """Figures handed to the scripts' save_figure, in place of files."""
    figures = []
    monkeypatch.syspath_prepend(str(ROOT))
    for name in ("figure2", "paths"):
        script = importlib.import_module(f"workflow.scripts.plot_{name}")
        monkeypatch.setattr(script, "save_figure", lambda figure, *_: figures.append(figure))
    return figures


def test_figure2_draws_exactly_the_curves_the_seed_selects(results, saved_figures):
    run_script("plot_figure2", *figure2_arguments(results))
    drawn = draw_curve_pairs(make_geodesics(), 6, seed=11)
    (figure,) = saved_figures
    assert [axes.get_title() for axes in panels(figure)] == ["Coat", "Sneaker"]
    for seed, axes in enumerate(panels(figure)):
        expected = make_space(curves=20, seed=seed).curves[drawn]
        np.testing.assert_array_equal(curves_of(axes), expected)


def test_figure4_shows_the_pairs_that_figure3_does_not(results, saved_figures):
    for pairs in ("first", "others"):
        files = ["--paths", results / "paths.safetensors", "--classes", results / "classes.txt"]
        run_script("plot_paths", *files, "--pairs", pairs, "--output", "a.pdf")
    strips = [axes for figure in saved_figures for axes in panels(figure)]
    shown = [tiles_of(axes)[0, 0].ravel() for axes in strips]
    np.testing.assert_array_equal(shown, make_paths()["ends"][:, 0])
    assert [len(panels(figure)) for figure in saved_figures] == [1, 2]
    names = [[CLOTHES[label] for label in pair] for pair in make_paths()["labels"][1:]]
    titles = [axes.get_title() for axes in panels(saved_figures[1])]
    assert titles == [rf"{first} $\rightarrow$ {last}" for first, last in names]


def test_scripts_ask_for_as_many_files_as_models(results):
    with pytest.raises(DataError, match="--fields names 2 files for 1 models"):
        run_script("plot_figure2", *figure2_arguments(results, models=["digit4"]))
