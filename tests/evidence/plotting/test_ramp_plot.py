"""The figure of the ramp shows the curves, and the pixel along them."""

import numpy as np
import pytest
from matplotlib.colors import same_color
from page_checks import check_figure

from latent_transport.evidence.plotting.ramps import plot_ramp
from latent_transport.evidence.plotting.style import BLUE, VERMILION
from latent_transport.storage import DataError

T = np.linspace(0, 1, 65)
CASES = ["large", "blurring"]


def make_curves():
    flat = np.stack((28 + 200 * T, np.full(65, 2.0)), -1)
    round_ = np.stack((128 - 100 * np.cos(np.pi * T), 2 + 70 * np.sin(np.pi * T)), -1)
    curves = {}
    for kind in ("computed", "exact"):
        curves[f"wasserstein1_{kind}"] = np.stack((flat, flat))
        curves[f"fisher-rao_{kind}"] = np.stack((round_, round_))
    return curves


def draw_ramp(curves=None, cases=CASES, strip="large"):
    return plot_ramp(curves or make_curves(), cases, shown=CASES, strip=strip)


def test_drawn_twice_it_gives_the_same_bytes_within_the_page(tmp_path):
    check_figure(draw_ramp, tmp_path)


def test_ramp_shows_the_curves_and_the_pixel():
    curves = make_curves()
    plane, *strips = draw_ramp(curves).axes
    for name, colour in (("wasserstein1", VERMILION), ("fisher-rao", BLUE)):
        drawn = [
            line.get_xydata()
            for line in plane.lines
            if same_color(line.get_color(), colour) and line.get_linestyle() == "-"
        ]
        np.testing.assert_allclose(drawn, curves[f"{name}_computed"])
    sharp, blurred = (np.asarray(axes.images[0].get_array()) for axes in strips)
    np.testing.assert_allclose(sharp.mean(0)[[0, -1]], [28, 228], atol=1)
    np.testing.assert_allclose(blurred.mean(0)[[0, -1]], [28, 228], atol=1)
    middle = sharp.shape[1] // 2
    np.testing.assert_allclose(sharp.std(0), 2, rtol=0.1)
    np.testing.assert_allclose(blurred.std(0)[middle], 72, rtol=0.1)
    assert strips[0].images[0].get_clim() == (0, 255)


def test_ramp_refuses_what_does_not_fit():
    with pytest.raises(DataError, match="no case 'small'"):
        draw_ramp(strip="small")
    curves = make_curves()
    with pytest.raises(DataError, match="no array fisher-rao_exact"):
        draw_ramp({key: value for key, value in curves.items() if key != "fisher-rao_exact"})
    with pytest.raises(DataError, match="shape"):
        draw_ramp(curves | {"wasserstein1_exact": T})
    with pytest.raises(DataError, match="not finite"):
        draw_ramp(curves | {"wasserstein1_exact": curves["wasserstein1_exact"] * np.nan})
