"""Choice of the backend."""

import ctypes
import threading

import pytest
import torch

from latent_transport import kernels
from latent_transport.kernels import logistic, mixture, mixture_unrolled, native
from latent_transport.kernels.dispatch import VARIABLE, resolve_backend

torch.set_num_threads(1)

CPU = torch.zeros(1)


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(native, "load", lambda: ctypes.CDLL(None))  # as if built


def draw(n, components=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (n,) if components is None else (n, components)

    def parameters():
        logits = [] if components is None else [torch.randn(shape, generator=generator)]
        u, v = torch.rand(2, *shape, generator=generator)
        return [*logits, u * 355 - 50, 0.05 * 1000**v]

    return [*parameters(), *parameters()]


def test_the_choice_of_the_innermost_block_holds():
    assert resolve_backend(CPU) == "c"
    with kernels.backend("eager"):
        assert resolve_backend(CPU) == "eager"
        with kernels.backend("auto"):
            assert resolve_backend(CPU) == "c"
        assert resolve_backend(CPU) == "eager"
    assert resolve_backend(torch.zeros(1, device="meta")) == "eager"


def test_environment_variable_sets_the_default(monkeypatch):
    monkeypatch.setenv(VARIABLE, "eager")
    assert resolve_backend(CPU) == "eager"
    with kernels.backend("c"):
        assert resolve_backend(CPU) == "c"
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(ValueError, match=rf"{VARIABLE} is 'fast', expected one of auto, eager"):
        resolve_backend(CPU)


def test_choice_belongs_to_its_thread():
    seen = []
    with kernels.backend("eager"):
        thread = threading.Thread(target=lambda: seen.append(resolve_backend(CPU)))
        thread.start()
        thread.join()
    assert seen == ["c"]


def test_choice_ends_with_an_error():
    with pytest.raises(RuntimeError), kernels.backend("eager"):
        raise RuntimeError
    assert resolve_backend(CPU) == "c"


def test_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="backend is 'cuda', expected one of auto, eager"):
        kernels.backend("cuda").__enter__()


def test_triton_needs_a_gpu():
    pytest.importorskip("triton")
    with kernels.backend("triton"), pytest.raises(ValueError, match=r"needs CUDA tensors.*cpu"):
        logistic.logistic_wasserstein1(*draw(3))


def test_triton_needs_its_package(monkeypatch):
    monkeypatch.setattr("latent_transport.kernels.dispatch._has_triton", lambda: False)
    with kernels.backend("triton"), pytest.raises(ImportError, match="not installed"):
        logistic.logistic_wasserstein1(*draw(3))


@pytest.mark.parametrize("with_partials", [False, True])
def test_traced_mixture_agrees_with_eager(with_partials):
    """The program handed to the compiler, run as it is."""
    inputs = draw(40, components=3)
    value, *partials = mixture_unrolled.evaluate(*inputs, with_partials)
    with kernels.backend("eager"):
        expected = mixture.mixture_wasserstein1_partials(*inputs)
    torch.testing.assert_close(value, expected[0], rtol=1e-5, atol=1e-5)
    assert len(partials) == 6 * with_partials
    if with_partials:
        torch.testing.assert_close(torch.stack(partials), expected[1], rtol=1e-5, atol=1e-5)
