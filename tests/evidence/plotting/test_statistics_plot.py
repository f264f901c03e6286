"""The figure of statistics shows a row of images a plane, and refuses what does not fit."""

import numpy as np
import pytest
from page_checks import check_figure

from latent_transport.evidence.plotting.statistics import plot_statistics
from latent_transport.storage import DataError, save_arrays
from workflow.scripts import plot_statistics as script


def make_plane(seed=0):
    rng = np.random.default_rng(seed)
    counts = {"latent_mean": 1, "mean": 1, "median": 1, "first": 5, "second": 5}
    images = {f"{name}_images": rng.uniform(0, 255, (n, 16)) for name, n in counts.items()}
    curves = np.stack([np.outer(np.linspace(-2, 2, 17), way) for way in ((1, 0.5), (-0.2, 0.4))])
    curves[0, :, 1] += 0.1 * curves[0, :, 0] ** 2
    plane = {
        "variance": np.array([9e4, 1e4]),
        "codes": rng.normal(size=(20, 2)),
        "coordinates": rng.normal(size=(20, 2)) * [300, 100],
        "curves": curves,
    }
    return {"deviations": np.arange(-2.0, 3.0), **plane, **images}


def test_drawn_twice_it_gives_the_same_bytes_within_the_page(tmp_path):
    planes = {f"digit{digit}": make_plane(digit) for digit in range(3)}
    check_figure(lambda: plot_statistics(planes), tmp_path)


def test_a_row_is_the_images_of_a_plane_from_left_to_right():
    planes = {"digit1": make_plane(), "digit6": make_plane(1)}
    axes = plot_statistics(planes).axes[0]
    shown = np.array([np.ravel(image.get_array()) for image in axes.images])
    names = ("latent_mean", "mean", "median", "first", "second")
    rows = [plane[f"{name}_images"] for plane in planes.values() for name in names]
    np.testing.assert_array_equal(shown, np.concatenate(rows))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["digit 1", "digit 6"]
    lefts = [image.get_extent()[0] for image in axes.images[:13]]
    assert lefts == sorted(lefts)


def test_below_are_the_codes_of_the_first_plane_and_their_logarithms():
    plane = make_plane()
    _, space, tangent = plot_statistics({"digit1": plane, "digit6": make_plane(1)}).axes
    for axes, points in ((space, "codes"), (tangent, "coordinates")):
        codes, first, second, mean = (line.get_xydata() for line in axes.lines)
        np.testing.assert_array_equal(codes, plane[points])
        half = np.diff([axes.get_xlim(), axes.get_ylim()]) / 2
        assert half[0] == pytest.approx(half[1])
        np.testing.assert_allclose(mean, [first[len(first) // 2]], atol=1e-12)
        np.testing.assert_allclose(mean, [second[len(second) // 2]], atol=1e-12)
        for shown in (codes, first, second):
            assert (shown >= [axes.get_xlim()[0], axes.get_ylim()[0]]).all()
            assert (shown <= [axes.get_xlim()[1], axes.get_ylim()[1]]).all()
    np.testing.assert_array_equal(space.lines[1].get_xydata(), plane["curves"][0])
    ends = tangent.lines[2].get_xydata()[[0, -1]]
    np.testing.assert_allclose(ends, [[0, -200], [0, 200]])


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("coordinates", None, "digit1 lacks coordinates"),
        ("coordinates", np.zeros((3, 2)), "coordinates of digit1 has shape"),
        ("curves", np.full((2, 17, 2), np.inf), "curves of digit1 are not finite"),
        ("median_images", None, "digit1 lacks median_images"),
        ("first_images", np.zeros((4, 16)), "first_images of digit1 has shape"),
        ("second_images", np.full((5, 16), np.nan), "not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, changed, message):
    plane = {key: value for key, value in make_plane().items() if key != name}
    if changed is not None:
        plane[name] = changed
    with pytest.raises(DataError, match=message):
        plot_statistics({"digit1": plane})


def test_the_script_names_planes_by_their_files(tmp_path):
    save_arrays(tmp_path / "digit3.safetensors", make_plane(), {})
    (tmp_path / "classes.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
    output = tmp_path / "a.png"
    files = ["--strips", str(tmp_path / "digit3.safetensors")]
    script.main([*files, "--classes", str(tmp_path / "classes.txt"), "--output", str(output)])
    assert output.stat().st_size > 0
