"""A small convolutional classifier of images, and its training.

It judges images on the paths between them, so it shares nothing with the models that make them.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from latent_transport.kernels.constants import LEVELS
from latent_transport.models.loop import History, Schedule, make_seeded, train_module
from latent_transport.models.weights import load_module, save_module

HALVINGS = 3
SIZES = ("widths", "side", "classes")
MAX_SHIFT = 2  # pixels


class Classifier(nn.Module):
    """Three convolutions, each halving the image, and a layer of features before the scores.

    Parameters
    ----------
    widths : sequence of int
        Channels of the three convolutions, then the number of features.
    side : int
        Height and width of the images.
    classes : int
        Number of the scores.

    Raises
    ------
    ValueError
        If the images have fewer than 8 pixels a side.
    """

    def __init__(
        self, widths: Sequence[int] = (16, 32, 64, 64), side: int = 28, classes: int = 10
    ) -> None:
        super().__init__()
        if side < 2**HALVINGS:
            raise ValueError(f"images of {side} pixels a side; expected at least {2**HALVINGS}")
        self.widths, self.side, self.classes = tuple(widths), side, classes
        *channels, features = widths
        layers: list[nn.Module] = []
        for before, after in zip((1, *channels), channels, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.MaxPool2d(2),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        flat = channels[-1] * (side // 2**HALVINGS) ** 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, features), nn.ReLU())
        self.head = nn.Linear(features, classes)
        # Channels last halve the time of a step on a CPU.
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """Return the activations before the scores.

        Parameters
        ----------
        images : Tensor, shape (..., side^2)
            Grey levels 0..255, of any dtype.

        Returns
        -------
        Tensor, shape (..., F)
            Not negative.

        Raises
        ------
        ValueError
            If the images are of another size.
        """
        side = self.side
        if images.ndim == 0 or images.shape[-1] != side**2:
            raise ValueError(
                f"images have shape {tuple(images.shape)}; expected (..., {side**2}), "
                f"{side} rows of {side} grey levels"
            )
        scaled = images.to(self.head.weight.dtype) / (LEVELS - 1)  # (..., D)
        features = self.body(scaled.reshape(-1, 1, side, side))  # (n, F)
        return features.reshape(*images.shape[:-1], -1)  # (..., F)

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Return the scores (logits) of the classes: (..., side^2) to (..., classes)."""
        return self.head(self.features(images))  # (..., C)


def shift_images(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move each image by up to two pixels along both axes, black coming in at the border.

    Parameters
    ----------
    images : Tensor, shape (n, side^2)
        Grey levels.
    generator : torch.Generator
        Source of the shifts, independent and uniform.

    Returns
    -------
    Tensor, shape (n, side^2)
        In the dtype of the images.
    """
    side = math.isqrt(images.shape[1])
    padded = F.pad(images.reshape(-1, side, side), (MAX_SHIFT,) * 4)  # (n, side + 4, side + 4)
    corner = torch.randint(
        0, 2 * MAX_SHIFT + 1, (2, len(images), 1), generator=generator, device=images.device
    )  # (2, n, 1)
    rows, columns = corner + torch.arange(side, device=images.device)  # (n, side) each
    which = torch.arange(len(images), device=images.device)  # (n,)
    shifted = padded[which[:, None, None], rows[:, :, None], columns[:, None, :]]  # (n, side, side)
    return shifted.flatten(1)


def evaluate_classifier(
    classifier: Classifier, images: Tensor, labels: Tensor, *, batch_size: int = 1024
) -> dict[str, float]:
    """Return the mean cross-entropy (``loss``, nats) and ``accuracy`` on images (n, D)."""
    loss = torch.zeros((), dtype=torch.float64, device=images.device)
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
    with torch.no_grad():
        for batch, target in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            logits = classifier(batch)  # (b, C)
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
    train, validation : tuple of Tensor, shapes (n, D) and (n,)
        Square images in grey levels and their labels; the model is made on their device.
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
    side = math.isqrt(images.shape[1])
    classes = 1 + int(max(part.max() for _, part in (train, validation)))
    classifier = make_seeded(lambda: Classifier(side=side, classes=classes), seed, images.device)
    generator = torch.Generator(device=images.device).manual_seed(seed)

    def loss(rows: Tensor) -> Tensor:
        batch = shift_images(images[rows], generator)  # (b, D)
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
    """Write weights and sizes to a safetensors file, with ``metadata`` such as the seed."""
    shape = {name: getattr(classifier, name) for name in SIZES}
    save_module(classifier, path, shape, metadata)


def load_classifier(path: str | Path, device: torch.device | str = "cpu") -> Classifier:
    """Read a classifier that :func:`save_classifier` wrote: in eval mode, gradients off.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds no such classifier.
    """
    classifier = load_module(path, Classifier, *SIZES, kind="classifier", device=device)
    return classifier.to(memory_format=torch.channels_last)
