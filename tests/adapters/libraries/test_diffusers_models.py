"""diffusers' autoencoders: with random weights, or trained for seconds on digits."""

import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from latent_transport.adapters.adapt import adapt
from latent_transport.geometries.wasserstein1 import Wasserstein1


def make_kl():
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 8),
        norm_num_groups=2,
        sample_size=4,
        in_channels=1,
        out_channels=1,
        latent_channels=1,
    )
    model.enable_gradient_checkpointing()
    return model


def make_tiny():
    levels = 4  # each of 8 by 8 pixels halved: one pixel, of two channels
    model = AutoencoderTiny(
        in_channels=1,
        out_channels=1,
        latent_channels=2,
        num_encoder_blocks=(1,) * levels,
        num_decoder_blocks=(1,) * levels,
        encoder_block_out_channels=(16,) * levels,
        decoder_block_out_channels=(16,) * levels,
        act_fn="silu",
    )
    model.enable_gradient_checkpointing()
    return model


def test_autoencoder_kl(solve):
    model = make_kl().train()
    decoder = adapt(model)
    assert model.training
    latents = torch.randn(100, *decoder.latent_shape)
    torch.testing.assert_close(decoder(latents), model.eval().decode(latents).sample.detach())
    solve(Wasserstein1(decoder, latent_shape=decoder.latent_shape), latents)


def test_autoencoder_tiny(digits, solve):
    model, images = make_tiny(), 2 * digits - 1
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        batch = images[torch.randint(len(images), (64,))]
        loss = (model.decode(model.encode(batch).latents).sample - batch).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        latents = model.encode(images[:100]).latents
    decoder = adapt(model)
    torch.testing.assert_close(decoder(latents), model.decode(latents).sample.detach())
    solve(Wasserstein1(decoder, latent_shape=latents.shape[1:]), latents)


def test_the_shape_of_latents_is_told():
    assert adapt(make_kl()).latent_shape == (1, 2, 2)
    with torch.no_grad():
        found = make_tiny().encode(torch.zeros(1, 1, 512, 512)).latents.shape[1:]
    assert adapt(make_tiny()).latent_shape == tuple(found)
