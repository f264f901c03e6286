"""Options and preparations that the scripts which use torch share."""

import argparse
import os

import torch

from latent_transport.datasets.subsets import Subset
from latent_transport.storage import DataError
from workflow.recording import name_processor, note_device


def add_compute_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads`` and ``--device`` to a script's options."""
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def prepare(arguments: argparse.Namespace) -> torch.device:
    """Set torch's threads, and choose and note the device to compute on.

    ``auto`` is a GPU where torch finds one, and the CPU elsewhere.
    """
    torch.set_num_threads(arguments.threads)
    available = torch.cuda.is_available()
    if arguments.device == "cuda" and not available:
        raise DataError(
            "device is cuda, but torch finds no GPU; set the config key device to auto or cpu"
        )
    device = torch.device("cuda" if available and arguments.device != "cpu" else "cpu")
    note_device(_name(device))
    return device


def describe_machine(device: torch.device, threads: int) -> dict[str, str | int]:
    """Columns that tell of a benchmark's table where it was measured."""
    return {
        "device": str(device),
        "processor": _name(device),
        "cores": count_cores(),
        "threads": threads,
        "torch": torch.__version__,
    }


def count_cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else name_processor()


def images_of(subset: Subset, split: str, device: torch.device) -> torch.Tensor:
    """Images (n, D) of one split, as float32 grey levels on the device."""
    return torch.from_numpy(subset.of(split).images).to(device, torch.float32)
