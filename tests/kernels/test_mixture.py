"""Wasserstein-1 of mixtures of discretised logistics against dense sums and other libraries."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import kernel_reference as reference
import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from latent_transport.kernels.dispatch import VARIABLE
from latent_transport.kernels.logistic import logistic_norm, logistic_wasserstein1
from latent_transport.kernels.mixture import (
    mixture_norm,
    mixture_wasserstein1,
    mixture_wasserstein1_partials,
)

torch.set_num_threads(1)
pytestmark = pytest.mark.usefixtures("implementation")

seeds = st.integers(0, 2**31)


def draw_mixtures(components, n=300, seed=0, high=50.0):
    """logits, locations and scales of n mixtures in float64 that float32 can hold."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, components, generator=generator)
    loc, u = torch.rand(2, n, components, generator=generator)
    return [x.float().double() for x in (logits, loc * 355 - 50, 0.05 * (high / 0.05) ** u)]


def displace(mixtures, displacement, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [
        (x * (1 + displacement * (2 * torch.rand(x.shape, generator=generator) - 1)))
        .float()
        .double()
        for x in mixtures
    ]


def evaluate(function, *inputs):
    """Value and gradients of the summed values."""
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    value = function(*inputs)
    return value.detach(), torch.autograd.grad(value.sum(), inputs)


@pytest.mark.parametrize("components", [2, 5])
@pytest.mark.parametrize("displacement", [None, 0.3, 0.003])
@pytest.mark.parametrize("high", [1e3, 1e6])
def test_wide_mixtures_in_single_precision(components, displacement, high):
    p = draw_mixtures(components)
    p[2] = p[2] * high
    q = draw_mixtures(components, seed=9) if displacement is None else displace(p, displacement)
    expected, slopes = evaluate(reference.mixture_wasserstein1, *p, *q)
    value, partials = evaluate(mixture_wasserstein1, *(x.float() for x in (*p, *q)))
    torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=5e-5)
    for found, truth in zip(partials, slopes, strict=True):
        assert (found - truth).norm() <= 3e-3 * truth.norm()


@pytest.mark.parametrize("components", [1, 2, 5, 10])
@pytest.mark.parametrize("displacement", [None, 0.3, 0.03, 0.003])
def test_value_and_gradient_match_dense_sum(components, displacement):
    p = draw_mixtures(components)
    q = draw_mixtures(components, seed=9) if displacement is None else displace(p, displacement)
    expected, slopes = evaluate(reference.mixture_wasserstein1, *p, *q)
    for dtype in (torch.float64, torch.float32):
        value, partials = evaluate(mixture_wasserstein1, *(x.to(dtype) for x in (*p, *q)))
        assert value.dtype == dtype
        allowed = torch.where(expected < 1, 1e-5, 1e-5 * expected)
        assert ((value - expected).abs() <= allowed).all()
        for partial, slope in zip(partials, slopes, strict=True):
            assert (partial - slope).norm() <= 1e-6 * slope.norm() + 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_value_matches_scipy_and_pot(seed):
    p, q = draw_mixtures(4, n=1, seed=seed), draw_mixtures(4, n=1, seed=seed + 100)
    levels = np.arange(256.0)
    pmfs = [reference.pmf(*x)[0].clamp(min=0).numpy() for x in (p, q)]
    value = mixture_wasserstein1(*p, *q).item()
    assert value == pytest.approx(wasserstein_distance(levels, levels, *pmfs), rel=1e-9)
    assert value == pytest.approx(ot.wasserstein_1d(levels, levels, *pmfs), rel=1e-9)


def test_gradient_matches_finite_differences():
    p, q = draw_mixtures(3, n=4), draw_mixtures(3, n=4, seed=5)
    inputs = [x.clone() for x in (*p, *q)]
    for scale in (inputs[2], inputs[5]):
        scale.clamp_(min=0.3)
    assert torch.autograd.gradcheck(
        mixture_wasserstein1,
        [x.requires_grad_() for x in inputs],
        eps=1e-6,
        atol=1e-5,
        rtol=1e-5,
        check_forward_ad=True,
        check_batched_grad=True,
    )


def test_one_component_is_a_logistic():
    (_, *p), (_, *q) = draw_mixtures(1), draw_mixtures(1, seed=3)
    logits = torch.randn(300, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected, slopes = evaluate(logistic_wasserstein1, *(x[:, 0] for x in (*p, *q)))
    value, partials = evaluate(mixture_wasserstein1, logits, *p, logits, *q)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
    assert not partials[0].any()
    assert not partials[3].any()
    for i, j in enumerate((1, 2, 4, 5)):
        torch.testing.assert_close(partials[j][:, 0], slopes[i], rtol=1e-12, atol=0)

    zeros = torch.zeros_like(logits)
    norm = mixture_norm(logits, *p, zeros, *q)
    expected = logistic_norm(*(x[:, 0] for x in (*p, *q)))
    size = q[0].abs()[:, 0] + q[1][:, 0]
    assert ((norm - expected).abs() <= 1e-5 * expected + 1e-7 * size).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_components_are_one(dtype):
    (_, *p), (_, *q) = draw_mixtures(1), draw_mixtures(1, seed=3)
    logits = torch.tensor([[0.3, -1.0, 2.0]], dtype=dtype)
    p, q = ([x.to(dtype) for x in side] for side in (p, q))
    value = mixture_wasserstein1(
        logits, *(x.expand(-1, 3) for x in p), -logits, *(x.expand(-1, 3) for x in q)
    )
    expected = logistic_wasserstein1(*(x[:, 0] for x in (*p, *q)))
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seeds, seeds, seeds, st.integers(2, 5))
def test_is_a_metric(first, second, third, components):
    p, q, r = (draw_mixtures(components, n=3, seed=s) for s in (first, second, third))
    pq, pr, rq = (mixture_wasserstein1(*x) for x in (p + q, p + r, r + q))
    assert (pq >= 0).all()
    torch.testing.assert_close(pq, mixture_wasserstein1(*q, *p), rtol=1e-10, atol=1e-10)
    assert (pq <= pr + rq + 1e-9).all()
    order = torch.randperm(components, generator=torch.Generator().manual_seed(first))
    relabelled = mixture_wasserstein1(*p, *(x[:, order] for x in p))
    torch.testing.assert_close(relabelled, torch.zeros_like(pq), rtol=0, atol=1e-11)


def test_equal_distributions_have_exactly_no_distance_and_no_gradient():
    for dtype in (torch.float32, torch.float64):
        p = [x.to(dtype) for x in draw_mixtures(4)]
        value, partials = evaluate(mixture_wasserstein1, *p, *p)
        assert not value.any()
        assert not torch.stack(partials).any()


@pytest.mark.parametrize("components", [1, 3])
def test_norm_is_the_limit_of_small_distances(components):
    p = draw_mixtures(components, n=200)
    p[2].clamp_(min=0.3)
    direction = [x / 10 for x in draw_mixtures(components, n=200, seed=8, high=1.0)]
    norm = mixture_norm(*p, *direction)
    eps = 1e-6
    q = [x + eps * d for x, d in zip(p, direction, strict=True)]
    distance = reference.mixture_wasserstein1(*p, *q) / eps
    torch.testing.assert_close(norm, distance, rtol=1e-4, atol=1e-4)
    single = mixture_norm(*(x.float() for x in (*p, *direction)))
    torch.testing.assert_close(single.double(), norm, rtol=1e-5, atol=1e-5)


def test_extreme_inputs_stay_finite():
    loc = torch.tensor([[-1e30, 300.0], [0.5, 0.5], [254.5, 1e30], [-40.0, 300.0]])
    scale = torch.tensor([[1e-30, 1e-5], [0.0, 1e4], [1e-3, 1e30], [1e-5, 1e-5]])
    logits = torch.tensor([[0.0, 200.0], [-1e4, 1e4], [0.0, 0.0], [3.0, 3.0]])
    p = [x.repeat_interleave(4, 0) for x in (logits, loc, scale)]
    q = [x.repeat(4, 1) for x in (logits, loc, scale)]
    value, partials = evaluate(mixture_wasserstein1, *p, *q)
    assert value.isfinite().all()
    assert torch.stack(partials).isfinite().all()
    assert mixture_norm(*p, *q).isfinite().all()


def test_shapes_broadcast_and_blocks_agree():
    p = [x.float() for x in draw_mixtures(2, n=600)]
    q = [x.float() for x in draw_mixtures(2, n=1, seed=4)]
    value, partials = mixture_wasserstein1_partials(*(x.reshape(20, 30, 2) for x in p), *q)
    assert value.shape == (20, 30)
    assert partials.shape == (6, 20, 30, 2)
    one = mixture_wasserstein1(*(x[417] for x in p), *(x[0] for x in q))
    assert one.shape == ()
    torch.testing.assert_close(value.flatten()[417], one)


def test_meta_device_and_half_precision():
    x = torch.empty(7, 3, 4, device="meta", requires_grad=True)
    value = mixture_wasserstein1(x, x, x, x, x, x)
    value.sum().backward()
    assert value.shape == (7, 3)
    assert x.grad.shape == x.shape
    assert mixture_norm(x, x, x, x, x, x).shape == (7, 3)
    p = [y.to(torch.bfloat16) for y in draw_mixtures(3) + draw_mixtures(3, seed=1)]
    exact = mixture_wasserstein1(*(y.float() for y in p))
    assert torch.equal(mixture_wasserstein1(*p), exact.bfloat16())


def test_function_transforms_agree():
    inputs = tuple(draw_mixtures(3, n=8) + draw_mixtures(3, n=8, seed=7))
    value, partials = mixture_wasserstein1_partials(*inputs)
    tangents = tuple(torch.sin(x) for x in inputs)
    primal, tangent = torch.func.jvp(mixture_wasserstein1, inputs, tangents)
    torch.testing.assert_close(primal, value)
    torch.testing.assert_close(tangent, (partials * torch.stack(tangents)).sum((0, -1)))
    per_pair = torch.func.vmap(torch.func.grad(mixture_wasserstein1, argnums=(0, 1, 2, 3, 4, 5)))
    torch.testing.assert_close(torch.stack(per_pair(*inputs)), partials)
    with pytest.raises(NotImplementedError, match="first derivative only"):
        torch.func.hessian(lambda x: mixture_wasserstein1(x, *inputs[1:]).sum())(inputs[0])


def test_scalars_are_refused_by_name():
    x = torch.ones(3)
    with pytest.raises(ValueError, match=r"loc_q has no dimensions"):
        mixture_wasserstein1(x, x, x, x, torch.ones(()), x)


@pytest.mark.parametrize("function", [mixture_wasserstein1, mixture_norm])
def test_mixtures_of_nothing_are_refused(function):
    with pytest.raises(ValueError, match=r"shape \(3, 0\).*at least one mixture component"):
        function(*(torch.ones(3, 0) for _ in range(6)))


@pytest.mark.parametrize(("components", "pairs"), [(1, 400_000), (3, 60_000)])
def test_memory_is_a_few_values_a_pair(components, pairs, implementation):
    """Peak memory beyond the inputs, the saved partials and the gradients: below 100 B a pair."""
    script = textwrap.dedent(f"""
        import json, resource, torch
        from latent_transport.kernels.mixture import mixture_wasserstein1
        torch.set_num_threads(1)
        def peak():
            return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        def run(n):
            inputs = [torch.rand(n, {components}, requires_grad=True) for _ in range(6)]
            start = peak()
            mixture_wasserstein1(*inputs).sum().backward()
            return peak() - start
        run(5000)
        print(json.dumps(run({pairs})))
    """)
    source = str(Path(__file__).parents[2] / "src")
    environment = {**os.environ, "PYTHONPATH": source, VARIABLE: implementation}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    kept = 2 * 6 * components * 4
    assert json.loads(result.stdout) / pairs < kept + 100
