"""The O(1) Wasserstein-1 of discretised logistics against dense sums and other libraries."""

import math

import kernel_reference as reference
import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from torch._subclasses.fake_tensor import FakeTensorMode

from latent_transport.kernels import logistic
from latent_transport.kernels.dispatch import backend
from latent_transport.kernels.logistic import (
    logistic_norm,
    logistic_wasserstein1,
    logistic_wasserstein1_partials,
)

torch.set_num_threads(1)
pytestmark = pytest.mark.usefixtures("implementation")

locations = st.floats(-50.0, 305.0)
scales = st.floats(math.log(0.05), math.log(100.0)).map(math.exp)
logistics = st.tuples(locations, scales)


def draw_pairs(displacement, low, high, n=4000, seed=0):
    """Pairs in float64 that float32 can hold; without a displacement p and q are independent."""
    generator = torch.Generator().manual_seed(seed)

    def draw():
        u = torch.rand(2, n, generator=generator, dtype=torch.float64)
        return u[0] * 355 - 50, low * (high / low) ** u[1]

    p = draw()
    q = draw()
    if displacement is not None:
        u = torch.rand(2, n, generator=generator, dtype=torch.float64)
        q = tuple(x * (1 + displacement * (2 * v - 1)) for x, v in zip(p, u, strict=True))
    return [x.float().double() for x in (*p, *q)]


def evaluate(function, *inputs):
    """Value and gradients of the summed values."""
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    value = function(*inputs)
    return value.detach(), torch.stack(torch.autograd.grad(value.sum(), inputs))


def wasserstein1(p, q):
    return logistic_wasserstein1(*(torch.tensor(x, dtype=torch.float64) for x in (*p, *q)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("low", "high"), [(0.05, 1.0), (1.0, 10.0), (10.0, 100.0)])
@pytest.mark.parametrize("displacement", [None, 0.3, 0.03, 0.003])
def test_value_and_gradient_match_dense_sum(displacement, low, high, dtype):
    inputs = draw_pairs(displacement, low, high)
    expected, slopes = evaluate(reference.logistic_wasserstein1, *inputs)
    value, partials = evaluate(logistic_wasserstein1, *(x.to(dtype) for x in inputs))

    assert value.dtype == dtype
    allowed = torch.where(expected < 1, 1e-5, 1e-5 * expected)
    assert ((value - expected).abs() <= allowed).all()
    assert ((partials - slopes).norm(dim=1) <= 1e-6 * slopes.norm(dim=1)).all()
    assert ((partials - slopes).abs() <= 1e-5 * slopes.abs() + 1e-5).all()


def draw_wide(displacement, decades, n=2000, seed=0, far=1.0):
    """Pairs with scales of 10 to each of two ``decades``, at locations up to ``far`` times them."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.rand(4, n, generator=generator, dtype=torch.float64)
    scale = 10 ** (decades[0] + (decades[1] - decades[0]) * u[0])
    loc = 127.5 + (2 * u[1] - 1) * torch.maximum(far * scale, torch.tensor(150.0))
    if displacement is None:
        scale_q = 10 ** (decades[0] + (decades[1] - decades[0]) * u[2])
        loc_q = 127.5 + (2 * u[3] - 1) * torch.maximum(far * scale_q, torch.tensor(150.0))
    else:
        scale_q = scale * (1 + displacement * (2 * u[2] - 1))
        loc_q = loc + displacement * (2 * u[3] - 1) * torch.maximum(
            far * scale, torch.tensor(150.0)
        )
    return [x.float().double() for x in (loc, scale, loc_q, scale_q)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("far", [0.0, 3.0])
@pytest.mark.parametrize("displacement", [None, 0.3, 0.003])
@pytest.mark.parametrize("decades", [(-1, 5), (3.5, 4.5), (4, 6), (6, 9), (9, 14)], ids=str)
def test_wide_logistics_match_the_dense_sum(decades, displacement, far, dtype):
    inputs = draw_wide(displacement, decades, far=far)
    expected, slopes = evaluate(reference.logistic_wasserstein1_without_cancellation, *inputs)
    value, partials = logistic_wasserstein1_partials(*(x.to(dtype) for x in inputs))
    single = dtype == torch.float32
    # How far rounding of the parameters moves the distributions, and where the closed form has its
    # part, in single precision 1e-4 of the levels at its widest.
    ends = (reference.logistic_cdf_slopes(*inputs[:2]), reference.logistic_cdf_slopes(*inputs[2:]))
    moved = [x.abs().sum(-1) for end in ends for x in end]  # (n,) each
    rounding = torch.finfo(dtype).eps * sum(x.abs() * y for x, y in zip(inputs, moved, strict=True))
    closed = torch.minimum(inputs[1], inputs[3]) <= (3e3 if single else 1e4)
    allowed = (1e-6 if single else 1e-8) * expected + 4 * rounding
    allowed += torch.where(closed, 1e-3 if single else 1e-7, 0.0) * (1 + expected)
    assert ((value - expected).abs() <= allowed).all()
    # Slopes jump where a crossing passes an edge, which rounding may move.
    tolerance = 1e-3 if single else 1e-6
    for found, truth in zip(partials, slopes, strict=True):
        near = (found - truth).abs() <= tolerance * truth.abs() + 1e-6 * truth.abs().max()
        assert near.double().mean() > 0.99


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("decades", [(3.4, 3.6), (3.9, 4.1), (-1, 4), (3, 6), (6, 14)], ids=str)
def test_norm_of_wide_logistics_matches_the_dense_sum(decades, dtype):
    loc, scale, *_ = draw_wide(None, decades, n=300)
    dloc, dscale, *_ = draw_wide(None, (1, 2), n=300, seed=1)
    by_loc, by_scale = reference.logistic_cdf_slopes(loc, scale)  # (300, 255) each
    expected = (by_loc * dloc[:, None] + by_scale * dscale[:, None]).abs().sum(-1)
    found = logistic_norm(*(x.to(dtype) for x in (loc, scale, dloc, dscale))).double()
    terms = by_loc.abs().sum(-1) * dloc.abs() + by_scale.abs().sum(-1) * dscale.abs()
    assert (
        (found - expected).abs() <= (1e-4 if dtype == torch.float32 else 1e-6) * terms + 1e-5
    ).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [3e3, 1e4])
def test_value_and_slopes_are_continuous_where_the_closed_form_ends(scale, dtype):
    eps = torch.finfo(dtype).eps
    scales = torch.tensor([scale * (1 - eps), scale, scale * (1 + 2 * eps)], dtype=dtype)
    loc, other = torch.tensor([30.0, 80.0], dtype=dtype)
    for first, second in ((scales, scale / 7), (scales, 1.3 * scale), (scales, scale)):
        pair = (loc.expand(3), first, other.expand(3), torch.full_like(first, second))
        for sides in (pair, pair[2:] + pair[:2]):
            value, partials = logistic_wasserstein1_partials(*sides)
            near = {"rtol": 2e-3 if dtype == torch.float32 else 1e-8, "atol": 1e-9}
            torch.testing.assert_close(value, value[1].expand(3), **near)
            torch.testing.assert_close(partials, partials[:, 1:2].expand(4, 3), **near)


@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_wide_logistics_of_any_shape_next_to_narrow_ones(shape):
    wide = logistic_wasserstein1(*(torch.full(shape, x) for x in (100.0, 2e4, 120.0, 1e4)))
    expected = wasserstein1((100.0, 2e4), (120.0, 1e4))
    torch.testing.assert_close(wide.double(), expected.expand(shape), rtol=1e-6, atol=0)
    few = torch.tensor([100.0, 1e5, 50.0]), torch.tensor([3.0, 1e5, 7.0])
    alone = [x[[0, 2]] for x in few]
    near = logistic_wasserstein1(*few, few[0] + 9, few[1])
    assert torch.equal(near[[0, 2]], logistic_wasserstein1(*alone, alone[0] + 9, alone[1]))
    assert (logistic_wasserstein1(*few, *few) == 0).all()


def test_what_cannot_read_scales_back_computes_the_same():
    inputs = [x.float() for x in draw_wide(None, (-1, 6), n=500)]
    with backend("eager"):
        value, partials = logistic_wasserstein1_partials(*inputs)
    found, *slopes = logistic._evaluate_any(*inputs, with_partials=True)
    narrow = torch.maximum(inputs[1], inputs[3]) <= 1e3
    assert torch.equal(found[narrow], value[narrow])
    assert torch.equal(torch.stack(slopes)[:, narrow], partials[:, narrow])
    torch.testing.assert_close(found, value, rtol=1e-6, atol=0)
    torch.testing.assert_close(torch.stack(slopes), partials, rtol=1e-5, atol=1e-20)
    norm = logistic._evaluate_norm_of_any(*inputs)[0]
    with backend("eager"):
        torch.testing.assert_close(norm, logistic_norm(*inputs), rtol=1e-5, atol=1e-20)


@pytest.mark.parametrize("seed", range(6))
def test_value_matches_scipy_and_pot(seed):
    p, q = np.array([x.numpy() for x in draw_pairs(None, 0.05, 100.0, n=1, seed=seed)]).reshape(
        2, 2
    )
    levels = np.arange(256.0)
    pmfs = [
        reference.pmf(*torch.tensor([[0.0], [loc], [scale]], dtype=torch.float64))
        .clamp(min=0)
        .numpy()
        for loc, scale in (p, q)
    ]
    value = wasserstein1(p, q).item()
    assert value == pytest.approx(wasserstein_distance(levels, levels, *pmfs), rel=1e-6, abs=1e-7)
    assert value == pytest.approx(ot.wasserstein_1d(levels, levels, *pmfs), rel=1e-6, abs=1e-7)
    assert value == pytest.approx(
        ot.emd2_1d(levels, levels, *(x / x.sum() for x in pmfs), metric="euclidean"),
        rel=1e-6,
        abs=1e-7,
    )


@pytest.mark.parametrize("scale", [0.1, 0.329, 0.331, 0.7, 3.0, 40.0])
def test_gradient_matches_finite_differences(scale):
    loc = torch.linspace(-20.3, 280.1, 7, dtype=torch.float64)
    inputs = [loc, torch.full_like(loc, scale), loc * 0.9 + 11.7, torch.full_like(loc, 1.3 * scale)]
    assert torch.autograd.gradcheck(
        logistic_wasserstein1,
        [x.requires_grad_() for x in inputs],
        eps=1e-6,
        atol=1e-5,
        rtol=1e-5,
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )


@settings(max_examples=60, deadline=None)
@given(logistics, logistics, logistics)
def test_is_a_metric(p, q, r):
    pq, qp, pr, rq = wasserstein1(p, q), wasserstein1(q, p), wasserstein1(p, r), wasserstein1(r, q)
    assert pq >= 0
    assert pq.item() == pytest.approx(qp.item(), rel=1e-7, abs=1e-6)
    assert pq <= pr + rq + 1e-6
    assert wasserstein1(p, p) == 0


@settings(max_examples=60, deadline=None)
@given(st.floats(80.0, 175.0), st.floats(0.5, 1e3).map(math.log), st.floats(-60.0, 60.0))
def test_translation_inside_the_range_costs_its_length(loc, log_scale, shift):
    scale = 0.05 + log_scale / math.log(1e3)  # at most about 1: no mass reaches the ends
    value = wasserstein1((loc, max(scale, 0.05)), (loc + round(shift), max(scale, 0.05)))
    assert value.item() == pytest.approx(abs(round(shift)), rel=1e-7, abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(logistics, st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_norm_matches_dense_sum(p, dloc, dscale):
    loc, scale, dloc, dscale = torch.tensor([*p, dloc, dscale], dtype=torch.float64)
    by_loc, by_scale = reference.logistic_cdf_slopes(loc, scale)
    expected = (by_loc * dloc + by_scale * dscale).abs().sum()
    norm = logistic_norm(loc, scale, dloc, dscale)
    torch.testing.assert_close(norm, expected, rtol=1e-5, atol=2e-6)


def test_norm_is_the_limit_of_small_distances():
    loc, scale, dloc, dscale = draw_pairs(None, 0.5, 20.0, n=500)
    direction = (dloc / 100, dscale / 20)
    norm = logistic_norm(loc, scale, *direction)
    errors = []
    for eps in (1e-2, 1e-4):
        distance = logistic_wasserstein1(
            loc, scale, loc + eps * direction[0], scale + eps * direction[1]
        )
        errors.append((distance / eps - norm).abs().max())
    assert errors[1] < 2e-3
    assert errors[1] < errors[0] / 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_norm_in_both_precisions(dtype):
    loc, scale, dloc, dscale = draw_pairs(None, 0.05, 100.0)
    by_loc, by_scale = reference.logistic_cdf_slopes(loc, scale)
    expected = (by_loc * dloc[:, None] + by_scale * dscale[:, None]).abs().sum(-1)
    norm = logistic_norm(*(x.to(dtype) for x in (loc, scale, dloc, dscale)))
    assert norm.dtype == dtype
    size = dloc.abs() + dscale
    assert ((norm - expected).abs() <= 1e-5 * expected + 1e-6 * size).all()


def test_equal_distributions_have_exactly_no_distance_and_no_gradient():
    loc, scale, *_ = draw_pairs(None, 1e-5, 1e3)
    for dtype in (torch.float32, torch.float64):
        x, y = loc.to(dtype), scale.to(dtype)
        value, partials = evaluate(logistic_wasserstein1, x, y, x, y)
        assert (value == 0).all()
        assert (partials == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_inputs_stay_finite(dtype):
    odd = 2.0**23 + 1  # to which float32 cannot add 1/2
    loc = torch.tensor([-1e30, -odd, -1e6, -3, -0.5, 0, 0.5, 7, 254.5, 255, 300, odd, 1e30])
    scale = torch.tensor([0.0, 1e-30, 1e-5, 1e-3, 0.33, 1.0, 1e3, 1e6, 1e30])
    loc, scale = (x.ravel().to(dtype) for x in torch.meshgrid(loc, scale, indexing="ij"))
    n = len(loc)
    p = (loc.repeat_interleave(n), scale.repeat_interleave(n))
    value, partials = evaluate(logistic_wasserstein1, *p, loc.repeat(n), scale.repeat(n))
    assert value.isfinite().all()
    assert partials.isfinite().all()
    assert (value <= 255).all()
    assert logistic_norm(loc, scale, loc.sign(), scale.sign()).isfinite().all()


def test_diracs_off_the_edges_are_their_levels_apart():
    loc_p, loc_q = torch.tensor([3.2, -40.0, 300.0, 100.4]), torch.tensor([17.9, 5.0, 250.0, 99.6])
    scale = torch.full_like(loc_p, 1e-5)
    expected = (loc_p.clamp(0, 255).round() - loc_q.clamp(0, 255).round()).abs()
    torch.testing.assert_close(logistic_wasserstein1(loc_p, scale, loc_q, scale), expected)


def test_inputs_broadcast_and_reach_their_own_gradients():
    loc_p = torch.tensor([[10.0], [90.0]], requires_grad=True)
    scale = torch.tensor(3.0, requires_grad=True)
    loc_q = torch.tensor([20.0, 30.0, 200.0])
    value = logistic_wasserstein1(loc_p, scale, loc_q, scale)
    assert value.shape == (2, 3)
    value.sum().backward()
    assert loc_p.grad.shape == (2, 1)
    assert scale.grad.shape == ()


def test_strided_and_large_batches_agree_with_small_ones():
    inputs = [x.float().reshape(2, 50, 400) for x in draw_pairs(None, 0.05, 50.0, n=40000)]
    whole = logistic_wasserstein1(*(x.transpose(1, 2) for x in inputs))
    rows = torch.stack([logistic_wasserstein1(*(x[:, i] for x in inputs)) for i in range(50)], 1)
    torch.testing.assert_close(whole.transpose(1, 2), rows, rtol=1e-6, atol=1e-6)
    assert logistic_wasserstein1(*(x[:, :0] for x in inputs)).shape == (2, 0, 400)


def test_arguments_are_not_changed():
    inputs = [x.float() for x in draw_pairs(None, 1e-6, 1e3)]
    copies = [x.clone() for x in inputs]
    logistic_wasserstein1(*inputs)
    logistic_norm(*inputs)
    for x, copy in zip(inputs, copies, strict=True):
        assert torch.equal(x, copy)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    inputs = [x.to(dtype) for x in draw_pairs(None, 0.5, 20.0, n=100)]
    value, partials = evaluate(logistic_wasserstein1, *inputs)
    exact, slopes = evaluate(logistic_wasserstein1, *(x.float() for x in inputs))
    assert torch.equal(value, exact.to(dtype))
    assert torch.equal(partials, slopes.to(dtype))


def test_autocast_does_not_lower_precision():
    inputs = [x.float() for x in draw_pairs(0.03, 0.5, 50.0)]
    plain = evaluate(logistic_wasserstein1, *inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = evaluate(logistic_wasserstein1, *inputs)
    for x, y in zip(plain, mixed, strict=True):
        assert torch.equal(x, y)


def test_shapes_without_data():
    inputs = [torch.empty(3, 1, device="meta", requires_grad=True), torch.empty(5, device="meta")]
    value = logistic_wasserstein1(*inputs, *inputs)
    value.sum().backward()
    assert value.shape == (3, 5)
    assert value.device.type == "meta"
    assert inputs[0].grad.shape == (3, 1)
    assert logistic_norm(*inputs, *inputs).shape == (3, 5)
    with FakeTensorMode():
        x = torch.empty(300, 200, requires_grad=True)
        value = logistic_wasserstein1(x, x, x, x)
        value.sum().backward()
        assert x.grad.shape == (300, 200)


def test_partials_equal_the_gradient():
    inputs = [x.float() for x in draw_pairs(None, 0.05, 50.0)]
    value, partials = logistic_wasserstein1_partials(*inputs)
    expected = evaluate(logistic_wasserstein1, *inputs)
    assert torch.equal(value, expected[0])
    assert torch.equal(partials, expected[1])


def test_function_transforms_agree():
    inputs = tuple(draw_pairs(None, 0.05, 50.0, n=64))
    value, partials = logistic_wasserstein1_partials(*inputs)
    generator = torch.Generator().manual_seed(1)
    tangents = tuple(
        torch.randn(64, generator=generator, dtype=torch.float64) for _ in range(len(inputs))
    )
    expected = (partials * torch.stack(tangents)).sum(0)

    primal, tangent = torch.func.jvp(logistic_wasserstein1, inputs, tangents)
    torch.testing.assert_close(primal, value)
    torch.testing.assert_close(tangent, expected)

    gradients = torch.func.grad(lambda *x: logistic_wasserstein1(*x).sum(), argnums=(0, 1, 2, 3))(
        *inputs
    )
    torch.testing.assert_close(torch.stack(gradients), partials)

    mapped = torch.func.vmap(logistic_wasserstein1, in_dims=(0, None, 0, 0))(
        inputs[0], inputs[1], inputs[2], inputs[3]
    )
    crossed = logistic_wasserstein1(
        inputs[0][:, None], inputs[1], inputs[2][:, None], inputs[3][:, None]
    )
    torch.testing.assert_close(mapped, crossed)

    for transform in (torch.func.jacrev, torch.func.jacfwd):
        jacobian = transform(logistic_wasserstein1, argnums=1)(*inputs)
        torch.testing.assert_close(jacobian, partials[1].diag())
    per_pair = torch.func.vmap(torch.func.grad(logistic_wasserstein1, argnums=2))(*inputs)
    torch.testing.assert_close(per_pair, partials[2])
    through = torch.func.grad(lambda x: torch.func.vmap(logistic_wasserstein1)(*x).sum())(inputs)
    torch.testing.assert_close(torch.stack(through), partials)


@pytest.mark.parametrize(
    "differentiate",
    [
        torch.func.hessian,
        lambda f: torch.func.jacrev(torch.func.jacrev(f)),
        lambda f: torch.func.jacfwd(torch.func.jacfwd(f)),
        lambda f: lambda x: torch.autograd.functional.hessian(f, x),
    ],
    ids=["forward-over-reverse", "reverse-over-reverse", "forward-over-forward", "autograd"],
)
def test_second_derivatives_fail_loudly(differentiate):
    one = torch.ones(())

    def distance(x):
        return logistic_wasserstein1(x, one, 100 * one, one)

    with pytest.raises(NotImplementedError, match="first derivative only"):
        differentiate(distance)(torch.tensor(70.2))


def test_integers_are_refused_by_name():
    x = torch.ones(2)
    with pytest.raises(TypeError, match=r"scale_q is torch\.int64.*floating-point"):
        logistic_wasserstein1(x, x, x, x.long())
    with pytest.raises(TypeError, match="loc_p is float"):
        logistic_wasserstein1(1.0, x, x, x)
