"""Cutting a batch into blocks small enough for the processor's cache."""

import itertools
import math
from collections.abc import Iterator

import torch


def iterate_blocks(like: torch.Tensor, shape: torch.Size, size: int) -> Iterator[tuple]:
    """Index tuples that cut the leading dimensions ``shape`` of a tensor into blocks.

    Temporaries of element-wise code stay in cache when it runs block by block. That pays on the
    CPU only: any other device, and any tracing, gets one block that covers everything.

    Parameters
    ----------
    like
        A tensor of the batch; its device decides.
    shape
        Batch shape to cut.
    size
        Elements a block may hold.
    """
    if like.device.type != "cpu" or torch.compiler.is_compiling() or shape.numel() <= size:
        yield (...,)
        return
    dim = next(d for d in range(len(shape)) if math.prod(shape[d + 1 :]) <= size)
    step = max(1, size // math.prod(shape[dim + 1 :]))
    for head in itertools.product(*map(range, shape[:dim])):
        for start in range(0, shape[dim], step):
            yield (*head, slice(start, start + step))
