"""StochMan's networks and manifolds (Detlefsen et al. 2021, *StochMan*)."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from latent_transport.adapters.arguments import Arguments
from latent_transport.adapters.decoder import AdaptedDecoder
from latent_transport.adapters.outputs import read_output
from latent_transport.adapters.twins import make_twin
from latent_transport.distributions.registry import DecoderOutput


def is_stochman(model: Any) -> bool:
    """Whether a model is a network that knows its Jacobian, or embeds latents, as StochMan's do."""
    if callable(getattr(model, "embed", None)):
        return True
    parts = model.modules() if isinstance(model, nn.Module) else ()
    return any(hasattr(part, "_jacobian_wrt_input_mult_left_vec") for part in parts)


def read_stochman(model: Any, arguments: Arguments) -> AdaptedDecoder:
    """Decoder of a network, or of an embedded manifold, of StochMan: plain values."""
    name = f"StochMan's {type(model).__name__}"
    arguments.refuse_others(name, "likelihood")
    module = make_twin(model) if isinstance(model, nn.Module) else None
    found = model if module is None else module
    call: Callable[[Tensor], Any] = getattr(found, "embed", found)
    likelihood = arguments.likelihood

    def decode(z: Tensor) -> DecoderOutput:
        output = call(z)
        return read_output(output, name) if likelihood is None else likelihood(output)

    return AdaptedDecoder(name, module, decode)


def read_stochman_metric(model: Any) -> Callable[[Tensor], Tensor] | None:
    """Metric tensors of a manifold of StochMan, (M, d) to (M, d, d) or (M, d); None of others."""
    metric = getattr(model, "metric", None)
    return metric if callable(metric) and callable(getattr(model, "inner", None)) else None
