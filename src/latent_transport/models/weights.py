"""Files of modules: their weights, and what their shape is made from."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from latent_transport.storage import DataError, load_arrays, load_metadata, save_arrays

M = TypeVar("M", bound=nn.Module)


def save_module(
    module: nn.Module,
    path: str | Path,
    shape: Mapping[str, Any],
    metadata: Mapping[str, str],
) -> None:
    """Write a module's weights to a safetensors file (no pickle).

    Parameters
    ----------
    module : nn.Module
        Left as it is.
    path : path
        File to write; replaced as a whole.
    shape : mapping of str to JSON values
        What :func:`load_module` makes the module from, such as its architecture.
    metadata : mapping of str to str
        Kept beside, such as the seed.
    """
    arrays = {name: value.detach().cpu().numpy() for name, value in module.state_dict().items()}
    notes = {key: json.dumps(value) for key, value in shape.items()}
    save_arrays(path, arrays, {**metadata, **notes})


def load_module(
    path: str | Path,
    make: Callable[..., M],
    *keys: str,
    kind: str,
    device: torch.device | str = "cpu",
) -> M:
    """Read a module that :func:`save_module` wrote: in eval mode, gradients off.

    Nothing is allocated before the file's weights are known to fit.

    Parameters
    ----------
    path : path
        File to read.
    make : callable
        Makes the module from the values of ``keys``, given by position.
    keys : str
        Those of its ``shape``.
    kind : str
        What the file should hold, and whose function ``save_...`` wrote it, for errors.
    device : torch.device or str, optional
        Where the weights are to be.

    Raises
    ------
    DataError
        If the file is missing or damaged, lacks a key or a weight, its keys make no such module,
        or it has a weight of another shape.
    """
    metadata = load_metadata(path)
    refusal = f"{path} holds no {kind}"
    remedy = f"give a file that save_{kind} wrote, or delete it and run the workflow again"
    for key in keys:
        if key not in metadata:
            raise DataError(
                f"{refusal}: its metadata lack {key!r} (found "
                f"{', '.join(sorted(metadata)) or 'none'}); " + remedy
            )
    try:
        with torch.device("meta"):
            module = make(*(json.loads(metadata[key]) for key in keys))
    except (LookupError, RuntimeError, TypeError, ValueError) as error:
        found = " and ".join(f"{key} {metadata[key]}" for key in keys)
        raise DataError(f"{refusal}: none is made of its {found} ({error}); {remedy}") from error
    expected = module.state_dict()
    arrays = load_arrays(path, *expected)
    for name, weight in expected.items():
        if arrays[name].shape != weight.shape:
            raise DataError(
                f"{refusal}: it has {name} of shape {arrays[name].shape}; its architecture expects "
                f"{tuple(weight.shape)}; {remedy}"
            )
    weights = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    module.load_state_dict(weights, assign=True)
    return module.eval().requires_grad_(False)
