"""The VAE: shapes and ranges of its distributions, the ELBO's terms, and its file."""

import json
import math
import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import logistic
from torch.distributions import Independent, Normal, kl_divergence

from latent_transport.models.vae import VAE, Architecture, Decoder, load_vae, save_vae
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

torch.set_num_threads(1)

PROPERTY = settings(deadline=None, derandomize=True, max_examples=25)


def make_vae(seed: int = 0, **fields) -> VAE:
    """A small VAE with random weights, in eval mode."""
    architecture = Architecture(**{"latent_dim": 2, "data_dim": 12, "hidden": (8, 6), **fields})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VAE(architecture).eval()


def make_images(count: int, dims: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, dims), generator=generator)


# --- Encoder and decoder ---


@pytest.mark.parametrize("components", [1, 5])
@pytest.mark.parametrize("shape", [(), (4,), (3, 4)])
def test_decoder_maps_points_to_one_distribution_a_pixel(components, shape):
    decoder = make_vae(components=components).decoder
    distribution = decoder(torch.randn(*shape, 2))
    assert distribution.batch_shape == (*shape, 12)
    for parameter in (distribution.logits, distribution.loc, distribution.scale):
        assert parameter.shape == (*shape, 12, components)
    assert distribution.components == components


@pytest.mark.parametrize("components", [1, 5])
@PROPERTY
@given(
    seed=st.integers(0, 1000),
    spread=st.sampled_from([0.1, 1.0, 100.0]),
    min_scale=st.sampled_from([0.25, 3.0]),
)
def test_decoder_stays_in_range_wherever_it_is_asked(components, seed, spread, min_scale):
    decoder = make_vae(seed, components=components, min_scale=min_scale).decoder
    generator = torch.Generator().manual_seed(seed)
    distribution = decoder(spread * torch.randn(20, 2, generator=generator))
    assert (distribution.scale >= min_scale).all()
    assert ((distribution.mean >= 0) & (distribution.mean <= 255.001)).all()  # a sum in float32
    assert torch.isfinite(distribution.log_prob(make_images(20))).all()
    torch.testing.assert_close(distribution.probs.sum(-1), torch.ones(20, 12))


@pytest.mark.parametrize("components", [1, 5])
def test_an_untrained_decoder_starts_inside_the_range_of_the_levels(components):
    distribution = make_vae(components=components).decoder(torch.zeros(2))
    assert ((distribution.loc > -30) & (distribution.loc < 255)).all()


def test_components_of_an_untrained_mixture_differ():
    distribution = make_vae(components=5).decoder(torch.zeros(2))
    assert (distribution.loc.diff(dim=-1) > 10).all()


@pytest.mark.parametrize("components", [1, 5])
def test_decoder_needs_shapes_only(components):
    decoder = make_vae(components=components).decoder.to("meta")
    distribution = decoder(torch.empty(7, 2, device="meta"))
    assert distribution.loc.device.type == "meta"
    assert distribution.mean.shape == (7, 12)


def test_decoder_mirrors_the_encoder():
    vae = make_vae(hidden=(8, 6), components=3)
    widths = [layer.out_features for layer in vae.decoder.net if hasattr(layer, "out_features")]
    assert widths == [6, 8, 3 * 3 * 12]


def test_encoder_reads_bytes_as_it_reads_floats():
    encoder, images = make_vae().encoder, make_images(5)
    posterior = encoder(images.to(torch.uint8))
    assert posterior.batch_shape == (5,)
    assert posterior.event_shape == (2,)
    torch.testing.assert_close(posterior.mean, encoder(images.float()).mean, rtol=0, atol=0)


def test_dropout_hides_pixels_in_training_only():
    vae, images = make_vae(input_dropout=0.5), make_images(5)
    assert torch.equal(vae.encoder(images).mean, vae.encoder(images).mean)
    vae.train()
    assert not torch.equal(vae.encoder(images).mean, vae.encoder(images).mean)
    whole = make_vae(input_dropout=0.0).train()
    assert torch.equal(whole.encoder(images).mean, whole.eval().encoder(images).mean)


# --- ELBO ---


@PROPERTY
@given(seed=st.integers(0, 1000), latent_dim=st.integers(1, 5))
def test_kl_is_that_of_torch(seed, latent_dim):
    vae, images = make_vae(seed, latent_dim=latent_dim).double(), make_images(6)
    _, kl = vae.elbo_terms(images)
    posterior = vae.encoder(images)
    prior = Independent(Normal(torch.zeros_like(posterior.mean), 1.0), 1)
    assert kl.shape == (6,)
    torch.testing.assert_close(kl, kl_divergence(posterior, prior), rtol=1e-10, atol=1e-12)


def test_reconstruction_is_the_likelihood_of_a_reparametrised_sample():
    vae, images = make_vae().double(), make_images(6)
    reconstruction, _ = vae.elbo_terms(images, torch.Generator().manual_seed(3))
    noise = torch.randn(
        6, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )  # (n, d)
    with torch.no_grad():
        posterior = vae.encoder(images).base_dist
        decoded = vae.decoder(posterior.loc + posterior.scale * noise)
    law = logistic(decoded.loc.squeeze(-1).numpy(), decoded.scale.squeeze(-1).numpy())
    levels = images.numpy()
    low, high = np.where(levels == 0, -np.inf, levels - 0.5), levels + 0.5
    high = np.where(levels == 255, np.inf, high)
    # Differences of the smaller tails keep their digits.
    mass = np.where(levels < law.mean(), law.cdf(high) - law.cdf(low), law.sf(low) - law.sf(high))
    np.testing.assert_allclose(reconstruction.detach().numpy(), np.log(mass).sum(-1), rtol=1e-9)


def test_elbo_depends_on_the_generator_alone():
    vae, images = make_vae(), make_images(6)

    def reconstruct(seed):
        return vae.elbo_terms(images, torch.Generator().manual_seed(seed))[0]

    assert torch.equal(reconstruct(1), reconstruct(1))
    assert not torch.equal(reconstruct(1), reconstruct(2))


def test_elbo_has_gradients_for_every_weight():
    vae = make_vae(components=2)
    reconstruction, kl = vae.elbo_terms(make_images(4))
    (kl - reconstruction).sum().backward()
    for name, weight in vae.named_parameters():
        assert weight.grad.abs().sum() > 0, name


# --- The file ---


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"components": 5, "hidden": (7,)},
        {"latent_dim": 30, "min_scale": 0.5, "input_dropout": 0.3},
    ],
)
def test_round_trip_is_exact(tmp_path, fields):
    vae, path = make_vae(**fields), tmp_path / "vae.safetensors"
    save_vae(vae, path, {"seed": "7"})
    loaded = load_vae(path)
    assert loaded.architecture == vae.architecture
    for name, weight in vae.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    assert not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())
    assert load_metadata(path)["seed"] == "7"
    z = torch.randn(4, vae.architecture.latent_dim)
    assert torch.equal(loaded.decoder(z).loc, vae.decoder(z).loc)


def test_file_is_readable_without_torch(tmp_path):
    vae, path = make_vae(), tmp_path / "vae.safetensors"
    save_vae(vae, path, {})
    arrays = safetensors.numpy.load_file(path)
    assert sorted(arrays) == sorted(vae.state_dict())
    fields = json.loads(load_metadata(path)["architecture"])
    assert fields == {**asdict(vae.architecture), "hidden": list(vae.architecture.hidden)}


def test_saving_leaves_the_model_alone_and_the_same_model_gives_the_same_bytes(tmp_path):
    vae = make_vae()
    save_vae(vae, tmp_path / "a.safetensors", {"seed": "0", "digits": "1"})
    save_vae(vae, tmp_path / "b.safetensors", {"digits": "1", "seed": "0"})
    assert all(weight.requires_grad for weight in vae.parameters())
    a, b = ((tmp_path / name).read_bytes() for name in ("a.safetensors", "b.safetensors"))
    assert a == b


def test_model_is_loaded_onto_the_device_asked_for(tmp_path):
    save_vae(make_vae(), tmp_path / "vae.safetensors", {})
    loaded = load_vae(tmp_path / "vae.safetensors", "meta")
    assert {weight.device.type for weight in loaded.parameters()} == {"meta"}


class Bomb:
    """Pickled, it creates a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_pickle_is_refused_and_never_run(tmp_path):
    path, trace = tmp_path / "vae.safetensors", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(DataError, match=r"vae\.safetensors .* cannot be read"):
        load_vae(path)
    torch.save(make_vae().state_dict(), path)
    with pytest.raises(DataError, match=r"vae\.safetensors .* cannot be read"):
        load_vae(path)
    assert not trace.exists()


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = tmp_path / "vae.safetensors"
    save_vae(make_vae(), path, {})
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match="cannot be read"):
        load_vae(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"vae\.safetensors is missing"):
        load_vae(tmp_path / "vae.safetensors")


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "codes.safetensors"
    save_arrays(path, {"mean": np.zeros((3, 2), np.float32)}, {"digits": "[1]"})
    with pytest.raises(DataError, match=r"lack 'architecture' .*digits.*save_vae"):
        load_vae(path)


BAD_FIELDS = [
    *[(name, bad) for name in ("latent_dim", "data_dim", "components") for bad in (0, 2**63, "2")],
    *[("latent_dim", bad) for bad in (-1, 1.5, True, None, [2])],
    *[("hidden", bad) for bad in ([0], [2**63], [8.0], [None], "88")],
    *[("min_scale", bad) for bad in (0, -1.0, math.nan, math.inf, None, "1", True)],
    *[("input_dropout", bad) for bad in (-0.1, 1, math.nan, None)],
]


@pytest.mark.parametrize(("name", "bad"), BAD_FIELDS)
def test_fields_that_are_no_architectures_are_named(tmp_path, name, bad):
    path = tmp_path / "vae.safetensors"
    save_vae(make_vae(), path, {})
    fields = {**json.loads(load_metadata(path)["architecture"]), name: bad}
    save_arrays(path, load_arrays(path), {"architecture": json.dumps(fields)})
    with pytest.raises(DataError, match=rf"\({name}.* is .*; expected"):
        load_vae(path)


def test_sizes_of_an_architecture_allocate_nothing(tmp_path):
    path, size = tmp_path / "vae.safetensors", 2**18
    save_vae(make_vae(), path, {})
    fields = {"latent_dim": size, "data_dim": size, "hidden": [size], "components": size}
    save_arrays(path, load_arrays(path), {"architecture": json.dumps(fields)})
    with pytest.raises(DataError, match="its architecture expects"):
        load_vae(path)


@pytest.mark.parametrize("architecture", ["{", "[]", "{}", '{"latent_dim": 2, "depth": 3}'])
def test_metadata_that_are_no_architecture_are_refused(tmp_path, architecture):
    path = tmp_path / "vae.safetensors"
    save_vae(make_vae(), path, {})
    save_arrays(path, load_arrays(path), {"architecture": architecture})
    with pytest.raises(DataError, match="architecture"):
        load_vae(path)


def test_weights_that_do_not_fit_the_architecture_are_refused(tmp_path):
    path = tmp_path / "vae.safetensors"
    save_vae(make_vae(), path, {})
    arrays, metadata = load_arrays(path), load_metadata(path)
    name = "decoder.net.0.weight"
    save_arrays(path, {**arrays, name: arrays[name][:, :1]}, metadata)
    with pytest.raises(DataError, match=name):
        load_vae(path)
    save_arrays(path, {key: value for key, value in arrays.items() if key != name}, metadata)
    with pytest.raises(DataError, match=name):
        load_vae(path)


def test_decoder_alone_has_the_names_of_the_file(tmp_path):
    path = tmp_path / "vae.safetensors"
    vae = make_vae()
    save_vae(vae, path, {})
    weights = {
        name.removeprefix("decoder."): torch.from_numpy(value)
        for name, value in load_arrays(path).items()
        if name.startswith("decoder.")
    }
    decoder = Decoder(vae.architecture)
    decoder.load_state_dict(weights)
    assert torch.equal(decoder(torch.zeros(2)).loc, vae.decoder(torch.zeros(2)).loc)
