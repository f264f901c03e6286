"""pythae's autoencoders (Chadebec, Vincent & Allassonnière 2022, *Pythae*)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from latent_transport.adapters.arguments import Arguments
from latent_transport.adapters.decoder import AdaptedDecoder, Likelihood
from latent_transport.adapters.outputs import read_output
from latent_transport.adapters.twins import make_twin
from latent_transport.distributions.registry import DecoderOutput

REFUSED = {
    "quantizer": "decodes entries of a code book, between which there are no curves",
    "sphere": "has latents on a sphere, which curves would leave: give the geometry a function of "
    "angles that ends in model.decoder(...)",
}


def is_pythae(model: Any) -> bool:
    """Whether a model has the parts of pythae's."""
    return all(hasattr(model, part) for part in ("model_config", "model_name", "decoder"))


def read_pythae(model: Any, arguments: Arguments) -> AdaptedDecoder:
    """Decoder of a model of pythae, with the likelihood that it was trained by.

    Normals of unit variance for the reconstruction loss "mse", Bernoulli distributions for "bce",
    plain values where the model has no such setting.

    Raises
    ------
    TypeError
        If the model's latents are no points of a vector space.
    """
    name = f"pythae's {model.model_name}"
    arguments.refuse_others(name, "likelihood")
    reason = _refuse(model)
    if reason is not None:
        raise TypeError(f"{name} {reason}")
    decoder = make_twin(model.decoder)
    loss = str(getattr(model.model_config, "reconstruction_loss", None))
    likelihood = arguments.likelihood or _LIKELIHOODS.get(loss)

    def decode(z: Tensor) -> DecoderOutput:
        output = read_output(decoder(z), name)
        return output if likelihood is None else likelihood(output)

    return AdaptedDecoder(name, decoder, decode)


def read_pythae_metric(model: Any) -> Callable[[Tensor], Tensor] | None:
    """Metric tensors of a Riemannian VAE of pythae, (M, d) to (M, d, d) or (M, d); None of others.

    Of RHVAE the learned one; of the Poincaré VAE that of its ball,
    :math:`(2 / (1 - c |z|^2))^2`.
    """
    if callable(getattr(model, "G", None)):
        return _read_learned(model)
    ball = getattr(model, "latent_manifold", None)
    if ball is not None and hasattr(ball, "c"):
        return lambda z: _measure_ball(z, float(ball.c))
    return None


def _refuse(model: Any) -> str | None:
    if hasattr(model, "quantizer"):
        return REFUSED["quantizer"]
    return REFUSED["sphere"] if model.model_name == "SVAE" else None


def _read_learned(model: Any) -> Callable[[Tensor], Tensor]:
    """Metric of RHVAE, from its inverse, which is a sum; frozen."""
    inverse = model.G_inv

    def metric(z: Tensor) -> Tensor:
        return torch.linalg.inv(inverse(z))  # (M, d, d)

    return metric


def _measure_ball(z: Tensor, curvature: float) -> Tensor:
    left = 1 - curvature * z.square().sum(-1, keepdim=True)  # (M, 1), not positive outside the ball
    return torch.where(left > 0, (2 / left).square(), torch.nan).expand_as(z)  # (M, d)


def _make_normal(mean: Any) -> Normal:
    return Normal(mean, torch.ones_like(mean))


def _make_bernoulli(probs: Any) -> Bernoulli:
    return Bernoulli(probs=probs)


_LIKELIHOODS: dict[str, Likelihood] = {"mse": _make_normal, "bce": _make_bernoulli}
