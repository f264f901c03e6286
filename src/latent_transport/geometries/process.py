"""What torch keeps once for the whole process, and threads must take turns at.

Torch has one default for whether new distributions check their parameters, which each decoding
switches off for its time; and one level of forward-mode differentiation: its number, the count of
nested :func:`torch.func.jvp`, and the tangents that leaving the level deletes. Vmap and reverse
mode are each thread's own.

A decoder must not wait for another thread that measures or solves: that one waits for the decoder
to be done with forward mode. Forward mode of a user's own is beyond our reach: run it while no
other thread is in a geometry.

Nor is torch prepared for an interrupt (Ctrl-C) while it enters or leaves a section of its own:
gradients stay off, a level of differentiation is left behind, or an assertion of its own fails in
place of the interrupt, which therefore waits for the next decoding, where nothing is half done.
"""

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import FrameType

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.distributions import Distribution
from torch.nn.attention import SDPBackend, sdpa_kernel


@dataclass
class _Validation:
    """How many sections run without validation, and what its default is outside them."""

    sections: int = 0
    default: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Interrupts:
    """Interrupts that wait, one at most, and what the caller's process does about them."""

    handle: Callable[[int, FrameType | None], object] = signal.default_int_handler
    held: list[tuple[int, FrameType | None]] = field(default_factory=list)


_validation = _Validation()
_interrupts = _Interrupts()
_forward_mode = threading.RLock()


def _begin_in_child() -> None:
    """Give a forked process locks of its own: the threads that held its parent's are not there."""
    global _forward_mode
    if _validation.sections:
        Distribution.set_default_validate_args(_validation.default)
    _validation.lock, _validation.sections = threading.Lock(), 0
    _forward_mode = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)


@contextmanager
def without_validation() -> Iterator[None]:
    """Switch off the checks of new distributions: they branch on values, which vmap cannot.

    The first section in, of any thread, switches them off; the last one out puts the default back.
    """
    with _validation.lock:
        if _validation.sections == 0:
            _validation.default = Distribution._validate_args
            Distribution.set_default_validate_args(False)
        _validation.sections += 1
    try:
        yield
    finally:
        with _validation.lock:
            _validation.sections -= 1
            if _validation.sections == 0:
                Distribution.set_default_validate_args(_validation.default)


def validate(distribution: Distribution) -> None:
    """Check a distribution's parameters as torch does, if it does by default.

    Another thread may have had the checks switched off when the distribution was made.

    Raises
    ------
    ValueError
        If a parameter lies outside its constraint.
    """
    for part in getattr(distribution, "parts", ()):  # of a product
        validate(part)
    with _validation.lock:
        inside = _validation.sections > 0
        default = _validation.default if inside else Distribution._validate_args
    if default and "_validate_args" not in vars(distribution):  # that is: where its maker left it
        shapes = distribution.batch_shape, distribution.event_shape
        Distribution.__init__(distribution, *shapes, validate_args=True)


@contextmanager
def forward_mode() -> Iterator[None]:
    """Differentiate in forward mode: one thread at a time, which may nest such sections.

    An interrupt waits, as in :func:`holding_interrupts`.
    """
    with _forward_mode, holding_interrupts():
        _load_decompositions()
        yield


@contextmanager
def holding_interrupts() -> Iterator[None]:
    """Hold an interrupt back until :func:`deliver_interrupt`, or the end of the section.

    A second one is raised at once. Only the main thread gets any.
    """
    handle = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or not callable(handle) or handle is _hold:
        yield
        return
    _interrupts.handle = handle
    signal.signal(signal.SIGINT, _hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handle)
        deliver_interrupt()


def _hold(number: int, frame: FrameType | None) -> None:
    if _interrupts.held:  # who insists may have a decoder that never ends
        deliver_interrupt()
    else:
        _interrupts.held.append((number, frame))


def deliver_interrupt() -> None:
    """Raise the interrupt that waits, if any, in the main thread; to be called by decodings."""
    if _interrupts.held and threading.current_thread() is threading.main_thread():
        _interrupts.handle(*_interrupts.held.pop())


@contextmanager
def plain_attention() -> Iterator[None]:
    """Have attention computed by elementary operations: its fused kernels only run backwards.

    Within :func:`forward_mode` only, for torch keeps its choice of kernels for all threads.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@cache
def _load_decompositions() -> None:
    """Have torch load what its first forward derivative needs, which it scripts with a warning."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.filterwarnings("ignore", ".torch.jit.script. is deprecated")
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


@contextmanager
def outside_inference_mode() -> Iterator[None]:
    """Leave :func:`torch.inference_mode`, which forbids all derivatives; as ``no_grad`` does not.

    Gradients of what the section returns stay off, as they were.
    """
    if not torch.is_inference_mode_enabled():
        yield
        return
    with torch.inference_mode(False), torch.no_grad():
        yield


def as_ordinary(x: Tensor) -> Tensor:
    """Return the tensor, or a copy of one made in inference mode, which cannot be differentiated.

    To be called outside of inference mode.
    """
    return x.clone() if x.is_inference() else x
