"""The interactive page: how its data are packed, and what the file holds. No browser."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.page.builder import build_page
from latent_transport.evidence.page.density import pack_density
from latent_transport.evidence.page.network import pack_decoder
from latent_transport.evidence.page.packing import pack, pack_points
from latent_transport.evidence.page.planes import Plane
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
def codes():
    rng = np.random.default_rng(0)
    return Codes(
        mean=rng.normal(size=(30, 2)).astype(np.float32),
        scale=rng.uniform(0.1, 0.4, (30, 2)).astype(np.float32),
        labels=np.full(30, 7, np.uint8),
        indices=np.arange(30),
        split=np.repeat(np.array([0, 1, 2], np.uint8), [18, 6, 6]),
    )


def make_plane(model, codes, name="7"):
    rng = np.random.default_rng(1)
    return Plane(
        name=name,
        decoder=pack_model(model),
        codes=codes,
        x=np.linspace(-3, 3, 5, dtype=np.float32),
        y=np.linspace(-2, 4, 4, dtype=np.float32),
        volume=rng.uniform(1, 9, (4, 5)).astype(np.float32),
    )


@pytest.fixture
def plane(model, codes):
    return make_plane(model, codes)


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


def test_the_packed_density_is_the_librarys(codes):
    packed = pack_density(codes)
    train, validation = (codes.of(split) for split in ("train", "validation"))
    density = AggregatePosterior(torch.from_numpy(train.mean), torch.from_numpy(train.scale))
    np.testing.assert_allclose(unpack(packed["means"]), train.mean)
    np.testing.assert_allclose(1 / unpack(packed["variances"]), density.precision, rtol=1e-4)
    expected = density(torch.from_numpy(validation.mean)).mean().item()
    assert packed["reference"] == pytest.approx(expected, rel=1e-4)


def test_a_density_needs_codes_of_both_splits(codes):
    with pytest.raises(DataError, match="18 training and 0 validation"):
        pack_density(codes.take(np.arange(18)))


# --- The page ---


class Elements(HTMLParser):
    """Tags with their attributes, and the texts of scripts that hold data, by their ids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.data: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        tag, attrs = self.found[-1] if self.found else ("", {})
        if tag == "script" and attrs.get("type") == "application/json":
            self.data[attrs["id"]] = self.data.get(attrs["id"], "") + data


@pytest.fixture
def page(plane):
    return build_page([plane], first="7", seed=2022)


def test_the_page_loads_nothing(page):
    elements = Elements(page).found
    assert not [tag for tag, _ in elements if tag in ("link", "img", "iframe", "object")]
    assert not [attrs for _, attrs in elements if {"src", "href", "srcset"} & set(attrs)]
    policies = [a["content"] for _, a in elements if "http-equiv" in a]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    assert not re.search(r"@import|url\(|\bfetch\(|XMLHttpRequest|https?://", page)


def text_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page[: page.index('<script type="app')]).split())


def test_the_page_says_where_its_numbers_come_from(page):
    text = text_of(page)
    for said in ("digit 7", "2022", "30 images", "hidden layers of 8 and 6 units"):
        assert said in text, said
    assert not re.search(r"\[\[\w+\]\]", page)


def test_the_page_holds_the_data(page, plane):
    data, shown = (json.loads(Elements(page).data[name]) for name in ("data", "plane-0"))
    mixture = plane.decoder["components"] > 1
    known = ["wasserstein1", "wasserstein2", "fisher-rao", "euclidean"]
    assert data["geometries"] == (known[::3] if mixture else known)
    assert list(data["words"]) == [*data["geometries"], data["line"]]
    assert data["words"]["wasserstein1"] == {"label": "Wasserstein-1", "unit": "grey levels"}
    assert shown["decoder"] == plane.decoder
    np.testing.assert_array_equal(unpack(shown["volume"]), plane.volume)
    low, high = np.array(shown["codes"]["low"]), np.array(shown["codes"]["high"])
    codes = low + unpack(shown["codes"]) / 65535 * (high - low)
    np.testing.assert_allclose(codes, plane.codes.mean, atol=1e-4)


def test_each_plane_has_its_own_element(plane):
    fewer = replace(plane, name="8", codes=plane.codes.take(np.arange(2, 27)))
    named = replace(plane, name="Bag", volume=2 * plane.volume)
    page = build_page([plane, fewer, named], first="8", seed=2022)
    elements = Elements(page).data
    # The one that is shown first comes before the scripts, the others after them.
    assert list(elements) == ["data", "plane-1", "plane-0", "plane-2"]
    assert page.index('id="plane-1"') < page.index('id="numerics"')
    assert page.rindex("</script>", 0, page.index('id="plane-0"')) > page.index("openPage();")
    data = json.loads(elements["data"])
    assert data["first"] == 1
    assert [words["plane"] for words in data["planes"]] == ["digit 7", "digit 8", "Bag"]
    assert [words["codes"] for words in data["planes"]] == ["30", "25", "30"]
    for number, one in enumerate((plane, fewer, named)):
        shown = json.loads(elements[f"plane-{number}"])
        np.testing.assert_array_equal(unpack(shown["volume"]), one.volume)
        assert unpack(shown["codes"]).shape == one.codes.mean.shape
    assert "from one 8 to another" in text_of(page)
    assert "25 images of digit 8" in text_of(page)


def test_geometries_are_those_that_all_decoders_take(plane):
    mixture = replace(plane, name="8", decoder={**plane.decoder, "components": 2})
    data = json.loads(Elements(build_page([plane, mixture], "7", seed=0)).data["data"])
    assert data["geometries"] == ["wasserstein1", "euclidean"]


def test_a_plane_that_is_not_there_cannot_be_first(plane):
    with pytest.raises(DataError, match=r"show first: '6'; expected one of \['7'\]"):
        build_page([plane], "6", seed=0)


def test_the_page_holds_every_asset(page):
    """A script that is listed nowhere would be missed in a browser alone."""
    assets = files("latent_transport.evidence.page") / "assets"
    for part in assets.iterdir():
        first = part.read_text(encoding="utf-8").strip().splitlines()[0]
        assert first in page, part.name


def test_the_same_data_give_the_same_page(plane, page):
    assert build_page([plane], first="7", seed=2022) == page


def test_classes_with_names_are_called_by_them(plane):
    name = "T-shirt <top></script> & co"
    page = build_page([replace(plane, name=name)], name, seed=0)
    assert "from one T-shirt &lt;top&gt;&lt;/script&gt; &amp; co to another" in text_of(page)
    assert "digit T-shirt" not in page
    words = json.loads(Elements(page).data["data"])["planes"]
    assert [one["plane"] for one in words] == [name]


def test_convolutional_decoders_are_refused(tmp_path):
    vae = VAE(Architecture(latent_dim=2, data_dim=64, hidden=(2, 3), kind="conv"))
    save_vae(vae, tmp_path / "vae.safetensors", {})
    with pytest.raises(DataError, match="kind is conv; the page computes mlp ones alone"):
        pack_model(tmp_path / "vae.safetensors")


def test_images_that_are_not_square_are_refused(codes, tmp_path):
    vae = VAE(Architecture(latent_dim=2, data_dim=12, hidden=(2,)))
    save_vae(vae, tmp_path / "vae.safetensors", {})
    with pytest.raises(DataError, match="digit 7 have 12 pixels"):
        build_page([make_plane(tmp_path / "vae.safetensors", codes)], "7", seed=0)
