"""Choice of the implementation that evaluates a kernel."""

import contextlib
import contextvars
import functools
import importlib.util
import os
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor

from latent_transport.kernels import native

VARIABLE = "LATENT_TRANSPORT_BACKEND"
BACKENDS = ("auto", "eager", "c", "triton")

_choice: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "latent_transport_backend", default=None
)


@contextlib.contextmanager
def backend(name: str = "auto") -> Iterator[None]:
    """Choose what evaluates the W1 and Fisher-information kernels inside a ``with`` block.

    Parameters
    ----------
    name
        - ``"eager"``: PyTorch operations, block by block; runs everywhere.
        - ``"c"``: a C library, compiled when the package was installed; CPU tensors only. One
          logistic costs a seventh of ``"eager"``, mixtures a fifth, Fisher information a third.
        - ``"triton"``: one fused GPU kernel; CUDA tensors only. Fisher information is eager.
        - ``"auto"``: C for CPU tensors, Triton for CUDA tensors where the ``triton`` package is
          installed, otherwise eager: with one warning a process where the C library is missing.

    Raises
    ------
    ValueError
        If the name is unknown.

    Notes
    -----
    The choice holds for the current thread or task and what it calls. Without a ``with`` block the
    environment variable ``LATENT_TRANSPORT_BACKEND`` decides, by default ``auto``. All backends
    agree to 1e-5. Where operations are recorded or transformed (``meta`` and fake tensors, tracing)
    they are PyTorch's, whatever was chosen.

    Examples
    --------
    >>> with backend("eager"):
    ...     paths = connecting_geodesics(geometry, z0, z1)
    """
    token = _choice.set(_check(name, "backend"))
    try:
        yield
    finally:
        _choice.reset(token)


def resolve_backend(*tensors: Tensor) -> str:
    """``"eager"``, ``"c"`` or ``"triton"`` for a kernel of these inputs.

    Or ``"traced"`` inside a program that ``torch.compile`` or ``torch.export`` is tracing.
    """
    if torch.compiler.is_compiling():
        return "traced"
    device = tensors[0].device.type
    if device == "meta":
        return "eager"
    name = _chosen()
    if name == "triton":
        _require_triton(tensors[0])
    if name == "c":
        _require_c(tensors[0])
    if name in ("auto", "c"):
        if native.can_read(tensors) and _has_c():
            return "c"
        name = "triton" if device == "cuda" and _has_triton() else "eager"
    return "eager" if name == "triton" and not native.are_plain(tensors) else name


def runs_in_c(*tensors: Tensor) -> bool:
    """Whether the C library evaluates a kernel of these inputs that has none in Triton."""
    name = _chosen()
    return (
        name in ("auto", "c")
        and not torch.compiler.is_compiling()
        and native.can_read(tensors)
        and _has_c()
    )


def _chosen() -> str:
    """The backend that was chosen, by a ``with`` block or the environment."""
    return _choice.get() or _check(os.environ.get(VARIABLE, "auto"), VARIABLE)


def _check(name: str, source: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"{source} is {name!r}, expected one of {', '.join(BACKENDS)}")
    return name


def _has_c() -> bool:
    found = native.load() is not None
    if not found:
        _warn_without_c()
    return found


@functools.cache
def _warn_without_c() -> None:
    """Say once in a process what is missing."""
    warnings.warn(
        f"latent_transport runs without its C kernels ({native.explain()}): W1 takes many times "
        f"longer; {native.REMEDY}",
        RuntimeWarning,
        stacklevel=2,
    )


def _require_c(tensor: Tensor) -> None:
    if native.load() is None:
        raise ImportError(
            f"the backend is 'c', but there are no C kernels ({native.explain()}); "
            f"{native.REMEDY}, or choose the backend 'auto'"
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
