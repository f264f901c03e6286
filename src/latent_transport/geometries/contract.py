"""What is asked of a decoder: one value for each point, whatever else is decoded with it.

A geometry calls its decoder with points (M, d). What breaks the contract is found by decoding a
point twice, and once more beside another; what would change a model by that, before it runs.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.module import register_module_forward_pre_hook

from latent_transport.checks import holds
from latent_transport.geometries.decoded import Decoded

TOLERANCE = 1e-4
"""Share of the coordinates' size that may differ by rounding.

A row alone and beside others is summed in another order. In float32 a network's outputs then
differ by about 1e-6 of their size, rarely by 1e-5; masks and batch statistics, by far more.
"""
COARSE_TOLERANCE = 3e-2
"""The same where products are rounded to few digits: TF32 on a GPU, bfloat16 inside a decoder."""


def flatten_points(z: Tensor) -> Tensor:
    """Flatten the leading dimensions of points (..., d): shape (M, d)."""
    return z if z.ndim == 2 else z.reshape(-1, z.shape[-1])  # (M, d)


def check_decoding(decode: Callable[[Tensor], Decoded], *points: Tensor) -> None:
    """Refuse what is random, or mixes the points that are decoded together.

    Parameters
    ----------
    decode : callable
        Points (M, d) to decoded points.
    *points : Tensor, shape (..., d)
        Of which the first and the last one are decoded, alone and together.

    Raises
    ------
    ValueError
        If they are of several families, or differ by more than rounding, or a layer in train mode
        makes them differ; such layers do not run, so that their statistics stay.
    """
    if torch.compiler.is_compiling():
        return
    ends = [flatten_points(points[0].detach())[:1], flatten_points(points[-1].detach())[-1:]]
    if not all(map(len, ends)):
        return
    with torch.no_grad(), _refuse_layers():
        alone = [decode(z) for z in ends]
        again, together = decode(ends[0]), decode(torch.cat(ends))
    families = dict.fromkeys(p.family.plural for p in (*alone, again, together))
    if len(families) > 1:
        raise ValueError(
            f"the decoder returns {' at one point, and '.join(families)} at another; expected one "
            "family everywhere: multivariate normals whose variables depend on each other do so at "
            "all points, or are returned as independent Normal(mean, scale)"
        )
    if not _agree(alone[0], again):
        raise ValueError(
            "the decoder is random: it decodes a point differently each time; expected one "
            "distribution for each point: call decoder.eval(), and leave out dropout and sampling"
        )
    if not all(_agree(p, together[i : i + 1]) for i, p in enumerate(alone)):
        raise ValueError(
            "the decoder mixes the points of a batch: it decodes a point alone otherwise than "
            "beside another; expected each point by itself: call decoder.eval(), and use no "
            "statistics of the batch"
        )


def _agree(p: Decoded, q: Decoded) -> bool:
    """Whether decoded points agree but for rounding, where they are finite."""
    for x, y in zip(p.tensors, q.tensors, strict=True):  # (1, C, D) each
        coarse = x.is_cuda or (not x.is_meta and holds(x.bfloat16().to(x.dtype) == x))
        size = x.abs().amax(-1, keepdim=True)  # (1, C, 1)
        apart = (x - y).abs() > (COARSE_TOLERANCE if coarse else TOLERANCE) * size
        if not holds(~apart):
            return False
    return True


@contextmanager
def _refuse_layers() -> Iterator[None]:
    """Refuse layers before they run: quantised, or in train mode where that matters to them.

    Only what this thread calls counts; torch's hook is for all threads.
    """
    thread = threading.get_ident()

    def refuse(module: nn.Module, _: object) -> None:
        if threading.get_ident() != thread:
            return
        if ".quantized." in type(module).__module__:
            raise ValueError(
                f"the decoder's {type(module).__name__} is quantised: what it gives moves in "
                "steps, and has no derivative; expected the decoder from before it was quantised"
            )
        # A frozen program has no mode.
        if getattr(module, "training", False) and _depends_on_mode(module):
            raise ValueError(
                f"the decoder is in train mode, in which its {type(module).__name__} gives a point "
                "no value of its own; call decoder.eval() first"
            )

    handle = register_module_forward_pre_hook(torch.compiler.disable(refuse))
    try:
        with warnings.catch_warnings():
            # Compiled modules warn of hooks of others.
            warnings.filterwarnings("ignore", r"Using `torch.compile\(module\)` when")
            yield
    finally:
        handle.remove()


def _depends_on_mode(module: nn.Module) -> bool:
    """Whether a layer is another function in train mode than in eval mode."""
    if isinstance(module, _NormBase):
        return module.track_running_stats
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, nn.MultiheadAttention | nn.RNNBase):
        return module.dropout > 0
    return isinstance(module, nn.RReLU)
