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
    return {"deviations": np.arange(-2.0, 3.0), **images}


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


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
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
