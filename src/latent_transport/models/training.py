"""Training of a VAE."""

import math

import torch
from torch import Tensor

from latent_transport.models.elbo import evaluate_elbo
from latent_transport.models.loop import History, Schedule, make_seeded, train_module
from latent_transport.models.vae import VAE, Architecture, check_images


def train_vae(
    architecture: Architecture,
    train_images: Tensor,
    validation_images: Tensor,
    *,
    schedule: Schedule,
    seed: int,
    progress: str | None = None,
) -> tuple[VAE, History]:
    """Maximise the ELBO (Roy & Hauberg 2022, Eq. 1) with Adam.

    The same seed, machine and number of threads give identical weights.

    Parameters
    ----------
    architecture : Architecture
        Shape of the model.
    train_images, validation_images : Tensor, shapes (n, D) and (m, D)
        Grey levels 0..255; the model is made on their device.
    schedule : Schedule
        Epochs, batch size, learning rate and patience.
    seed : int
        Seeds initial weights, order of the images, hidden pixels and latent samples.
    progress : str, optional
        Title of a progress bar; none is shown without.

    Returns
    -------
    tuple of VAE and History
        The weights of the epoch with the best validation loss, and one row an epoch: losses in
        bits per dimension, KL in nats.

    Raises
    ------
    NonFiniteLossError
        If a batch's or the validation loss is not finite; names the epoch and the batch.
    ValueError
        If there are no training or no validation images, or of another size than the model's.
    """
    check_images("training", train_images, architecture)
    check_images("validation", validation_images, architecture)
    device = train_images.device
    vae = make_seeded(lambda: VAE(architecture), seed, device)
    generator = torch.Generator(device=device).manual_seed(seed)

    def loss(rows: Tensor) -> Tensor:
        reconstruction, kl = vae.elbo_terms(train_images[rows], generator)  # (b,) each
        return (kl - reconstruction).mean() / architecture.data_dim

    def evaluate() -> dict[str, float]:
        # The same latent noise each epoch, so that epochs are compared fairly.
        noise = torch.Generator(device=device).manual_seed(seed)
        return evaluate_elbo(vae, validation_images, generator=noise)

    history = train_module(
        vae,
        loss,
        evaluate,
        count=len(train_images),
        schedule=schedule,
        generator=generator,
        name="the VAE",
        advice=f"raise the decoder's least scale (now {architecture.min_scale:g} grey levels)",
        progress=progress,
    )
    for row in history.rows:
        row["train_loss"] /= math.log(2)  # bits, as the validation loss
    return vae, history
