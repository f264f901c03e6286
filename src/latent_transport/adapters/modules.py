"""Modules that decode by a method or a part of that name, such as Lightning's."""

from typing import Any

from torch import Tensor, nn

from latent_transport.adapters.arguments import Arguments
from latent_transport.adapters.decoder import AdaptedDecoder
from latent_transport.adapters.outputs import read_output
from latent_transport.adapters.twins import make_twin
from latent_transport.distributions.registry import DecoderOutput

PARTS = ("decode", "decoder")  # in the order in which they are looked for


def has_decoder(model: Any) -> bool:
    """Whether a model is a module with a method ``decode`` or a part ``decoder``."""
    return isinstance(model, nn.Module) and any(callable(getattr(model, x, None)) for x in PARTS)


def read_module(model: Any, arguments: Arguments) -> AdaptedDecoder:
    """Decoder of a module: what its ``decode(z)``, or else its ``decoder(z)``, returns."""
    name = type(model).__name__
    arguments.refuse_others(name, "likelihood")
    part = next(x for x in PARTS if callable(getattr(model, x, None)))
    found = getattr(model, part)
    twin = make_twin(found if isinstance(found, nn.Module) else model)
    call = twin if isinstance(found, nn.Module) else getattr(twin, part)
    likelihood = arguments.likelihood

    def decode(z: Tensor) -> DecoderOutput:
        output = call(z)
        return read_output(output, name) if likelihood is None else likelihood(output)

    return AdaptedDecoder(f"{name}.{part}", twin, decode)
