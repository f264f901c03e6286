"""Choice of the implementation that evaluates a kernel."""

import contextlib
import contextvars
import functools
import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from latent_transport.kernels import native

VARIABLE = "LATENT_TRANSPORT_BACKEND"
BACKENDS = ("auto", "eager", "c", "compiled", "triton")

Kernel = Callable[..., tuple[Tensor, ...]]
"""Tensors of one block to the value, and the partials if asked for."""

_FUSE_ALL = {
    "max_fusion_size": 256,
    "cpp.max_horizontal_fusion_size": 256,
    "realize_opcount_threshold": 100_000,
    "realize_reads_threshold": 100_000,
}

_choice: contextvars.ContextVar[tuple[str, int] | None] = contextvars.ContextVar(
    "latent_transport_backend", default=None
)


@contextlib.contextmanager
def backend(name: str = "auto", *, pairs: int = 0) -> Iterator[None]:
    """Choose what evaluates the Wasserstein-1 kernels inside a ``with`` block.

    Parameters
    ----------
    name
        - ``"eager"``: PyTorch operations, block by block; starts at once, runs everywhere.
        - ``"c"``: C compiled when the package was installed; CPU tensors only. Starts at once.
        - ``"compiled"``: the same through ``torch.compile``; 2 to 3 times faster on a CPU, after
          half a minute of compilation (seconds once the compiler's cache is warm). Needs a C++
          compiler on a CPU.
        - ``"triton"``: one fused GPU kernel; CUDA tensors only.
        - ``"auto"``: C for CPU tensors, Triton for CUDA tensors where the ``triton`` package is
          installed, otherwise compiled if ``pairs`` says that it pays, otherwise eager.
    pairs
        Number of distribution pairs (pixels, not images) the block is going to evaluate, for
        ``"auto"``. Nothing is counted behind your back: which numbers come out, to the last digit,
        depends on the program and not on its history.

    Raises
    ------
    ValueError
        If the name is unknown.

    Notes
    -----
    The choice holds for the current thread or task and what it calls. Without a ``with`` block the
    environment variable ``LATENT_TRANSPORT_BACKEND`` decides, by default ``auto``. All backends
    agree to 1e-5.

    Examples
    --------
    >>> with backend("eager"):
    ...     paths = connecting_geodesics(geometry, z0, z1)
    """
    token = _choice.set((_check(name, "backend"), pairs))
    try:
        yield
    finally:
        _choice.reset(token)


@contextlib.contextmanager
def anticipate(pairs: int) -> Iterator[None]:
    """Announce at least ``pairs`` distribution pairs, unless the user has announced or chosen."""
    name, announced = _current()
    token = _choice.set((name, announced or pairs))
    try:
        yield
    finally:
        _choice.reset(token)


def resolve_backend(*tensors: Tensor, break_even: int = 0) -> str:
    """``"eager"``, ``"c"``, ``"compiled"`` or ``"triton"`` for a kernel of these inputs.

    Or ``"traced"`` inside a program that ``torch.compile`` or ``torch.export`` is tracing.
    ``break_even`` is the number of pairs at which compilation has paid for itself.
    """
    if torch.compiler.is_compiling():
        return "traced"
    tensor = tensors[0]
    if tensor.device.type == "meta":
        return "eager"
    name, pairs = _current()
    if name == "triton":
        _require_triton(tensor)
    if name == "c":
        _require_c(tensor)
    if name in ("auto", "c") and native.can_read(tensors) and _has_c():
        return "c"
    if name not in ("auto", "c"):
        return name
    if tensor.device.type == "cuda" and _has_triton():
        return "triton"
    if name == "auto" and pairs >= break_even and _compiles(tensor.device):
        return "compiled"
    return "eager"


@functools.cache
def compile_kernel(function: Kernel, *, fuse_all: bool = False) -> Kernel:
    """The compiled function; always call it with blocks of one shape, it is built for each.

    ``fuse_all`` lifts the limits beyond which the compiler writes intermediate results to memory.
    It pays for long loops over the edges, and costs compilation time elsewhere.
    """
    known = torch._inductor.list_options() if fuse_all else ()
    return torch.compile(
        function, dynamic=False, options={k: v for k, v in _FUSE_ALL.items() if k in known} or None
    )


def _current() -> tuple[str, int]:
    """Backend in force, and the number of pairs announced."""
    return _choice.get() or (_check(os.environ.get(VARIABLE, "auto"), VARIABLE), 0)


def _check(name: str, source: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"{source} is {name!r}, expected one of {', '.join(BACKENDS)}")
    return name


@functools.cache
def _compiles(device: torch.device) -> bool:
    """Whether ``torch.compile`` works here, found out by compiling next to nothing."""
    try:
        torch.compile(torch.neg)(torch.ones(2, device=device))
    except Exception as error:  # whatever a missing or broken compiler raises
        reason = str(error).strip().splitlines()[0]
        warnings.warn(
            f"torch.compile does not work here ({reason}); the W1 kernels run uncompiled",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def _has_c() -> bool:
    found = native.load() is not None
    if not found:
        _warn_without_c()
    return found


@functools.cache
def _warn_without_c() -> None:
    """Say once in a process what is missing."""
    warnings.warn(
        "latent_transport was installed without its C kernels, as where no C compiler is; W1 takes "
        "many times longer. Install a C compiler, then this package again",
        RuntimeWarning,
        stacklevel=2,
    )


def _require_c(tensor: Tensor) -> None:
    if native.load() is None:
        raise ImportError(
            "the backend is 'c', but the C kernels were not built, as where no C compiler is "
            "found; install one, then this package again, or choose the backend 'auto'"
        )
    if tensor.device.type != "cpu":
        raise ValueError(
            f"the backend is 'c', which needs CPU tensors, found {tensor.device}; move the "
            "tensors or choose the backend 'auto'"
        )


@functools.cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None


def _require_triton(tensor: Tensor) -> None:
    if not _has_triton():
        raise ImportError(
            "the backend is 'triton', but the package triton is not installed; install it or "
            "choose the backend 'auto'"
        )
    if tensor.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ValueError(
            f"the backend is 'triton', which needs CUDA tensors, found {tensor.device}; move the "
            "tensors or choose the backend 'auto'"
        )
