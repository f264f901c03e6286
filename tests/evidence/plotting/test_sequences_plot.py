"""The figure of the sequences shows errors and images, and refuses what does not fit."""

import numpy as np
import pytest

from latent_transport.evidence.plotting.sequences import plot_sequences
from latent_transport.storage import DataError, save_arrays
from workflow.scripts import plot_sequences as script

PATHS = ["line", "wasserstein1", "fade"]


def make_sequence(seed=0):
    rng = np.random.default_rng(seed)
    images = {f"{row}_images": rng.uniform(0, 255, (13, 16)) for row in ("images", *PATHS)}
    errors = {f"{path}_error": rng.uniform(0, 9, (5, 13)) for path in PATHS}
    return {"fractions": np.linspace(0, 1, 13), **images, **errors}


def test_errors_are_means_and_rows_begin_with_the_truth():
    sequences = {"brightness": make_sequence(), "rotation": make_sequence(1)}
    figure = plot_sequences(sequences)
    above, below = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title() for axes in above] == ["brightness", "rotation"]
    for axes, arrays in zip(above, sequences.values(), strict=True):
        means = [arrays[f"{path}_error"].mean(0) for path in PATHS]
        np.testing.assert_allclose([line.get_ydata() for line in axes.lines], means)
    for axes, arrays in zip(below, sequences.values(), strict=True):
        assert len(axes.images) == 7 * 4
        shown = [np.ravel(image.get_array()) for image in axes.images[:7]]
        np.testing.assert_array_equal(shown, arrays["images_images"][::2])
    labels = [label.get_text() for label in below[0].get_yticklabels()]
    assert labels == ["true images", "latent line", "$W_1$", "faded"]


def test_arrays_that_do_not_fit_are_refused():
    arrays = make_sequence()
    with pytest.raises(DataError, match="no sequence"):
        plot_sequences({})
    for name, change, message in (
        ("images_images", None, "contrast lacks images_images"),
        ("line_error", arrays["line_error"][:, :5], "line_error of contrast has shape"),
        ("fade_images", arrays["fade_images"] * np.nan, "not finite"),
    ):
        changed = {key: value for key, value in arrays.items() if key != name}
        if change is not None:
            changed[name] = change
        with pytest.raises(DataError, match=message):
            plot_sequences({"contrast": changed})


def test_the_script_names_sequences_by_their_files(tmp_path):
    save_arrays(tmp_path / "contrast.safetensors", make_sequence(), {})
    output = tmp_path / "a.png"
    script.main(["--strips", str(tmp_path / "contrast.safetensors"), "--output", str(output)])
    assert output.stat().st_size > 0
