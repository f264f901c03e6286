"""Evaluating a batch block by block."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType

import torch
from torch import Tensor

BlockFunction = Callable[..., Iterable[Tensor]]
"""Blocks of the inputs to those of the outputs."""

STREAMING = 64  # an accelerator has no cache to fit into but many more lanes to fill


def choose_size(tensor: Tensor, cached: int) -> int:
    """Elements a block may hold where ``cached`` of them suit the caches of a CPU."""
    return cached if tensor.device.type == "cpu" else STREAMING * cached


def map_blocks(
    function: BlockFunction, inputs: Sequence[Tensor], outputs: Sequence[Tensor], size: int
) -> None:
    """Fill ``outputs`` with ``function(*inputs)``, ``size`` elements of the batch at a time.

    Temporaries of element-wise code stay small, and on a CPU in its cache, when it runs block by
    block. The batch shape is that of the first output; the other tensors may have more dimensions
    behind it.
    """
    for block in iterate_blocks(outputs[0].shape, size):
        results = function(*(x[block] for x in inputs))
        for output, result in zip(outputs, results, strict=True):
            output[block] = result


def iterate_blocks(
    shape: Sequence[int], size: int
) -> Iterator[tuple[int | slice | EllipsisType, ...]]:
    """Index tuples that cut the leading dimensions ``shape`` into blocks of at most ``size``.

    Inside a traced program, which fuses by itself, there is one block.
    """
    if torch.compiler.is_compiling() or math.prod(shape) <= size:
        yield (...,)
        return
    dim = next(d for d in range(len(shape)) if math.prod(shape[d + 1 :]) <= size)
    step = size // math.prod(shape[dim + 1 :])
    for head in itertools.product(*map(range, shape[:dim])):
        for start in range(0, shape[dim], step):
            yield (*head, slice(start, start + step))
