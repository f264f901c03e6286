"""What :func:`latent_transport.adapt` makes of a model: a decoder that a geometry takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from latent_transport.distributions.registry import DecoderOutput

Likelihood = Callable[[Any], DecoderOutput]
"""What a network's output means: from that output to a distribution, or a tensor of values."""


@dataclass(frozen=True)
class AdaptedDecoder:
    """The decoder of a model of another library.

    Attributes
    ----------
    name : str
        Whose it is.
    module : nn.Module, optional
        What decodes: in eval mode, frozen, sharing its weights with the model; none where the
        model is no module.
    decode : callable
        Latents to distributions, or to a tensor of values.
    latent_shape : tuple of int, optional
        Of latents that are not flat, to be given to the geometry:
        ``Wasserstein1(decoder, latent_shape=decoder.latent_shape)``.
    """

    name: str
    module: nn.Module | None = field(repr=False)
    decode: Callable[[Tensor], DecoderOutput] = field(repr=False)
    latent_shape: tuple[int, ...] | None = None

    def __call__(self, z: Tensor) -> DecoderOutput:
        """Decode latents (M, d) or (M, *latent_shape).

        Raises
        ------
        ValueError
            If they are flat where the model's are not.
        """
        if self.latent_shape is not None and z.ndim != len(self.latent_shape) + 1:
            raise ValueError(
                f"the latents of {self.name} are no vectors, but of shape {self.latent_shape} at "
                "its own size; give the geometry their shape, such as "
                f"Wasserstein1(decoder, latent_shape={self.latent_shape}), and points z.flatten(1)"
            )
        return self.decode(z)
