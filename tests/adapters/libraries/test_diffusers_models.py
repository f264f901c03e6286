"""diffusers' autoencoders, as they are made: with random weights."""

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from latent_transport.adapters.adapt import adapt
from latent_transport.geometries.wasserstein1 import Wasserstein1

CHANNELS = {"in_channels": 1, "out_channels": 1, "latent_channels": 1}


def make_kl():
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 8),
        norm_num_groups=2,
        sample_size=4,
        **CHANNELS,
    )
    model.enable_gradient_checkpointing()
    return model


def make_tiny():
    blocks = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1), "act_fn": "silu"}
    widths = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    return AutoencoderTiny(**CHANNELS, **blocks, **widths)


@pytest.mark.parametrize("make", [make_kl, make_tiny])
def test_autoencoders(make, solve):
    model = make().train()
    decoder = adapt(model)
    assert model.training
    shape = (1, 2, 2)
    latents = torch.randn(100, *shape)
    model.eval()
    torch.testing.assert_close(decoder(latents), model.decode(latents).sample.detach())
    solve(Wasserstein1(decoder, latent_shape=shape), latents)


def test_the_shape_of_latents_is_told():
    assert adapt(make_kl()).latent_shape == (1, 2, 2)
    image = torch.zeros(1, 1, 512, 512)
    with torch.no_grad():
        found = make_tiny().encode(image).latents.shape[1:]
    assert adapt(make_tiny()).latent_shape == tuple(found)
