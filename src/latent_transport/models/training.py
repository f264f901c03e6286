"""Training of a VAE: mini-batches, learning-rate schedule, early stopping, best weights kept."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.models.vae import VAE, Architecture


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes
    ----------
    epochs : int
        Largest number of passes over the training images.
    batch_size : int
        Images a step.
    learning_rate : float
        Peak of the one-cycle schedule (linear warm-up, then cosine decay to almost zero).
    patience : int
        Epochs without a better validation loss before training stops.
    """

    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 1e-3
    patience: int = 15


@dataclass
class History:
    """One row an epoch: losses in bits per dimension, KL in nats, the learning rate of its last
    step, seconds since the start."""

    rows: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, float]:
        """Row of the epoch with the lowest validation loss."""
        return min(self.rows, key=lambda row: row["validation_loss"])


class NonFiniteLossError(ArithmeticError):
    """The training loss became infinite or not a number."""


def bits_per_dim(nats: Tensor | float, dims: int) -> Tensor | float:
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


def _batches(images: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(images.shape[0], generator=generator, device=images.device)
    for rows in order.split(size):
        yield images[rows]


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
        The weights of the epoch with the best validation loss, and one row an epoch.

    Raises
    ------
    NonFiniteLossError
        If a batch's or the validation loss is not finite; names the epoch and the batch.
    ValueError
        If there are no training or no validation images, or of another size than the model's.
    """
    device, dims = train_images.device, architecture.data_dim
    for name, images in (("training", train_images), ("validation", validation_images)):
        if images.ndim != 2 or images.shape[1] != dims or len(images) == 0:
            raise ValueError(
                f"{name} images have shape {tuple(images.shape)}; expected (n, {dims}), n > 0"
            )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = VAE(architecture).to(device)
    generator = torch.Generator(device=device).manual_seed(seed)
    optimizer = torch.optim.Adam(vae.parameters(), lr=schedule.learning_rate)
    steps = math.ceil(train_images.shape[0] / schedule.batch_size)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        schedule.learning_rate,
        total_steps=schedule.epochs * steps,
        pct_start=0.1,
        cycle_momentum=False,
    )
    advice = (
        f"check that the images are finite, lower the learning rate (now "
        f"{schedule.learning_rate:g}), or raise the decoder's least scale (now "
        f"{architecture.min_scale:g} grey levels)"
    )
    history, best_weights, start = History(), None, time.perf_counter()
    bar = tqdm(range(1, schedule.epochs + 1), desc=progress, disable=progress is None, unit="epoch")
    for epoch in bar:
        vae.train()
        total = torch.zeros((), dtype=torch.float64, device=device)
        for number, batch in enumerate(
            _batches(train_images, schedule.batch_size, generator), start=1
        ):
            reconstruction, kl = vae.elbo_terms(batch, generator)
            loss = (kl - reconstruction).mean() / dims
            if not torch.isfinite(loss):
                raise NonFiniteLossError(
                    f"the loss became {loss.item()} in epoch {epoch}, batch {number} of {steps}; "
                    + advice
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
            optimizer.step()
            learning_rate = optimizer.param_groups[0]["lr"]
            rate.step()
            total += loss.detach() * batch.shape[0]
        vae.eval()
        validation = evaluate_elbo(
            vae,
            validation_images,
            # The same latent noise each epoch, so that epochs are compared fairly.
            generator=torch.Generator(device=device).manual_seed(seed),
        )
        if not math.isfinite(validation["loss"]):
            raise NonFiniteLossError(
                f"the validation loss became {validation['loss']} in epoch {epoch}; {advice}"
            )
        row = {
            "epoch": epoch,
            "train_loss": total.item() / train_images.shape[0] / math.log(2),
            "validation_loss": validation["loss"],
            "validation_reconstruction": validation["reconstruction"],
            "validation_kl": validation["kl"],
            "learning_rate": learning_rate,
            "seconds": time.perf_counter() - start,
        }
        history.rows.append(row)
        bar.set_postfix(bits_per_dim=f"{row['validation_loss']:.4f}")
        if history.best is row:
            best_weights = copy.deepcopy(vae.state_dict())
        elif epoch - history.best["epoch"] >= schedule.patience:
            break
    vae.load_state_dict(best_weights)
    return vae.requires_grad_(False), history
