"""The interactive page: how its data are packed, and what the file holds. No browser."""

import base64
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.page.builder import Plane, Provenance, build_page
from latent_transport.evidence.page.density import pack_density
from latent_transport.evidence.page.network import pack_decoder
from latent_transport.evidence.page.packing import pack, pack_points
from latent_transport.models.densities import AggregatePosterior
from latent_transport.models.vae import VAE, Architecture, load_vae, save_vae
from latent_transport.storage import DataError, load_arrays, load_metadata

PIXELS = 16


def unpack(packed: dict) -> np.ndarray:
    raw = base64.b64decode(packed["data"])
    dtype = np.dtype(packed["dtype"]).newbyteorder("<")
    return np.frombuffer(raw, dtype).reshape(packed["shape"])


@pytest.fixture(params=[1, 3], ids=["one component", "three components"])
def model(request, tmp_path):
    """A file with a small model whose decoder varies over its plane."""
    torch.manual_seed(request.param)
    architecture = Architecture(2, PIXELS, (8, 6), components=request.param)
    vae = VAE(architecture)
    with torch.no_grad():
        for weight in vae.decoder.parameters():
            weight += 0.5 * torch.randn(weight.shape)
    save_vae(vae, tmp_path / "vae.safetensors", {"seed": "0"})
    return tmp_path / "vae.safetensors"


def pack_model(path) -> dict:
    return pack_decoder(load_arrays(path), load_metadata(path)["architecture"])


@pytest.fixture
def plane():
    rng = np.random.default_rng(0)
    codes = Codes(
        mean=rng.normal(size=(30, 2)).astype(np.float32),
        scale=rng.uniform(0.1, 0.4, (30, 2)).astype(np.float32),
        labels=np.full(30, 7, np.uint8),
        indices=np.arange(30),
        split=np.repeat(np.array([0, 1, 2], np.uint8), [18, 6, 6]),
    )
    return Plane(
        codes=codes,
        x=np.linspace(-3, 3, 5, dtype=np.float32),
        y=np.linspace(-2, 4, 4, dtype=np.float32),
        volume=rng.uniform(1, 9, (4, 5)).astype(np.float32),
    )


# --- Packing ---


@given(arrays(np.float32, (3, 2), elements=st.floats(-1e3, 1e3, width=32)))
def test_a_packed_array_comes_back(array):
    np.testing.assert_array_equal(unpack(pack(array)), array)


def test_packing_does_not_depend_on_memory_layout():
    array = np.arange(6, dtype=">f4").reshape(2, 3)
    np.testing.assert_array_equal(unpack(pack(array.T)), array.T)


@given(arrays(np.float64, (5, 2), elements=st.floats(-2, 3)))
def test_packed_points_are_as_exact_as_said(points):
    low, high = np.array([-2.0, -2.5]), np.array([3.0, 3.5])
    packed = pack_points(points, low, high)
    share = unpack(packed).astype(float) / 65535
    found = np.array(packed["low"]) + share * (np.array(packed["high"]) - packed["low"])
    assert (np.abs(found - points) <= (high - low) / 65535 / 2 + 1e-12).all()


def test_the_packed_decoder_gives_the_models_means(model):
    packed = pack_model(model)
    z = np.random.default_rng(0).normal(size=(20, 2))
    values = z
    for depth, layer in enumerate(packed["layers"]):
        values = values / (1 + np.exp(-values)) if depth else values
        values = values @ unpack(layer["weight"]).astype(float).T + unpack(layer["bias"])
    components = packed["components"]
    loc, raw, *logits = values.reshape(20, -1, components, PIXELS).swapaxes(0, 1)
    loc, scale = 127.5 * (1 + loc), packed["minScale"] + np.exp(np.minimum(raw, 8))
    # The page's closed form.
    means = scale * (np.logaddexp(0, loc / scale) - np.logaddexp(0, (loc - 255) / scale))
    weight = np.exp(logits[0]) if logits else np.ones_like(means)
    means = (weight * means).sum(1) / weight.sum(1)
    expected = load_vae(model).decoder(torch.tensor(z, dtype=torch.float32)).mean
    assert np.ptp(means, axis=0).max() > 20
    np.testing.assert_allclose(means, expected, atol=0.5)


# --- The density ---


def test_the_packed_density_is_the_librarys(plane):
    packed = pack_density(plane.codes)
    train, validation = (plane.codes.of(split) for split in ("train", "validation"))
    density = AggregatePosterior(torch.from_numpy(train.mean), torch.from_numpy(train.scale))
    np.testing.assert_allclose(unpack(packed["means"]), train.mean)
    np.testing.assert_allclose(1 / unpack(packed["variances"]), density.precision, rtol=1e-4)
    expected = density(torch.from_numpy(validation.mean)).mean().item()
    assert packed["reference"] == pytest.approx(expected, rel=1e-4)


def test_a_density_needs_codes_of_both_splits(plane):
    with pytest.raises(DataError, match="18 training and 0 validation"):
        pack_density(plane.codes.take(np.arange(18)))


# --- The page ---


class Elements(HTMLParser):
    """Tags with their attributes, and the text of the script that holds the data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.data = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.found and self.found[-1][1].get("id") == "data":
            self.data += data


@pytest.fixture
def page(model, plane):
    return build_page(pack_model(model), plane, Provenance(name="7", seed=2022))


def test_the_page_loads_nothing(page):
    elements = Elements(page).found
    assert not [tag for tag, _ in elements if tag in ("link", "img", "iframe", "object")]
    assert not [attrs for _, attrs in elements if {"src", "href", "srcset"} & set(attrs)]
    policies = [a["content"] for _, a in elements if "http-equiv" in a]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    assert not re.search(r"@import|url\(|\bfetch\(|XMLHttpRequest|https?://", page)


def test_the_page_says_where_its_numbers_come_from(page):
    text = " ".join(re.sub(r"<[^>]+>", " ", page[: page.index('<script type="app')]).split())
    for said in ("digit 7", "2022", "30 images", "hidden layers of 8 and 6 units"):
        assert said in text, said
    assert not re.search(r"\[\[\w+\]\]", page)


def test_the_page_holds_the_data(page, plane):
    data = json.loads(Elements(page).data)
    mixture = data["decoder"]["components"] > 1
    known = ["wasserstein1", "wasserstein2", "fisher-rao", "euclidean"]
    assert data["geometries"] == (known[::3] if mixture else known)
    assert list(data["words"]) == [*data["geometries"], data["line"]]
    assert data["words"]["wasserstein1"] == {"label": "Wasserstein-1", "unit": "grey levels"}
    assert data["side"] == 4
    np.testing.assert_array_equal(unpack(data["volume"]), plane.volume)
    low, high = np.array(data["codes"]["low"]), np.array(data["codes"]["high"])
    codes = low + unpack(data["codes"]) / 65535 * (high - low)
    np.testing.assert_allclose(codes, plane.codes.mean, atol=1e-4)


def test_the_page_holds_every_asset(page):
    """A script that is listed nowhere would be missed in a browser alone."""
    assets = files("latent_transport.evidence.page") / "assets"
    for part in assets.iterdir():
        first = part.read_text(encoding="utf-8").strip().splitlines()[0]
        assert first in page, part.name


def test_the_same_data_give_the_same_page(model, plane, page):
    again = build_page(pack_model(model), plane, Provenance(name="7", seed=2022))
    assert again == page


def test_classes_with_names_are_called_by_them(model, plane):
    page = build_page(pack_model(model), plane, Provenance("T-shirt <top> & co", seed=0))
    assert "from one T-shirt &lt;top&gt; &amp; co to another" in page
    assert "digit T-shirt" not in page


def test_convolutional_decoders_are_refused(tmp_path):
    vae = VAE(Architecture(latent_dim=2, data_dim=64, hidden=(2, 3), kind="conv"))
    save_vae(vae, tmp_path / "vae.safetensors", {})
    with pytest.raises(DataError, match="kind is conv; the page computes mlp ones alone"):
        pack_model(tmp_path / "vae.safetensors")


def test_images_that_are_not_square_are_refused(plane, tmp_path):
    vae = VAE(Architecture(latent_dim=2, data_dim=12, hidden=(2,)))
    save_vae(vae, tmp_path / "vae.safetensors", {})
    with pytest.raises(DataError, match="12 pixels"):
        build_page(pack_model(tmp_path / "vae.safetensors"), plane, Provenance("7", 0))
