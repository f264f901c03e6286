"""A small convolutional classifier of digits, and its training.

It judges images on the paths between digits, so it shares nothing with the models that make them.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from latent_transport.kernels.constants import LEVELS
from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

SIDE = 28
CLASSES = 10
MAX_SHIFT = 2  # pixels


@dataclass(frozen=True)
class ClassifierSettings:
    """How long and how fast to train a :class:`Classifier`.

    Attributes
    ----------
    epochs : int
        Passes over the training images.
    batch_size : int
        Images a step.
    learning_rate : float
        Peak of the one-cycle schedule (linear warm-up, then decay to almost zero).
    """

    epochs: int = 4
    batch_size: int = 256
    learning_rate: float = 1e-2


class Classifier(nn.Module):
    """Three convolutions, each halving the image, and a layer of features before the ten scores.

    Parameters
    ----------
    widths : tuple of int
        Channels of the three convolutions, then the number of features.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (16, 32, 64, 64)) -> None:
        super().__init__()
        self.widths = widths
        *channels, features = widths
        layers: list[nn.Module] = []
        for before, after in zip((1, *channels), channels, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.MaxPool2d(2),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        flat = channels[-1] * (SIDE // 8) ** 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, features), nn.ReLU())
        self.head = nn.Linear(features, CLASSES)
        # Channels last halve the time of a step on a CPU.
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """Return the activations before the scores.

        Parameters
        ----------
        images : Tensor, shape (..., 784)
            Grey levels 0..255, of any dtype.

        Returns
        -------
        Tensor, shape (..., F)
            Not negative.

        Raises
        ------
        ValueError
            If the images are not of 784 pixels.
        """
        if images.ndim == 0 or images.shape[-1] != SIDE**2:
            raise ValueError(
                f"images have shape {tuple(images.shape)}; expected (..., {SIDE**2}), "
                f"{SIDE} rows of {SIDE} grey levels"
            )
        scaled = images.to(self.head.weight.dtype) / (LEVELS - 1)  # (..., 784)
        features = self.body(scaled.reshape(-1, 1, SIDE, SIDE))  # (n, F)
        return features.reshape(*images.shape[:-1], -1)  # (..., F)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores (logits) of the ten digits: (..., 784) to (..., 10)."""
        return self.head(self.features(images))  # (..., 10)


def shift_images(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move each image by up to two pixels along both axes, black coming in at the border.

    Parameters
    ----------
    images : Tensor, shape (n, 784)
        Grey levels.
    generator : torch.Generator
        Source of the shifts, independent and uniform.

    Returns
    -------
    Tensor, shape (n, 784)
        In the dtype of the images.
    """
    padded = F.pad(images.reshape(-1, SIDE, SIDE), (MAX_SHIFT,) * 4)  # (n, 32, 32)
    corner = torch.randint(
        0, 2 * MAX_SHIFT + 1, (2, len(images), 1), generator=generator, device=images.device
    )  # (2, n, 1)
    rows, columns = corner + torch.arange(SIDE, device=images.device)  # (n, 28) each
    which = torch.arange(len(images), device=images.device)  # (n,)
    shifted = padded[which[:, None, None], rows[:, :, None], columns[:, None, :]]  # (n, 28, 28)
    return shifted.flatten(1)


def evaluate_classifier(
    classifier: Classifier, images: Tensor, labels: Tensor, *, batch_size: int = 1024
) -> dict[str, float]:
    """Return the mean cross-entropy (``loss``, nats) and ``accuracy`` on images (n, 784)."""
    loss = correct = 0
    with torch.no_grad():
        for batch, target in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            logits = classifier(batch)  # (b, 10)
            target = target.long()
            loss += F.cross_entropy(logits.double(), target, reduction="sum")
            correct += (logits.argmax(-1) == target).sum()
    return {"loss": float(loss) / len(images), "accuracy": int(correct) / len(images)}


def train_classifier(
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    settings: ClassifierSettings,
    seed: int,
    progress: str | None = None,
) -> tuple[Classifier, list[dict[str, float]]]:
    """Train on randomly shifted images with Adam, one cycle of the learning rate.

    The same seed, machine and number of threads give identical weights.

    Parameters
    ----------
    train, validation : tuple of Tensor, shapes (n, 784) and (n,)
        Images in grey levels and their digits; the model is made on their device.
    settings : ClassifierSettings
        Epochs, batch size and learning rate.
    seed : int
        Seeds initial weights, order of the images and shifts.
    progress : str, optional
        Title of a progress bar; none is shown without.

    Returns
    -------
    tuple of Classifier and list of dict
        The trained classifier, in eval mode, and one row an epoch: ``epoch, train_loss,
        validation_loss`` (nats), ``validation_accuracy, learning_rate, seconds``.

    Raises
    ------
    ArithmeticError
        If the loss of an epoch is not finite.
    ValueError
        If there are no images, or not as many labels.
    """
    for name, (images, labels) in (("training", train), ("validation", validation)):
        if len(images) == 0 or len(images) != len(labels):
            raise ValueError(
                f"{len(images)} {name} images with {len(labels)} labels; expected as many, "
                "at least one"
            )
    images, labels = train
    device = images.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier().to(device)
    generator = torch.Generator(device).manual_seed(seed)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=settings.learning_rate)
    steps = math.ceil(len(images) / settings.batch_size)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        settings.learning_rate,
        total_steps=settings.epochs * steps,
        pct_start=0.2,
        cycle_momentum=False,
    )
    history, start = [], time.perf_counter()
    bar = tqdm(range(1, settings.epochs + 1), desc=progress, disable=progress is None, unit="epoch")
    for epoch in bar:
        classifier.train()
        total = torch.zeros((), dtype=torch.float64, device=device)
        for rows in _batches(images, settings.batch_size, generator):
            batch = shift_images(images[rows], generator)  # (b, 784)
            loss = F.cross_entropy(classifier(batch), labels[rows].long())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            learning_rate = optimizer.param_groups[0]["lr"]
            rate.step()
            total += loss.detach() * len(rows)
        train_loss = float(total) / len(images)
        if not math.isfinite(train_loss):
            raise ArithmeticError(
                f"the classifier's loss became {train_loss} in epoch {epoch}; check that the "
                f"images are finite, or lower its learning rate (now {settings.learning_rate:g})"
            )
        classifier.eval()
        found = evaluate_classifier(classifier, *validation)
        history.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "validation_loss": found["loss"],
                "validation_accuracy": found["accuracy"],
                "learning_rate": learning_rate,
                "seconds": time.perf_counter() - start,
            }
        )
        bar.set_postfix(accuracy=f"{found['accuracy']:.4f}")
    return classifier.requires_grad_(False), history


def _batches(images: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(len(images), generator=generator, device=images.device)  # (n,)
    yield from order.split(size)


def save_classifier(classifier: Classifier, path: str | Path, metadata: Mapping[str, str]) -> None:
    """Write weights and widths to a safetensors file, with ``metadata`` such as the seed."""
    arrays = {name: value.cpu().numpy() for name, value in classifier.state_dict().items()}
    save_arrays(path, arrays, {**metadata, "widths": json.dumps(classifier.widths)})


def load_classifier(path: str | Path, device: torch.device | str = "cpu") -> Classifier:
    """Read a classifier that :func:`save_classifier` wrote: in eval mode, gradients off.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds no such classifier.
    """
    metadata = load_metadata(path)
    try:
        with torch.device("meta"):
            classifier = Classifier(tuple(json.loads(metadata["widths"])))
        arrays = load_arrays(path, *classifier.state_dict())
        weights = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        classifier.load_state_dict(weights, assign=True)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} holds no classifier ({type(error).__name__}: {error}); give a file that "
            "save_classifier wrote, or delete it and run the workflow again"
        ) from error
    classifier.to(memory_format=torch.channels_last)
    return classifier.eval().requires_grad_(False)
