"""Files of modules: a round trip, and what is said of files that do not fit."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from latent_transport.models.weights import load_module, save_module
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

torch.set_num_threads(1)


def make(sizes, bias):
    return nn.Sequential(nn.Linear(*sizes, bias=bias), nn.BatchNorm1d(sizes[1]))


SHAPE = {"sizes": (3, 2), "bias": True}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "layers.safetensors"
    save_module(make(**SHAPE), path, SHAPE, {"seed": "4"})
    return path


def load(path, device="cpu"):
    return load_module(path, make, "sizes", "bias", kind="layers", device=device)


def test_a_round_trip_changes_nothing(tmp_path):
    module, path = make((3, 2), False), tmp_path / "layers.safetensors"
    module(torch.ones(5, 3) * torch.arange(5.0)[:, None])  # moves the averages
    save_module(module, path, {"sizes": (3, 2), "bias": False}, {"seed": "4"})
    assert load_metadata(path) == {"bias": "false", "seed": "4", "sizes": "[3, 2]"}
    loaded = load(path)
    assert list(loaded.state_dict()) == list(module.state_dict())
    for name, value in module.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
        assert loaded.state_dict()[name].dtype == value.dtype, name
    assert module.training
    assert not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())


def test_weights_come_onto_the_device_asked_for(path):
    assert {weight.device.type for weight in load(path, "meta").parameters()} == {"meta"}


def test_the_values_of_a_wrong_shape_are_named(path):
    arrays = load_arrays(path) | {"0.weight": np.zeros((2, 4), np.float32)}
    save_arrays(path, arrays, load_metadata(path))
    message = (
        rf"{re.escape(str(path))} holds no layers: it has 0\.weight of shape \(2, 4\); its "
        r"architecture expects \(2, 3\); give a file that save_layers wrote"
    )
    with pytest.raises(DataError, match=message):
        load(path)


def test_sizes_allocate_nothing_before_they_are_known_to_fit(path):
    size = 2**30
    save_arrays(path, load_arrays(path), {"sizes": f"[{size}, {size}]", "bias": "true"})
    with pytest.raises(DataError, match=rf"0\.weight .*expects \({size}, {size}\)"):
        load(path)


def test_a_missing_weight_is_named(path):
    arrays = load_arrays(path)
    del arrays["1.running_mean"]
    save_arrays(path, arrays, load_metadata(path))
    with pytest.raises(DataError, match=r"no array '1\.running_mean'"):
        load(path)


def test_metadata_that_lack_a_key_are_named(path):
    save_arrays(path, load_arrays(path), {"bias": "true", "seed": "4"})
    message = r"holds no layers: its metadata lack 'sizes' \(found bias, seed\); .*save_layers"
    with pytest.raises(DataError, match=message):
        load(path)


@pytest.mark.parametrize("sizes", ["{", "3", "[]", "[3]", "[-3, 2]", '["3", 2]', "[1e999, 2]"])
def test_metadata_that_make_no_module_are_shown(path, sizes):
    save_arrays(path, load_arrays(path), {"sizes": sizes, "bias": "true"})
    with pytest.raises(
        DataError, match=rf"holds no layers: .*sizes {re.escape(sizes)} and bias true"
    ):
        load(path)


def test_files_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "layers.safetensors"
    with pytest.raises(DataError, match=r"layers\.safetensors is missing"):
        load(path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(DataError, match=r"layers\.safetensors .* cannot be read"):
        load(path)
