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
    free_bits: float = 0.0,
    progress: str | None = None,
) -> tuple[VAE, History]:
    r"""Maximise the ELBO (Roy & Hauberg 2022, Eq. 1) with Adam.

    With :math:`\lambda` free bits the loss charges, instead of the mean KL of a batch,

    .. math:: \sum_j \max\Bigl(\lambda, \frac1b \sum_i
        KL\bigl(q(z_j | x_i) \,\|\, p(z_j)\bigr)\Bigr),

    so that below :math:`\lambda` nats a latent dimension has nothing to gain by carrying less;
    Kingma et al. (2016), *Improved variational inference with inverse autoregressive flow*, Eq. 15.
    The validation loss is the ELBO's, whatever is free.

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
    free_bits : float, optional
        :math:`\lambda`, in nats a latent dimension; non-negative.
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
        If there are no training or no validation images, or of another size than the model's, or
        `free_bits` is negative or not finite.
    """
    check_images("training", train_images, architecture)
    check_images("validation", validation_images, architecture)
    if not 0 <= free_bits < math.inf:
        raise ValueError(f"free_bits is {free_bits}; expected a number of nats from 0")
    device = train_images.device
    vae = make_seeded(lambda: VAE(architecture), seed, device)
    generator = torch.Generator(device=device).manual_seed(seed)

    def loss(rows: Tensor) -> Tensor:
        reconstruction, kl = vae.elbo_terms_by_dimension(train_images[rows], generator)
        charged = kl.mean(0).clamp(min=free_bits).sum()  # of (b, d), ()
        return (charged - reconstruction.mean()) / architecture.data_dim

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
