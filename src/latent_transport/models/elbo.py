"""The evidence lower bound of held-out images."""

import math
from typing import TypeVar

import torch
from torch import Tensor

from latent_transport.models.vae import VAE

Nats = TypeVar("Nats", Tensor, float)


def bits_per_dim(nats: Nats, dims: int) -> Nats:
    """Convert a negative log-likelihood of a whole image, in nats, to bits per dimension."""
    return nats / (dims * math.log(2))


def evaluate_elbo(
    vae: VAE,
    images: Tensor,
    *,
    generator: torch.Generator,
    samples: int = 1,
    batch_size: int = 1024,
) -> dict[str, float]:
    """Negative ELBO of held-out images (Roy & Hauberg 2022, Eq. 1).

    Parameters
    ----------
    vae : VAE
        The model.
    images : Tensor, shape (n, D)
        Grey levels.
    generator : torch.Generator
        Source of the latent samples.
    samples : int
        Latent samples an image to average over.
    batch_size : int
        Images at once.

    Returns
    -------
    dict
        ``loss`` and ``reconstruction`` in bits per dimension, ``kl`` in nats an image.
    """
    reconstruction = kl = 0.0
    with torch.no_grad():
        for batch in images.split(batch_size):
            for _ in range(samples):
                log_likelihood, divergence = vae.elbo_terms(batch, generator)
                reconstruction -= log_likelihood.double().sum().item()
                kl += divergence.double().sum().item()
    count, dims = samples * images.shape[0], images.shape[1]
    return {
        "loss": bits_per_dim((reconstruction + kl) / count, dims),
        "reconstruction": bits_per_dim(reconstruction / count, dims),
        "kl": kl / count,
    }
