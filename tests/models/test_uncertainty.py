"""The decoder that grows uncertain away from the codes."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.elbo import evaluate_elbo
from latent_transport.models.uncertainty import (
    WIDEST_SCALE,
    UncertainDecoder,
    fit_uncertainty,
    load_uncertainty,
    save_uncertainty,
)
from latent_transport.models.vae import VAE, Architecture, Decoder
from latent_transport.storage import DataError, load_metadata

torch.set_num_threads(1)


def make_vae(seed=0, components=1, **fields):
    architecture = Architecture(
        **{"latent_dim": 2, "data_dim": 12, "hidden": (8,), "components": components, **fields}
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VAE(architecture).eval().requires_grad_(False)


def make_images(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 12), generator=generator).float()


def make_codes(count=60, seed=0, d=2):
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed))


def make_uncertain(components=1, width=0.2):
    centres = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [1.0, 0.5]])
    return UncertainDecoder(make_vae(components=components).decoder, centres, width)


# --- The uncertain decoder ---


def test_other_distributions_are_refused_with_a_way_out():
    class Plain(torch.nn.Module):
        def forward(self, z):
            return torch.distributions.Normal(z, 1.0)

    uncertain = UncertainDecoder(Plain(), torch.zeros(3, 2), 0.2)
    with pytest.raises(TypeError, match=r"returns a Normal; expected a Discr.*by Conformal\("):
        uncertain(torch.zeros(1, 2))


def test_the_widest_logistic_is_the_closest_to_uniform():
    level = np.arange(255)

    def distance(scale):
        return np.abs(expit((level + 0.5 - 127.5) / scale) - (level + 1) / 256).sum()

    best = minimize_scalar(distance, bounds=(5, 300), method="bounded", options={"xatol": 1e-8})
    assert abs(best.x - WIDEST_SCALE) < 1e-3
    for loc in (126.5, 128.5):
        moved = np.abs(expit((level + 0.5 - loc) / best.x) - (level + 1) / 256).sum()
        assert moved > best.fun


@pytest.mark.parametrize("components", [1, 3])
def test_far_from_the_codes_every_pixel_is_the_widest_logistic(components):
    found = make_uncertain(components)(torch.tensor([[30.0, 0.0], [0.0, -40.0]]))
    wide = DiscretizedLogisticMixture(
        torch.zeros(1), torch.tensor([127.5]), torch.tensor([WIDEST_SCALE])
    )
    torch.testing.assert_close(found.probs, wide.probs.expand(2, 12, 256), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("components", [1, 3])
def test_at_the_centres_the_decoder_is_the_trained_one(components):
    decoder = make_uncertain(components)
    z = decoder.centres
    found, trained = decoder(z), decoder.decoder(z)
    assert found.batch_shape == (3, 12)
    torch.testing.assert_close(found.loc, trained.loc, rtol=0, atol=0.2)
    torch.testing.assert_close(found.scale, trained.scale, rtol=0, atol=0.1)
    assert torch.equal(found.logits, trained.logits)


def test_uncertainty_is_a_sigmoid_of_the_distance_to_the_nearest_centre():
    decoder = make_uncertain(width=0.05)
    z = torch.tensor([[-1.4, 0.0], [-1.0, 0.3], [0.9, -0.35], [1.0, 0.9]])
    distance = torch.cdist(z, decoder.centres).amin(1)
    rounded = (distance.square() + 0.05**2).sqrt() - 0.05
    expected = torch.sigmoid(rounded / 0.05 - math.log(1000))
    torch.testing.assert_close(decoder.uncertainty(z), expected, rtol=1e-2, atol=0)
    assert (decoder.uncertainty(decoder.centres) < 1.1e-3).all()
    along = torch.stack((torch.linspace(-1, -1.6, 50), torch.zeros(50)), -1)
    assert (decoder.uncertainty(along).diff() > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uncertainty_is_differentiable_everywhere(dtype):
    decoder = make_uncertain().to(dtype)
    z = torch.cat((decoder.centres, torch.tensor([[0.2, 0.3], [-2.0, 1.0]], dtype=dtype)))
    share, slope = torch.vmap(torch.func.grad_and_value(decoder.uncertainty))(z)[::-1]
    assert share.dtype == dtype
    assert torch.isfinite(slope).all()
    push = torch.func.jvp(decoder.uncertainty, (z,), (torch.ones_like(z),))[1]
    torch.testing.assert_close(push, slope.sum(-1))
    if dtype == torch.float64:
        assert torch.autograd.gradcheck(decoder.uncertainty, z.requires_grad_())


def test_gauss_newton_solves_on_it():
    decoder = make_uncertain(width=0.5)
    z0, z1 = torch.tensor([[-1.0, 0.2], [0.0, -1.0]]), torch.tensor([[1.0, -0.2], [1.0, 1.0]])
    geometry = Wasserstein1(decoder)
    paths = connecting_geodesics(geometry, z0, z1, solver=GaussNewton(max_iterations=30))
    line = torch.lerp(z0[:, None], z1[:, None], torch.linspace(0, 1, 257)[:, None])
    assert (paths.length <= geometry.curve_length(line) * (1 + 1e-6)).all()
    z, eps = z0.double(), 1e-6
    geometry = Wasserstein1(decoder.double())
    _, jacobian = geometry.decode_with_jacobian(z)
    for axis, e in enumerate(torch.eye(2).double()):
        after, before = (geometry.decode(z + step).coordinates for step in (eps * e, -eps * e))
        slope = (after - before) / (2 * eps)
        torch.testing.assert_close(jacobian.coordinates[axis], slope, rtol=1e-5, atol=1e-6)


def test_shapes_alone_are_enough():
    with torch.device("meta"):
        decoder = Decoder(Architecture(latent_dim=2, data_dim=12, hidden=(8,)))
        uncertain = UncertainDecoder(decoder, torch.empty(5, 2), 0.1)
        z = torch.empty(3, 4, 2)
    assert uncertain(z).batch_shape == (3, 4, 12)


@pytest.mark.parametrize(
    ("shape", "width", "message"), [((0, 2), 1.0, "k > 0"), ((3, 2), 0.0, "positive")]
)
def test_centres_and_width_that_do_not_fit_are_named(shape, width, message):
    with pytest.raises(ValueError, match=message):
        UncertainDecoder(make_vae().decoder, torch.zeros(shape), width)


# --- Its fit ---


@pytest.mark.parametrize("limit", [0.01, 0.05])
def test_fit_uses_up_the_limit_and_no_more(limit):
    vae, images = make_vae(), make_images(50)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    codes, scales = make_codes(), make_codes(seed=1).abs()
    decoder, notes = fit_uncertainty(vae, codes, scales, images, centres=8, limit=limit, seed=3)
    assert decoder.centres.shape == (8, 2)
    assert 0.9 * limit < abs(notes["change"]) < limit
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        plain = evaluate_elbo(vae, images, generator=generator)["loss"]
    assert notes["plain_loss"] == pytest.approx(plain)
    assert notes["uncertain_loss"] == pytest.approx(plain * (1 + notes["change"]))
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
    again, _ = fit_uncertainty(vae, codes, scales, images, centres=8, limit=limit, seed=3)
    assert torch.equal(again.centres, decoder.centres)
    assert torch.equal(again.width, decoder.width)


def test_fit_takes_no_more_centres_than_a_quarter_of_the_codes():
    vae, images, codes = make_vae(), make_images(9), make_codes(22)
    decoder, _ = fit_uncertainty(vae, codes, codes.abs(), images, centres=64, seed=0)
    assert decoder.centres.shape == (5, 2)
    for few, scales, limit, match in (
        (codes[:3], codes[:3].abs(), 0.01, "codes"),
        (codes, codes.abs(), 0.0, "limit"),
        (codes, codes[:5].abs(), 0.01, r"mean has shape \(22, 2\), scale \(5, 2\)"),
    ):
        with pytest.raises(ValueError, match=match):
            fit_uncertainty(vae, few, scales, images, limit=limit, seed=0)


def test_centres_are_where_samples_are_not_means():
    """Along a collapsed dimension, the second, means are 0, and the centres are spread."""
    vae, images = make_vae(), make_images(50)
    mean = make_codes(400) * torch.tensor([1.0, 0.0])
    scale = torch.tensor([0.1, 1.0]).expand_as(mean)
    fit = partial(fit_uncertainty, vae, mean, validation_images=images, centres=20, seed=3)
    centres = fit(scale=scale)[0].centres
    assert centres[:, 1].std() > 0.7
    assert (fit(scale=0 * scale)[0].centres[:, 1] == 0).all()
    # All samples are near some centre, but few are near the means.
    samples = mean + scale * make_codes(400, seed=5)
    assert torch.cdist(samples, centres).amin(1).median() < 0.5


def test_uncertainty_comes_back_from_its_file(tmp_path):
    decoder, path = make_uncertain(), tmp_path / "uncertainty.safetensors"
    save_uncertainty(decoder, path, {"change": "0.009"})
    loaded = load_uncertainty(path, make_vae().decoder)
    z = make_codes(5)
    for name in ("loc", "scale"):
        assert torch.equal(getattr(loaded(z), name), getattr(decoder(z), name))
    assert load_metadata(path) == {"change": "0.009"}
    with pytest.raises(DataError, match="has 3 dimensions"):
        load_uncertainty(path, make_vae(latent_dim=3).decoder)
    with pytest.raises(DataError, match="missing"):
        load_uncertainty(tmp_path / "none.safetensors", make_vae().decoder)
