"""scvi-tools' models of counts (Lopez et al. 2018; Gayoso et al. 2022, *scvi-tools*)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from latent_transport.adapters.arguments import Arguments
from latent_transport.adapters.decoder import AdaptedDecoder
from latent_transport.adapters.twins import make_twin
from latent_transport.distributions.registry import DecoderOutput

LIBRARY_SIZE = 1e4  # counts of a cell, as expression is usually normalised


def is_scvi(model: Any) -> bool:
    """Whether a model has a generative part as scvi-tools' have, or is one."""
    return callable(getattr(_find_module(model), "generative", None))


def read_scvi(model: Any, arguments: Arguments) -> AdaptedDecoder:
    """Decoder of a model of scvi-tools, for cells of one library size and batch.

    Counts as the model's ``gene_likelihood`` says: negative binomials, zero-inflated or not, or
    Poisson distributions, D genes each.

    Raises
    ------
    ValueError
        If the library size is not positive, or there are several batches and none, or no known one,
        is named.
    TypeError
        If the model needs more than latents, library size and batch, or decodes to something else
        than counts.
    """
    name = f"scvi-tools' {type(model).__name__}"
    arguments.refuse_others(name, "library_size", "batch")
    size = LIBRARY_SIZE if arguments.library_size is None else arguments.library_size
    if not 0 < size < math.inf:
        raise ValueError(f"library_size is {size}; expected the positive total count of a cell")
    batch = _choose_batch(_name_batches(model), arguments.batch, name)
    module = make_twin(_find_module(model))

    def decode(z: Tensor) -> DecoderOutput:
        library = z.new_full((len(z), 1), math.log(size))  # (M, 1)
        index = torch.full_like(library, batch, dtype=torch.int64)  # (M, 1)
        try:
            found = module.generative(z, library, index, size_factor=library)
        except TypeError as error:
            error.add_note(
                f"{name} needs more than latents, library size and batch, such as covariates or "
                "labels: give the geometry a function of z that calls model.module.generative"
            )
            raise
        counts = found.get("px")
        if not isinstance(counts, Distribution):
            raise TypeError(
                f"{name} generates {', '.join(map(str, found))}, and no distribution px of counts; "
                "give the geometry a function of z that returns the distribution to be measured"
            )
        return counts

    return AdaptedDecoder(name, module, decode)


def _find_module(model: Any) -> Any:
    return getattr(model, "module", model)


def _name_batches(model: Any) -> Sequence[Any]:
    """Names of the batches in the order of their numbers, or the numbers."""
    try:
        registry = model.adata_manager.get_state_registry("batch")
        return list(registry["categorical_mapping"])
    except (AttributeError, KeyError, ValueError):
        return range(max(1, int(getattr(_find_module(model), "n_batch", 1))))


def _choose_batch(names: Sequence[Any], batch: Any, name: str) -> int:
    if batch is None and len(names) == 1:
        return 0
    known = [*names]
    if batch not in known:
        found = "none was given" if batch is None else f"not {batch!r}"
        raise ValueError(
            f"{name} knows the batches {', '.join(map(repr, known))}, {found}; name the one whose "
            "cells are to be decoded: adapt(model, batch=...)"
        )
    return known.index(batch)
