"""Runs on other images than MNIST's: their side, their classes and their names."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from sandbox import copy_repository, plan, run_snakemake, write_config
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from tiny import SETTINGS, change

pytestmark = pytest.mark.slow

CLASSES = [*"abcdefghij", "T-shirt/top", "# 7 $"]
SIDE = 12
# The last two classes are zeros and ones again, upside down.
OWN = {
    "digits": [11],
    "figures__surface_digit": 11,
    "models__all__architecture__kind": "conv",
    "models__all__architecture__hidden": [4, 8],
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with an .npz of 12 classes of images of 12 x 12 pixels, and their names."""
    folder = tmp_path_factory.mktemp("my 'images' & $more")
    digits = load_digits()
    grey = zoom(digits.images, (1, SIDE / 8, SIDE / 8), order=1)
    images = np.rint(grey / grey.max() * 255).astype(np.uint8)
    labels = digits.target
    images = np.concatenate((images, images[labels < 2, ::-1]))
    labels = np.concatenate((labels, 10 + labels[labels < 2]))
    test = np.arange(len(labels)) % 4 == 0
    arrays = {"x_train": images[~test], "y_train": labels[~test]}
    np.savez(folder / "mine.npz", **arrays, x_test=images[test], y_test=labels[test])
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    return folder


@pytest.fixture(scope="module")
def finished(images, tmp_path_factory):
    """A tiny run on them, to its end."""
    repository = copy_repository(tmp_path_factory.mktemp("own") / "repository")
    data = {"source": "folder", "folder": str(images), "validation_fraction": 0.2}
    config = write_config(repository, change(SETTINGS, data=data, **OWN))
    done = run_snakemake(repository, "--cores", "2", "--configfile", config)
    assert done.returncode == 0, done.stdout
    return repository, config


def test_every_stage_takes_the_side_and_the_classes_of_the_data(finished):
    results = finished[0] / "results" / "tiny"
    every = load_file(results / "data" / "all.safetensors")
    assert every["images"].shape[1] == SIDE**2
    assert np.unique(every["labels"]).tolist() == list(range(12))
    assert set(load_file(results / "data" / "digit11.safetensors")["labels"]) == {11}
    paths = load_file(results / "paths" / "all.safetensors")
    assert paths["geodesic"].shape == (2, 3, SIDE**2)
    models = pd.read_csv(results / "tables" / "models.csv").set_index("model")
    assert models.loc["all", "digits"] == " ".join(map(str, range(12)))
    assert np.isfinite(models["bits_per_dim"]).all()
    for name in ("figure1", "figure2", "figure3", "figure4", "training"):
        assert (results / "figures" / f"{name}.pdf").is_file()
    assert (results / "paper" / "optimal-latent-transport.pdf").is_file()


def test_words_of_the_manuscript_have_the_names(finished):
    words = json.loads((finished[0] / "results" / "tiny" / "numbers.json").read_text())["words"]
    assert words["data"] == "images of one's own"
    assert words["models"]["digit10"].replace("\\", "") == "T-shirt/top"
    assert words["models"]["all"] == "all classes"


def test_an_edit_of_the_data_makes_all_of_it_anew(finished, images, tmp_path):
    repository, config = finished
    assert plan(repository, "--configfile", config) == {}
    shutil.copytree(images, tmp_path / "kept")
    (images / "classes.txt").write_text("\n".join(["A", *CLASSES[1:]]))
    jobs = plan(repository, "--configfile", config)
    shutil.copytree(tmp_path / "kept", images, dirs_exist_ok=True)
    assert jobs["fetch"] == 1


def test_a_side_that_convolutions_do_not_halve_twice_is_told(finished, images, tmp_path):
    repository, _ = finished
    with np.load(images / "mine.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    cut = {name: a[:, :10, :10] if a.ndim == 3 else a for name, a in arrays.items()}
    np.savez(tmp_path / "mine.npz", **cut)
    data = {"source": "folder", "folder": str(tmp_path), "validation_fraction": 0.2}
    folders = {name: f"results/cut/{name}" for name in SETTINGS["pathvars"]}
    settings = change(SETTINGS, data=data, pathvars=folders, **OWN)
    config = write_config(repository, settings)
    target = "results/cut/results/models/all/vae.safetensors"
    done = run_snakemake(repository, target, "--cores", "1", "--configfile", config)
    assert done.returncode != 0
    log = (repository / "results/cut/logs/train_vae/all.log").read_text()
    assert "data_dim is 100; convolutions need square images whose side is a multiple of 4" in log
    assert "Traceback" not in log


def test_fashion_mnist_runs_by_its_config(finished):
    jobs = plan(finished[0], "all", "--configfile", "config/fashion.yaml")
    assert jobs["train_vae"] >= 11
    assert jobs["compile_paper"] == 1
