"""The kernels compiled in C, a shared library beside its sources in the folder ``c``.

It is built when the package is installed, where a C compiler is. What it computes is what
:mod:`latent_transport.kernels.logistic` and :mod:`latent_transport.kernels.mixture` say; of its
levels of instructions the highest is used that PyTorch finds (and that ``ATEN_CPU_CAPABILITY``
allows).
"""

import ctypes
import functools
import importlib.machinery
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from latent_transport.kernels.constants import WIDE

FOLDER = Path(__file__).with_name("c")
NAME = "wasserstein1"
# Pip keeps the wheel that it built without a compiler, and would take it again.
REMEDY = (
    "install a C compiler, then this package again by pip install --force-reinstall --no-cache-dir"
)
LEVELS = {"AVX512": "avx512", "AVX2": "avx2"}  # by PyTorch's names; "plain" for the others
# Values of an input that are worth a thread of their own: half a millisecond.
_GRAIN = {
    "logistic_wasserstein1": 8192,
    "logistic_norm": 16384,
    "mixture_wasserstein1": 512,
    "mixture_norm": 1024,
    "log_mass": 32768,
}
FUNCTIONS = (*_GRAIN, "logistic_information")
_NO_MEMORY = "there is no memory left for one block of the W1 of mixtures"


def load() -> ctypes.CDLL | None:
    """The library, or None where it was not built, or not for this machine."""
    found = _load()
    return None if isinstance(found, str) else found


def explain() -> str:
    """Why there is no library."""
    found = _load()
    return found if isinstance(found, str) else ""


@functools.cache
def _load() -> ctypes.CDLL | str:
    """The library, or why there is none."""
    reason = "none were built, as where no C compiler is found"
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = FOLDER / (NAME + suffix)
        try:
            if path.exists():
                library = ctypes.CDLL(str(path))
                if all(hasattr(library, f"{name}_plain_float32") for name in FUNCTIONS):
                    return library
                reason = f"{path.name} was built of an older version of this package"
        except OSError as error:
            reason = f"{path.name} does not load here: {error}"
    return reason


@functools.cache
def find_level() -> str:
    """Level of instructions that is used: "avx512", "avx2", or "plain"."""
    level = LEVELS.get(torch.backends.cpu.get_cpu_capability(), "plain")
    return level if hasattr(load(), f"logistic_norm_{level}_float32") else "plain"


def can_read(tensors: Sequence[Tensor]) -> bool:
    """Whether the library may read the memory of the tensors: plain ones on a CPU."""
    return all(x.device.type == "cpu" and x.dtype in WIDE for x in tensors) and are_plain(tensors)


def are_plain(tensors: Sequence[Tensor]) -> bool:
    """Whether the tensors have numbers at an address, and nothing traces or transforms their use.

    A kernel that is not PyTorch's own would fail on others, or be left out of what is recorded.
    """
    return (
        all(
            type(x) in (Tensor, torch.nn.Parameter)
            and not torch._C._functorch.is_functorch_wrapped_tensor(x)
            and not torch._is_functional_tensor(x)
            for x in tensors
        )
        # Modes of PyTorch itself (with a key) trace or fake; others look on, or keep account.
        and all(
            getattr(mode, "_mode_key", None) is None for mode in _get_current_dispatch_mode_stack()
        )
        and not torch._C._is_tracing()
    )


def logistic_wasserstein1(inputs: Sequence[Tensor], value: Tensor, partials: Tensor) -> bool:
    """Fill the value ``(...)`` and, unless they are empty, the partials ``(4, ...)``.

    Whether a scale is above ``WIDE``, where the closed form alone does not serve.
    """
    return _call("logistic_wasserstein1", inputs, (value, partials), batch=value.ndim)


def logistic_norm(inputs: Sequence[Tensor], norm: Tensor) -> bool:
    """Fill the norm ``(...)``; whether a scale is above ``WIDE``, as above."""
    return _call("logistic_norm", inputs, (norm,), batch=norm.ndim)


def mixture_wasserstein1(inputs: Sequence[Tensor], value: Tensor, partials: Tensor) -> None:
    """Fill the value ``(...)`` and, unless they are empty, the partials ``(6, ..., K)``."""
    if _call("mixture_wasserstein1", inputs, (value, partials), batch=value.ndim):
        raise MemoryError(_NO_MEMORY)


def mixture_norm(inputs: Sequence[Tensor], norm: Tensor) -> None:
    """Fill the norm ``(...)``."""
    if _call("mixture_norm", inputs, (norm,), batch=norm.ndim):
        raise MemoryError(_NO_MEMORY)


def log_mass(inputs: Sequence[Tensor], value: Tensor, partials: Tensor) -> None:
    """Fill the value ``(...)`` and, unless they are empty, the partials ``(2, ...)``."""
    _call("log_mass", inputs, (value, partials), batch=value.ndim)


def logistic_information(
    order: Tensor, inputs: Sequence[Tensor], rule: Sequence[Tensor], sums: Tensor
) -> None:
    """Fill the columns ``order``, int64, of contiguous sums (3 or 9, n).

    Of contiguous locations, positive scales, and locations less the centres of their windows, (n,)
    each; points and weights (nodes,) of the rule by which those windows are summed. See
    :mod:`latent_transport.distributions.fisher`.
    """
    points, _ = rule
    _function("logistic_information", sums.dtype)(
        *(ctypes.c_int64(len(x)) for x in (inputs[0], order)),
        *(ctypes.c_void_p(x.data_ptr()) for x in (order, *inputs)),
        len(points),
        *(ctypes.c_void_p(x.data_ptr()) for x in rule),
        len(sums),
        ctypes.c_void_p(sums.data_ptr()),
    )


def _call(name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], *, batch: int) -> bool:
    """Call a function of the library; the inputs have ``batch`` dimensions, or one more.

    Inputs may have any strides; outputs are contiguous, and an empty one is not asked for.
    """
    inputs = [_materialize(x) for x in inputs]
    sizes = inputs[0].shape
    strides = [stride for x in inputs for stride in x.stride()]
    arguments: list[Any] = [
        batch,
        (ctypes.c_int64 * len(sizes))(*sizes),
        (ctypes.c_void_p * len(inputs))(*(x.data_ptr() for x in inputs)),
        (ctypes.c_int64 * len(strides))(*strides),
        *(ctypes.c_void_p(x.data_ptr() if x.numel() else None) for x in outputs),
    ]
    if name.startswith("logistic"):
        arguments.append(ctypes.c_double(WIDE[inputs[0].dtype]))
    threads = max(1, min(torch.get_num_threads(), inputs[0].numel() // _GRAIN[name]))
    return bool(_function(name, inputs[0].dtype)(*arguments, threads))


def _materialize(x: Tensor) -> Tensor:
    """The tensor with its numbers in memory: not negated late, nor zeros that are nowhere."""
    return x.clone() if x._is_zerotensor() or x.is_neg() else x


@functools.cache
def _function(name: str, dtype: torch.dtype) -> Callable[..., int]:
    precision = str(dtype).removeprefix("torch.")
    return getattr(load(), f"{name}_{find_level()}_{precision}")
