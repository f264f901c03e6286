"""A small convolutional classifier of digits, and its training.

It judges images on the paths between digits, so it shares nothing with the models that make them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from latent_transport.kernels.constants import LEVELS
from latent_transport.models.loop import History, Schedule, make_seeded, train_module
from latent_transport.models.weights import load_module, save_module

SIDE = 28
CLASSES = 10
MAX_SHIFT = 2  # pixels


class Classifier(nn.Module):
    """Three convolutions, each halving the image, and a layer of features before the ten scores.

    Parameters
    ----------
    widths : sequence of int
        Channels of the three convolutions, then the number of features.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 64)) -> None:
        super().__init__()
        self.widths = tuple(widths)
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

    @override
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
    loss = torch.zeros((), dtype=torch.float64, device=images.device)
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
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
    schedule: Schedule,
    seed: int,
    progress: str | None = None,
) -> tuple[Classifier, History]:
    """Train on randomly shifted images with Adam, one cycle of the learning rate.

    The same seed, machine and number of threads give identical weights.

    Parameters
    ----------
    train, validation : tuple of Tensor, shapes (n, 784) and (n,)
        Images in grey levels and their digits; the model is made on their device.
    schedule : Schedule
        Epochs, batch size, learning rate and patience.
    seed : int
        Seeds initial weights, order of the images and shifts.
    progress : str, optional
        Title of a progress bar; none is shown without.

    Returns
    -------
    tuple of Classifier and History
        The trained classifier, in eval mode, and one row an epoch: losses in nats, and
        ``validation_accuracy``.

    Raises
    ------
    NonFiniteLossError
        If a batch's or the validation loss is not finite; names the epoch and the batch.
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
    classifier = make_seeded(Classifier, seed, images.device)
    generator = torch.Generator(device=images.device).manual_seed(seed)

    def loss(rows: Tensor) -> Tensor:
        batch = shift_images(images[rows], generator)  # (b, 784)
        return F.cross_entropy(classifier(batch), labels[rows].long())

    history = train_module(
        classifier,
        loss,
        lambda: evaluate_classifier(classifier, *validation),
        count=len(images),
        schedule=schedule,
        generator=generator,
        warm_up=0.2,
        largest_gradient=None,
        name="the classifier",
        progress=progress,
    )
    return classifier, history


def save_classifier(classifier: Classifier, path: str | Path, metadata: Mapping[str, str]) -> None:
    """Write weights and widths to a safetensors file, with ``metadata`` such as the seed."""
    save_module(classifier, path, {"widths": classifier.widths}, metadata)


def load_classifier(path: str | Path, device: torch.device | str = "cpu") -> Classifier:
    """Read a classifier that :func:`save_classifier` wrote: in eval mode, gradients off.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds no such classifier.
    """
    classifier = load_module(path, Classifier, "widths", kind="classifier", device=device)
    return classifier.to(memory_format=torch.channels_last)
