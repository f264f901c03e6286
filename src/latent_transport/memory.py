"""How much memory temporaries may take, and computations in parts that keep to it.

What a row of a computation takes is measured, not guessed: a decoder's hidden layers or a density's
codes may take a thousand times what comes out. A few rows are computed while a ledger is kept of
the tensors that are made and released.

Only what can be thrown away is bounded. Where a gradient is wanted, the graph that leads to it has
to be kept, and nothing is won by computing it in parts.
"""

import math
import warnings
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from typing_extensions import override

MEMORY = 2**29
"""Bytes that temporaries may take, unless a solver is given another number."""

HOLES = 2
"""Share by which an allocator may hold more than is asked of it: small blocks leave holes."""

FEW = 16  # rows that are computed at once whatever they take: fewer than measuring would pay for
MEASURED = (4, 8)  # rows from whose difference the bytes a row follow

EXHAUSTED = ("out of memory", "not enough memory", "can't allocate memory", "ALLOC_FAILED")
"""Words by which allocators say that there is no more: CUDA's and MPS's, CPUs', cuBLAS's."""

ALONE = (
    "the memory does not suffice for a single pair: end what else uses it, ask for fewer points "
    "(points=32), lower latent_transport.memory.MEMORY, the bytes that temporaries may take, or "
    "move decoder and points to a device that has more"
)
"""What to do where nothing is left to be halved."""

Sized = Callable[[int], object]
"""A computation on a given number of rows, whose result is kept while it is measured."""


def count_rows(bytes_a_row: float, memory: int | None = None) -> int:
    """How many rows of a computation fit in ``memory`` bytes: 1 at least.

    Parameters
    ----------
    bytes_a_row : float
        What one row takes.
    memory : int, optional
        Bytes there are; ``MEMORY`` by default.
    """
    available = (MEMORY if memory is None else memory) / HOLES
    return max(1, int(available // max(1, bytes_a_row)))


def measure_row(compute: Sized, counts: tuple[int, int] = MEASURED) -> int:
    """Bytes by which the peak of a computation's tensors grows with each of its rows.

    What does not grow with the rows, such as a layer's normalised weights, is left out.

    Parameters
    ----------
    compute : callable
        Runs the computation on as many rows as it is told.
    counts : tuple of int
        Fewer and more rows with which it is run.

    Returns
    -------
    int
        1 at least.
    """
    histories = []
    for count in counts:
        with _Ledger() as ledger:
            result = compute(count)
        histories.append(ledger.held)
        del result
    fewer, more = histories
    if len(fewer) == len(more):
        growth = max(b - a for a, b in zip(fewer, more, strict=True)) / (counts[1] - counts[0])
    else:  # another course of the computation: nothing tells what would have been kept anyway
        growth = max(more) / counts[1]
    return max(1, math.ceil(growth))


def is_exhausted(error: Exception) -> bool:
    """Whether an error says that the memory of the machine, or of its GPU, has run out."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in EXHAUSTED)


def halve(count: int, error: Exception) -> int:
    """Half as many pairs as those for which memory ran out, said by a warning.

    Raises
    ------
    Exception
        The error itself, if it is another, or there was one pair only; then it says what to do.
    """
    if not is_exhausted(error) or ALONE in getattr(error, "__notes__", ()):
        raise error
    if count == 1:
        error.add_note(ALONE)
        raise error
    warnings.warn(
        f"the memory does not suffice for {count} geodesics at once ({_first_line(error)}): going "
        f"on with {count // 2}",
        RuntimeWarning,
        stacklevel=2,
    )
    return count // 2


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


class RowSizes:
    """What rows of a geometry's or a model's computations take, each measured once.

    Measuring costs as much as computing a few dozen rows.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Hashable, int, torch.dtype, torch.device], int] = {}

    def measure(
        self,
        name: Hashable,
        like: Tensor,
        compute: Sized,
        counts: tuple[int, int] = MEASURED,
    ) -> int:
        """Bytes a row, as :func:`measure_row`.

        Parameters
        ----------
        name : hashable
            Tells the computation from the others.
        like : Tensor, shape (..., d)
            What it is done to: of another d, dtype or device it is measured anew.
        compute, counts
            As for :func:`measure_row`.
        """
        key = (name, like.shape[-1], like.dtype, like.device)
        if key not in self._known:
            self._known[key] = measure_row(compute, counts)
        return self._known[key]


def map_rows(
    function: Callable[..., Tensor],
    *rows: Tensor,
    memory: int | None = None,
    bytes_a_row: int | None = None,
    sizes: RowSizes | None = None,
    name: Hashable = "rows",
) -> Tensor:
    """Apply a function of rows in blocks that keep to the memory.

    Parameters
    ----------
    function : callable
        Maps tensors (..., d), broadcastable but for their last dimensions, to (..., *event), each
        row by itself.
    *rows : Tensor, shape (..., d)
        Its arguments.
    memory : int, optional
        Bytes that the temporaries may take; ``MEMORY`` by default.
    bytes_a_row : int, optional
        What a row takes, where it is known; measured otherwise.
    sizes, name : RowSizes and hashable, optional
        Where it is known, or will be, what a row of the computation of that name takes.

    Returns
    -------
    Tensor, shape (..., *event)
        As ``function(*rows)``, which is called as it is where a gradient is wanted.
    """
    lead = torch.broadcast_shapes(*(x.shape[:-1] for x in rows))
    total = math.prod(lead)
    if total <= FEW or _is_whole(rows):
        return function(*rows)
    aligned = [x[(None,) * (len(lead) + 1 - x.ndim)] for x in rows]  # (1..., ..., d) each

    def compute(count: int) -> Tensor:
        places = torch.unravel_index(torch.arange(count), lead)  # (count,) each
        return function(*(_take(x, places) for x in aligned))

    if bytes_a_row is None:
        sizes = sizes or RowSizes()
        bytes_a_row = sizes.measure(name, rows[0], compute)
    fitting = count_rows(bytes_a_row, memory)
    if fitting >= total:
        return function(*rows)
    found: Tensor | None = None
    for block in _split_rows(lead, fitting):
        part = function(*(_choose(x, block) for x in aligned))  # (..., *event)
        if found is None:
            found = part.new_empty(*lead, *part.shape[len(lead) :])
        found[block] = part
    assert found is not None  # noqa: S101 - there are rows
    return found


def map_segments(
    function: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    sizes: RowSizes,
    memory: int | None = None,
) -> Tensor:
    """Apply a function of polygons' segments to as many curves, or segments, as fit.

    Parameters
    ----------
    function : callable
        Maps points (..., N, d) to (..., N - 1), each value from its segment's two ends.
    points : Tensor, shape (..., N, d)
        Its argument.
    sizes : RowSizes
        Where it is known, or will be, what the segments of such points take.
    memory : int, optional
        Bytes that the temporaries may take; ``MEMORY`` by default.

    Returns
    -------
    Tensor, shape (..., N - 1)
        As ``function(points)``, which is called as it is where a gradient is wanted.
    """
    *lead, count, dims = points.shape
    if math.prod(lead) * count <= FEW or _is_whole([points]):
        return function(points)
    some = points.reshape(-1, dims)[: MEASURED[-1]]  # (8, d)
    size = sizes.measure("segments", points, lambda rows: function(some[:rows]))
    fitting = count_rows(size, memory)  # points
    curves = points.reshape(-1, count, dims)  # (B, N, d)
    step = max(1, fitting // count)  # curves
    runs = split_segments(count, count if fitting >= count else fitting)
    # Written where it belongs: results kept apart would lie between the temporaries' blocks, and
    # keep an allocator from using their room again.
    found = points.new_empty(len(curves), count - 1)  # (B, N - 1)
    for start in range(0, len(curves), step):
        part = slice(start, start + step)
        for run in runs:
            found[part, run.start : run.stop - 1] = function(curves[part, run])
    return found.reshape(*lead, count - 1)


def split_segments(points: int, most: int) -> list[slice]:
    """Runs of the points of a polygon: each of at most so many, but of two at least.

    Each begins with the point at which the one before it ends, so that every segment is in one.
    """
    step = max(1, most - 1)  # segments
    return [slice(start, start + step + 1) for start in range(0, points - 1, step)]


class _Ledger(TorchDispatchMode):
    """Keeps account of the bytes in tensors that are made inside.

    Attributes
    ----------
    held : list of int
        Bytes held after each making and release of a tensor's storage.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held = [0]
        self._known: dict[int, weakref.ref[Any]] = {}

    @override
    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        for x in tree_leaves((args, kwargs)):
            self._note(x, made=False)
        result = func(*args, **(kwargs or {}))
        for x in tree_leaves(result):
            self._note(x, made=True)
        return result

    def _note(self, x: object, *, made: bool) -> None:
        if not isinstance(x, Tensor) or x.layout is not torch.strided:
            return
        storage = x.untyped_storage()
        key = id(storage)
        if key in self._known:
            return
        size = storage.nbytes() if made else 0

        def release(_: object) -> None:
            del self._known[key]
            if size:
                self.held.append(self.held[-1] - size)

        self._known[key] = weakref.ref(storage, release)
        if size:
            self.held.append(self.held[-1] + size)


def _is_whole(tensors: Sequence[Tensor]) -> bool:
    """Whether a computation is not to be done in parts: its graph is kept, or there is no memory.

    Memory is none on the meta device, and not yet any in a program that is being compiled.
    """
    if torch.compiler.is_compiling() or any(x.is_meta for x in tensors):
        return True
    return torch.is_grad_enabled() and any(x.requires_grad for x in tensors)


def _take(x: Tensor, places: Sequence[Tensor]) -> Tensor:
    """Rows (n, d) of a tensor (..., d) at places (n,) in the shape that it is broadcast to."""
    index = [p if size > 1 else p * 0 for p, size in zip(places, x.shape[:-1], strict=True)]
    return x[tuple(p.to(x.device) for p in index)]


def _split_rows(lead: Sequence[int], fitting: int) -> Iterator[tuple[slice, ...]]:
    """Blocks of a shape, of at most so many rows, but of one at least."""
    if len(lead) == 0:
        yield ()
        return
    inner = math.prod(lead[1:])
    step = max(1, fitting // max(1, inner))
    for start in range(0, lead[0], step):
        for rest in _split_rows(lead[1:], max(1, fitting // step)):
            yield slice(start, start + step), *rest


def _choose(x: Tensor, block: Sequence[slice]) -> Tensor:
    """Part of a tensor (..., d) that belongs to a block of the shape that it is broadcast to."""
    sizes = x.shape[:-1]
    return x[tuple(part if n > 1 else slice(None) for part, n in zip(block, sizes, strict=True))]
