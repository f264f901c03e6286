"""diffusers' autoencoders of images: AutoencoderKL, AutoencoderTiny and others like them."""

from typing import Any

from torch import Tensor

from latent_transport.adapters.arguments import Arguments
from latent_transport.adapters.decoder import AdaptedDecoder
from latent_transport.adapters.outputs import read_output
from latent_transport.adapters.twins import make_twin
from latent_transport.distributions.registry import DecoderOutput

SIZE = 512  # pixels of an image, where the model does not say how many it was made for


def is_diffusers(model: Any) -> bool:
    """Whether a model decodes latents of channels, as its own config says."""
    config = getattr(model, "config", None)
    return callable(getattr(model, "decode", None)) and hasattr(config, "latent_channels")


def read_diffusers(model: Any, arguments: Arguments) -> AdaptedDecoder:
    """Decoder of an autoencoder of diffusers: images (M, C, H, W), as plain values.

    Its latents are those of ``model.encode(images)``, not multiplied by the scaling factor that
    pipelines use. Images are mostly in [-1, 1].
    """
    name = f"diffusers' {type(model).__name__}"
    arguments.refuse_others(name, "likelihood")
    twin = make_twin(model)
    likelihood = arguments.likelihood

    def decode(z: Tensor) -> DecoderOutput:
        output = read_output(twin.decode(z), name)
        return output if likelihood is None else likelihood(output)

    return AdaptedDecoder(name, twin, decode, _find_shape(model))


def _find_shape(model: Any) -> tuple[int, ...]:
    """Channels, rows and columns of the latent of an image of the model's own size."""
    config = model.config
    size = getattr(config, "sample_size", None) or SIZE
    height, width = size if isinstance(size, list | tuple) else (size, size)
    levels = getattr(config, "block_out_channels", None) or config.decoder_block_out_channels
    factor = 2 ** (len(levels) - 1)
    return (config.latent_channels, height // factor, width // factor)
