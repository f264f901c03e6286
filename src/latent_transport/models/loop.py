"""The loop that trains every model: epochs of mini-batches, and the weights that are kept."""

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

M = TypeVar("M", bound=nn.Module)


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
        Peak of the one-cycle schedule: it rises to it and decays to almost zero, along cosines.
    patience : int or None
        Epochs without a better validation loss before training stops; the weights of the best
        epoch are kept. With None training goes on to its end, and the last weights are kept.
    """

    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 1e-3
    patience: int | None = 15


@dataclass
class History:
    """One row an epoch.

    A row has ``epoch``, ``train_loss``, the held-out images' measures, each named
    ``validation_...``, ``learning_rate`` of the last step, and ``seconds`` since the start.
    """

    rows: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, float]:
        """Row of the epoch with the lowest validation loss."""
        return min(self.rows, key=lambda row: row["validation_loss"])


class NonFiniteLossError(ArithmeticError):
    """A training or validation loss became infinite or not a number."""


def make_seeded(make: Callable[[], M], seed: int, device: torch.device | str) -> M:
    """Make a module whose initial weights a seed decides, leaving the global generators alone.

    Parameters
    ----------
    make : callable
        Makes the module, on the CPU: its weights are the same whatever the device.
    seed : int
        Seeds the initial weights.
    device : torch.device or str
        Where the module is moved to.
    """
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would seed the GPUs' generators too.
        torch.default_generator.manual_seed(seed)
        return make().to(device)


def train_module(
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    evaluate: Callable[[], Mapping[str, float]],
    *,
    count: int,
    schedule: Schedule,
    generator: torch.Generator,
    warm_up: float = 0.1,
    largest_gradient: float | None = 1.0,
    name: str = "the module",
    advice: str = "",
    progress: str | None = None,
) -> History:
    """Minimise a loss with Adam and one cycle of the learning rate.

    Parameters
    ----------
    module : nn.Module
        What is trained, in place. It comes back in eval mode, gradients off.
    loss : callable
        Mean loss, shape (), of the training images in some rows, an int64 tensor (b,).
    evaluate : callable
        Measures of held-out images, in eval mode, by name; the lowest ``"loss"`` is the best.
    count : int
        Number of training images.
    schedule : Schedule
        Epochs, batch size, learning rate and patience.
    generator : torch.Generator
        Draws the order of the images, on the device of the module.
    warm_up : float
        Share of the steps during which the learning rate rises.
    largest_gradient : float, optional
        Norm that longer gradients of all weights together are shortened to.
    name, advice : str
        What is trained, and what may help besides a lower learning rate, for errors.
    progress : str, optional
        Title of a progress bar; none is shown without.

    Returns
    -------
    History
        One row an epoch.

    Raises
    ------
    NonFiniteLossError
        If a batch's or the validation loss is not finite; names the epoch and the batch.
    """
    # Fused, since the unfused steps take a quarter of a training on a CPU.
    optimizer = torch.optim.Adam(module.parameters(), lr=schedule.learning_rate, fused=True)
    steps = math.ceil(count / schedule.batch_size)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        schedule.learning_rate,
        total_steps=schedule.epochs * steps,
        pct_start=warm_up,
        cycle_momentum=False,
    )
    hint = (
        "check that the images are finite, or lower the learning rate (now "
        f"{schedule.learning_rate:g})" + (advice and f", or {advice}")
    )
    history, best_weights, start = History(), None, time.perf_counter()
    epochs = range(1, schedule.epochs + 1)
    bar = tqdm(epochs, desc=progress, disable=progress is None, unit="epoch")
    for epoch in bar:
        module.train()
        total = torch.zeros((), dtype=torch.float64, device=generator.device)
        order = torch.randperm(count, generator=generator, device=generator.device)  # (count,)
        for number, rows in enumerate(order.split(schedule.batch_size), start=1):
            batch_loss = loss(rows)  # ()
            if not torch.isfinite(batch_loss):
                raise NonFiniteLossError(
                    f"{name}'s loss became {batch_loss.item()} in epoch {epoch}, batch {number} of "
                    f"{steps}; {hint}"
                )
            optimizer.zero_grad(set_to_none=True)
            batch_loss.backward()
            if largest_gradient is not None:
                torch.nn.utils.clip_grad_norm_(module.parameters(), largest_gradient)
            optimizer.step()
            learning_rate = optimizer.param_groups[0]["lr"]
            rate.step()
            total += batch_loss.detach() * len(rows)
        module.eval()
        held_out = evaluate()
        if not math.isfinite(held_out["loss"]):
            raise NonFiniteLossError(
                f"{name}'s validation loss became {held_out['loss']} in epoch {epoch}; {hint}"
            )
        row = {
            "epoch": epoch,
            "train_loss": total.item() / count,
            **{f"validation_{measure}": value for measure, value in held_out.items()},
            "learning_rate": learning_rate,
            "seconds": time.perf_counter() - start,
        }
        history.rows.append(row)
        bar.set_postfix({measure: f"{value:.4f}" for measure, value in held_out.items()})
        if schedule.patience is None:
            continue
        if history.best is row:
            best_weights = copy.deepcopy(module.state_dict())
        elif epoch - history.best["epoch"] >= schedule.patience:
            break
    if best_weights is not None:
        module.load_state_dict(best_weights)
    module.requires_grad_(False)
    return history
