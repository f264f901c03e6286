"""Choice of the backend, and agreement of the compiled kernels with the eager ones."""

import threading

import pytest
import torch

from latent_transport import kernels
from latent_transport.kernels import dispatch, logistic, mixture, mixture_unrolled, native
from latent_transport.kernels.dispatch import VARIABLE, anticipate, resolve_backend

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore:.*without its C kernels:RuntimeWarning")

CPU = torch.zeros(1)


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(native, "load", lambda: None)


def draw(n, components=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (n,) if components is None else (n, components)

    def parameters():
        logits = [] if components is None else [torch.randn(shape, generator=generator)]
        u, v = torch.rand(2, *shape, generator=generator)
        return [*logits, u * 355 - 50, 0.05 * 1000**v]

    return [*parameters(), *parameters()]


def test_eager_by_default_and_compiled_when_announced():
    assert resolve_backend(CPU, break_even=100) == "eager"
    with kernels.backend("auto", pairs=100):
        assert resolve_backend(CPU, break_even=100) == "compiled"
        assert resolve_backend(CPU, break_even=101) == "eager"
        with kernels.backend("eager"):
            assert resolve_backend(CPU, break_even=100) == "eager"
        assert resolve_backend(CPU, break_even=100) == "compiled"
        assert resolve_backend(torch.zeros(1, device="meta"), break_even=100) == "eager"
    assert resolve_backend(CPU, break_even=100) == "eager"


def test_anticipated_work_gives_way_to_what_the_user_said():
    with anticipate(100):
        assert resolve_backend(CPU, break_even=100) == "compiled"
        assert resolve_backend(CPU, break_even=101) == "eager"
    with kernels.backend("eager"), anticipate(100):
        assert resolve_backend(CPU, break_even=100) == "eager"
    with kernels.backend("auto", pairs=50), anticipate(100):
        assert resolve_backend(CPU, break_even=100) == "eager"


def test_a_missing_compiler_leaves_the_kernels_eager(monkeypatch):
    def refuse(function):
        raise RuntimeError("No working C++ compiler found\nmore")

    dispatch._compiles.cache_clear()
    monkeypatch.setattr(torch, "compile", refuse)
    with anticipate(100), pytest.warns(RuntimeWarning, match=r"No working C\+\+ compiler found\)"):
        assert resolve_backend(CPU, break_even=100) == "eager"
    dispatch._compiles.cache_clear()


def test_environment_variable_sets_the_default(monkeypatch):
    monkeypatch.setenv(VARIABLE, "compiled")
    assert resolve_backend(CPU, break_even=100) == "compiled"
    with kernels.backend("eager"):
        assert resolve_backend(CPU, break_even=100) == "eager"
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(ValueError, match=rf"{VARIABLE} is 'fast', expected one of auto, eager"):
        resolve_backend(CPU, break_even=100)


def test_choice_belongs_to_its_thread():
    seen = []
    with kernels.backend("compiled"):
        thread = threading.Thread(target=lambda: seen.append(resolve_backend(CPU, break_even=100)))
        thread.start()
        thread.join()
    assert seen == ["eager"]


def test_choice_ends_with_an_error():
    with pytest.raises(RuntimeError), kernels.backend("compiled"):
        raise RuntimeError
    assert resolve_backend(CPU, break_even=100) == "eager"


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


def test_compiled_logistic_agrees_with_eager(monkeypatch):
    monkeypatch.setattr(logistic, "BLOCK", 256)
    inputs = [x.reshape(2, 300).T for x in draw(600)]  # two compiled blocks and a remainder
    value, partials = logistic.logistic_wasserstein1_partials(*inputs)
    with kernels.backend("compiled"):
        compiled = logistic.logistic_wasserstein1_partials(*inputs)
        tangent = torch.func.jvp(logistic.logistic_wasserstein1, tuple(inputs), tuple(inputs))[1]
    torch.testing.assert_close(compiled[0], value, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(compiled[1], partials, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        tangent, (partials * torch.stack(inputs)).sum(0), rtol=1e-4, atol=1e-4
    )


def test_compiled_mixture_agrees_with_eager(monkeypatch):
    monkeypatch.setattr(mixture, "BLOCK", 2 * 2 * 255 * 16)
    inputs = draw(40, components=2)  # two compiled blocks of 16 and a remainder
    value, partials = mixture.mixture_wasserstein1_partials(*inputs)
    with kernels.backend("compiled"):
        compiled = mixture.mixture_wasserstein1_partials(*inputs)
    torch.testing.assert_close(compiled[0], value, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(compiled[1], partials, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("with_partials", [False, True])
def test_traced_mixture_agrees_with_eager(with_partials):
    """The program handed to the compiler, run as it is."""
    inputs = draw(40, components=3)
    value, *partials = mixture_unrolled.evaluate(*inputs, with_partials)
    expected = mixture.mixture_wasserstein1_partials(*inputs)
    torch.testing.assert_close(value, expected[0], rtol=1e-5, atol=1e-5)
    assert len(partials) == 6 * with_partials
    if with_partials:
        torch.testing.assert_close(torch.stack(partials), expected[1], rtol=1e-5, atol=1e-5)
