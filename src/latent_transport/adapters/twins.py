"""A model for decoding alone, which leaves the one that was given as it is."""

import copy
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)

TRAINERS = ("_trainer", "_fabric")  # what a Lightning module is attached to, and is not its own


def make_twin(module: Module) -> Module:
    """Copy a module for decoding: in eval mode, its parameters frozen, its weights shared.

    The module itself stays in its mode, with its parameters trainable. What later training writes
    into its weights, the twin has as well; moved to another device or dtype, the two part.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    nn.Module
        Of the same class. Gradient checkpointing, which saves memory in training and has no
        forward mode, is off.

    Raises
    ------
    TypeError
        If the module holds what cannot be copied.
    """
    kept: dict[int, object] = {}  # what a deep copy takes for the copy of each object, by its id
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, torch.Tensor):
                kept[id(value)] = value.detach()
        kept |= {id(vars(part)[name]): vars(part)[name] for name in TRAINERS if name in vars(part)}
    kept |= {id(value): value.detach() for value in module.buffers()}
    kept |= {id(value): nn.Parameter(value.detach(), False) for value in module.parameters()}
    try:
        twin = copy.deepcopy(module, kept)
    except Exception as error:
        raise TypeError(
            f"the {type(module).__name__} cannot be copied ({error}); put it in eval mode and "
            "requires_grad_(False), and give a geometry a function of z that calls it"
        ) from error
    for part in twin.modules():
        if getattr(part, "gradient_checkpointing", False) is True:
            vars(part)["gradient_checkpointing"] = False
    return twin.eval()
