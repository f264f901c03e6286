"""Convolutional models: shapes, files, what is refused, and geodesics of one that was trained."""

import json

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

import latent_transport as lt
from latent_transport.datasets.sources import fetch
from latent_transport.datasets.subsets import make_subset
from latent_transport.models.loop import Schedule
from latent_transport.models.networks import ConvolutionalDecoder, ConvolutionalEncoder
from latent_transport.models.training import train_vae
from latent_transport.models.vae import VAE, Architecture, load_vae, save_vae
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

torch.set_num_threads(1)


def make_vae(**fields):
    """A small convolutional VAE with random weights, in eval mode."""
    given = {"latent_dim": 2, "data_dim": 64, "hidden": (3, 5), "kind": "conv", **fields}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VAE(Architecture(**given)).eval()


def silu(x):
    return x / (1 + np.exp(-x))


def arrays_of(module):
    return [weight.detach().double().numpy() for weight in module.parameters()]


# --- The networks ---


def test_an_encoder_is_two_strided_correlations_and_a_layer():
    torch.manual_seed(0)
    net = ConvolutionalEncoder(8, (3, 5), 4).double()
    maps = np.random.default_rng(0).normal(size=(1, 8, 8))
    image = torch.from_numpy(maps.reshape(1, -1))
    *convolutions, weight, bias = arrays_of(net)
    for kernels, offsets in zip(convolutions[::2], convolutions[1::2], strict=True):
        padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
        found = [
            sum(correlate2d(m, k, "valid") for m, k in zip(padded, kernel, strict=True)) + offset
            for kernel, offset in zip(kernels, offsets, strict=True)
        ]
        maps = silu(np.stack(found)[:, ::2, ::2])
    expected = weight @ maps.ravel() + bias
    np.testing.assert_allclose(net(image)[0].detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_a_decoder_ends_in_the_transpose_of_a_strided_correlation():
    torch.manual_seed(0)
    net = ConvolutionalDecoder(2, (3, 5), 8, 2).double()
    last = net.body[-2]
    small = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    kernels, offsets = (part.detach().numpy() for part in (last.weight, last.bias))
    spread = np.zeros((2, 10, 10))  # with a border of one pixel, which is cut off
    for before, row, column in np.ndindex(3, 4, 4):
        patch = spread[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
        patch += small[0, before, row, column].item() * kernels[before]
    expected = spread[:, 1:-1, 1:-1] + offsets[:, None, None]
    np.testing.assert_allclose(last(small)[0].detach().numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("shape", [(), (4,), (3, 2), (0,)])
def test_leading_shapes_are_kept(components, shape):
    vae = make_vae(components=components)
    z = torch.randn(*shape, 2)
    decoded = vae.decoder(z)
    assert decoded.loc.shape == (*shape, 64, components)
    assert (decoded.scale >= 0.25).all()
    posterior = vae.encoder(torch.randint(0, 256, (*shape, 64)))
    assert posterior.mean.shape == (*shape, 2)
    for index in np.ndindex(shape):
        torch.testing.assert_close(decoded.loc[index], vae.decoder(z[index]).loc)


def test_an_untrained_mixture_starts_inside_the_range_and_apart():
    decoded = make_vae(components=5).decoder(torch.zeros(2))
    assert ((decoded.loc > -60) & (decoded.loc < 280)).all()
    assert (decoded.loc.diff(dim=-1) > 10).all()


def test_forward_and_reverse_derivatives_agree():
    decoder = make_vae().double().decoder
    z = torch.randn(2, dtype=torch.float64)

    def locate(z):
        return decoder(z).loc.squeeze(-1)  # (D,)

    forward, reverse = torch.func.jacfwd(locate)(z), torch.func.jacrev(locate)(z)
    torch.testing.assert_close(forward, reverse)
    step = 1e-6 * torch.tensor([1.0, -2.0], dtype=torch.float64)
    difference = (locate(z + step) - locate(z - step)) / 2
    torch.testing.assert_close(difference, forward @ step, rtol=1e-5, atol=1e-12)


# --- What is refused ---


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data_dim": 900}, "data_dim is 900; .*side is a multiple of 4, .*kind mlp"),
        ({"data_dim": 48}, "data_dim is 48; convolutions need square images"),
        ({"hidden": (8,)}, r"hidden is \(8,\); expected the channels of two convolutions"),
        ({"hidden": (8, 8, 8)}, "expected the channels of two convolutions"),
        ({"kind": "transformer"}, "kind is 'transformer'; expected one of mlp, conv"),
        ({"kind": None}, "kind is None; expected one of mlp, conv"),
    ],
)
def test_what_does_not_fit_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        make_vae(**fields)


# --- The file ---


def test_round_trip_is_exact(tmp_path):
    vae, path = make_vae(components=2), tmp_path / "vae.safetensors"
    save_vae(vae, path, {"seed": "7"})
    loaded = load_vae(path)
    assert loaded.architecture == vae.architecture
    assert json.loads(load_metadata(path)["architecture"])["kind"] == "conv"
    z = torch.randn(4, 2)
    assert torch.equal(loaded.decoder(z).loc, vae.decoder(z).loc)


def test_files_that_tell_no_kind_are_of_perceptrons(tmp_path):
    vae, path = make_vae(kind="mlp"), tmp_path / "vae.safetensors"
    save_vae(vae, path, {})
    fields = json.loads(load_metadata(path)["architecture"])
    del fields["kind"]
    save_arrays(path, load_arrays(path), {"architecture": json.dumps(fields)})
    assert load_vae(path).architecture == vae.architecture


def test_weights_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "vae.safetensors"
    save_vae(make_vae(), path, {})
    fields = {**json.loads(load_metadata(path)["architecture"]), "kind": "mlp"}
    save_arrays(path, load_arrays(path), {"architecture": json.dumps(fields)})
    with pytest.raises(DataError, match=r"has no array 'encoder.net.0.weight'"):
        load_vae(path)


# --- Trained ---


def test_it_learns_digits_and_its_geodesics_converge(tmp_path):
    fetch(tmp_path, source="sample")
    subset = make_subset(tmp_path, [1], 0.2, 0)
    images = {
        split: torch.from_numpy(subset.of(split).images).float()
        for split in ("train", "validation", "test")
    }
    architecture = Architecture(latent_dim=2, hidden=(16, 32), kind="conv")
    schedule = Schedule(epochs=8, batch_size=32, learning_rate=0.004)
    vae, history = train_vae(
        architecture, images["train"], images["validation"], schedule=schedule, seed=0
    )
    assert history.best["validation_loss"] < 1.5  # bits per dimension; 8 of no model
    codes = vae.encoder(images["test"]).mean
    geometry = lt.Wasserstein1(vae.decoder)
    paths = lt.connecting_geodesics(geometry, codes[:6], codes[6:12])
    assert paths.converged.all()
    lines = torch.lerp(codes[:6, None], codes[6:12, None], torch.linspace(0, 1, 257)[:, None])
    assert (paths.length <= geometry.curve_length(lines) * (1 + 1e-4)).all()
    direct = geometry.curve_length(lines[:, [0, -1]])
    assert (paths.length >= direct * (1 - 1e-4)).all()
