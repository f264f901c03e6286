"""Kernels on any device, by whatever serves it: against float64, and all in one place."""

import kernel_reference as reference
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from latent_transport.kernels.dispatch import backend, resolve_backend
from latent_transport.kernels.logistic import logistic_norm, logistic_wasserstein1
from latent_transport.kernels.mixture import mixture_norm, mixture_wasserstein1

torch.set_num_threads(1)


def draw(count, components, seed=0):
    """Logits, locations and scales of two mixtures a pair, (count, K) each."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, components)

    def side():
        u, v = torch.rand(2, *shape, generator=generator)
        return [torch.randn(shape, generator=generator), u * 355 - 50, 0.05 * 1000**v]

    return [*side(), *side()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("components", [1, 5, 10])
def test_value_and_gradient_match_the_dense_sum(components, dtype, device):
    inputs = draw(600, components)
    exact = [x.double().requires_grad_() for x in inputs]
    expected = reference.mixture_wasserstein1(*exact)
    slopes = torch.autograd.grad(expected.sum(), exact)
    leaves = [x.to(device, dtype).requires_grad_() for x in inputs]
    value = mixture_wasserstein1(*leaves)
    assert value.device == leaves[0].device
    torch.testing.assert_close(value.cpu().double(), expected, rtol=1e-5, atol=1e-5)
    partials = torch.autograd.grad(value.sum(), leaves)
    for partial, slope in zip(partials, slopes, strict=True):
        assert (partial.cpu() - slope).norm() <= 1e-6 * slope.norm()
    if components == 1:
        alone = logistic_wasserstein1(*(leaves[i][:, 0] for i in (1, 2, 4, 5)))
        assert torch.equal(alone, value)


@pytest.mark.parametrize("components", [1, 5, 10])
def test_norm_matches_float64(components, device):
    inputs = draw(600, components)
    function = mixture_norm
    if components == 1:
        function, inputs = logistic_norm, [inputs[i][:, 0] for i in (1, 2, 4, 5)]
    with backend("eager"):
        expected = function(*(x.double() for x in inputs))
    norm = function(*(x.to(device) for x in inputs))
    assert norm.device.type == device.type
    torch.testing.assert_close(norm.cpu().double(), expected, rtol=1e-5, atol=1e-5)


# --- A GPU that is pretended ---


@pytest.mark.parametrize("components", [1, 5])
def test_fake_tensors_on_a_gpu_are_computed_by_operations_that_know_them(components):
    with FakeTensorMode():
        inputs = [x.to("cuda") for x in draw(4, components)]
        for choice in ("auto", "triton"):
            with backend(choice):
                assert resolve_backend(*inputs) == "eager"
                assert mixture_wasserstein1(*inputs).device.type == "cuda"
                assert mixture_norm(*inputs).device.type == "cuda"


def test_recording_leaves_no_kernel_out_whatever_was_chosen(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    inputs = [x[:, 0] for x in draw(4, 1)]
    seen = []

    def look(*inputs):
        with backend("triton"):
            seen.append(resolve_backend(*inputs))
        return logistic_wasserstein1(*(inputs[i] for i in (1, 2, 4, 5)))

    make_fx(look)(*inputs)
    assert seen == ["eager"]
