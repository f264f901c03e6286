"""pythae's models, trained for seconds on digits."""

import pytest
import torch
from pythae.data.datasets import DatasetOutput
from pythae.models import (
    AE,
    RHVAE,
    SVAE,
    VAE,
    VQVAE,
    AEConfig,
    PoincareVAE,
    PoincareVAEConfig,
    RHVAEConfig,
    SVAEConfig,
    VAEConfig,
    VQVAEConfig,
)

from latent_transport.adapters.adapt import adapt
from latent_transport.geometries.wasserstein1 import Wasserstein1

SIZES = {"input_dim": (1, 8, 8), "latent_dim": 2}


def train(model, images, steps):
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(steps):
        rows = torch.randint(len(images), (128,))
        loss = model(DatasetOutput(data=images[rows], labels=None)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.update()
    return model


def encode(model, images):
    return model.eval().encoder(images[:100]).embedding


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_vae(loss, digits, solve):
    model = train(VAE(VAEConfig(reconstruction_loss=loss, **SIZES)), digits, 100)
    codes = encode(model, digits)
    decoder = adapt(model)
    expected = model.decoder(codes)["reconstruction"]
    torch.testing.assert_close(decoder(codes).mean, expected)
    solve(Wasserstein1(decoder), codes)


def test_ae(digits, solve):
    model = train(AE(AEConfig(**SIZES)), digits, 100)
    solve(Wasserstein1(adapt(model)), encode(model, digits))


def test_the_learned_metric_of_rhvae(digits, solve):
    config = RHVAEConfig(n_lf=1, temperature=1.5, reconstruction_loss="bce", **SIZES)
    model = train(RHVAE(config), digits, 40)
    codes = encode(model, digits).detach()
    solve(Wasserstein1(adapt(model)), codes)
    geometry = adapt(model, metric=True)
    solve(geometry, codes)
    torch.testing.assert_close(geometry.tensor(codes), model.G(codes), rtol=1e-3, atol=1e-5)


def test_the_ball_of_poincare_vae(digits, solve):
    model = train(PoincareVAE(PoincareVAEConfig(**SIZES)), digits, 40)
    codes = encode(model, digits).reshape(-1, 2).detach()
    solve(Wasserstein1(adapt(model)), codes)
    paths = solve(adapt(model, metric=True), codes)
    expected = model.latent_manifold.dist(codes[:50], codes[50:100]).flatten()
    torch.testing.assert_close(paths.length, expected, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(("cls", "config"), [(VQVAE, VQVAEConfig), (SVAE, SVAEConfig)])
def test_latents_without_curves(cls, config):
    with pytest.raises(TypeError, match=r"code book|on a sphere"):
        adapt(cls(config(**SIZES)))
