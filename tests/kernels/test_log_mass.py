"""Log-probabilities of levels: by PyTorch and in C, against extended precision and each other."""

import math
from decimal import Decimal, localcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_transport.kernels import native
from latent_transport.kernels.dispatch import backend
from latent_transport.kernels.log_mass import log_mass

DOUBLE = torch.float64
computed_by = pytest.mark.parametrize("name", ["eager", "c"] if native.load() else ["eager"])
needs_library = pytest.mark.skipif(native.load() is None, reason="the C kernels were not built")


def exact(level, loc, scale):
    """The logarithm, and its slopes by location and scale, in hundreds of digits."""
    with localcontext(prec=300):  # of probabilities down to e^-356

        def log_probability(m, s):
            high, low = ((level + side - m) / s for side in (Decimal("0.5"), -Decimal("0.5")))
            below = 1 if level == 255 else 1 / (1 + (-high).exp())
            return (below - (0 if level == 0 else 1 / (1 + (-low).exp()))).ln()

        m, s, step = Decimal(loc), Decimal(scale), Decimal("1e-40")
        by_loc = log_probability(m + step, s) - log_probability(m - step, s)
        by_scale = log_probability(m, s + step) - log_probability(m, s - step)
        slopes = by_loc / (2 * step), by_scale / (2 * step)
        return [float(x) for x in (log_probability(m, s), *slopes)]


@computed_by
@given(
    st.sampled_from([0, 1, 100, 254, 255]),
    st.floats(-100, 355),
    st.floats(0, math.log(1e4)).map(math.exp),
)
@settings(deadline=None, max_examples=40)
def test_values_and_slopes_are_exact(name, level, loc, scale):
    parameters = [torch.tensor(x, dtype=DOUBLE, requires_grad=True) for x in (loc, scale)]
    with backend(name):
        value = log_mass(torch.tensor(level, dtype=DOUBLE), *parameters)
        slopes = torch.autograd.grad(value, parameters)
    expected = exact(level, loc, scale)
    for found, truth in zip((value, *slopes), expected, strict=True):
        assert found.item() == pytest.approx(truth, rel=1e-11, abs=1e-11 / scale)


def make_inputs(dtype=torch.float32):
    """Levels, locations and scales of all sizes, some of them views without memory of their own."""
    generator = torch.Generator().manual_seed(0)
    level = torch.randint(0, 256, (40, 1), generator=generator).to(dtype)
    level[:4] = torch.tensor([[0.0], [1.0], [254.0], [255.0]])
    loc = (torch.rand(300, 2, generator=generator)[:, 0] * 1e3 - 400).to(dtype)
    scale = (1e-6 * 1e21 ** torch.rand(40, 300, generator=generator)).to(dtype)
    return level, loc, scale.mT.contiguous().mT


@needs_library
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 2e-6), (torch.float64, 1e-14)])
def test_c_agrees_with_pytorch_at_every_scale_and_stride(dtype, rtol):
    found = {}
    for name in ("eager", "c"):
        level, loc, scale = make_inputs(dtype)
        # Views of leaves, so that each slope is seen, not sums of them.
        at = loc.requires_grad_().expand_as(scale), scale.requires_grad_()
        with backend(name):
            value = log_mass(level, *at)
            weights = torch.linspace(-1, 1, value.numel(), dtype=dtype).view_as(value)
            slopes = torch.autograd.grad(value, at, weights, retain_graph=True)
            alone = torch.autograd.grad(log_mass(level, loc.detach(), scale).sum(), scale)
        found[name] = [value, *(scale * slope for slope in (*slopes, *alone))]
    assert torch.isfinite(found["c"][0]).all()
    for x, y in zip(found["c"], found["eager"], strict=True):
        torch.testing.assert_close(x, y, rtol=rtol, atol=rtol)


@computed_by
def test_derivatives_of_every_order_and_mode(name):
    level = torch.tensor([0.0, 3, 255], dtype=DOUBLE)
    at = torch.tensor([4.0, 2.0, 250.0], dtype=DOUBLE), torch.tensor([1.5, 3.0, 9.0], dtype=DOUBLE)
    at = tuple(x.requires_grad_() for x in at)
    with backend(name):
        torch.autograd.gradcheck(lambda m, s: log_mass(level, m, s), at, check_forward_ad=True)
        torch.autograd.gradgradcheck(lambda m, s: log_mass(level, m, s), at)
        torch.autograd.gradgradcheck(lambda m: log_mass(level, m, at[1].detach()), at[:1])
        each = torch.func.vmap(torch.func.grad(log_mass, argnums=1))(level, *at)
        (together,) = torch.autograd.grad(log_mass(level, *at).sum(), at[0])
    torch.testing.assert_close(each, together)


@computed_by
def test_what_is_no_number_stays_alone(name):
    level = torch.tensor([0.0, 3.0, 3.0, 255.0])
    loc = torch.tensor([1.0, math.nan, 3.0, 254.0], requires_grad=True)
    scale = torch.tensor([math.inf, 1.0, math.nan, 2.0])
    with backend(name):
        value = log_mass(level, loc, scale)
        (slope,) = torch.autograd.grad(value.sum(), loc)
    assert value.isnan().tolist() == slope.isnan().tolist() == [False, True, True, False]


@computed_by
def test_parameters_of_two_dtypes_are_promoted(name):
    level, loc, scale = torch.tensor([3.0]), torch.tensor([2.5]), torch.tensor([1.5], dtype=DOUBLE)
    with backend(name):
        value = log_mass(level, loc, scale)
    assert value.dtype == DOUBLE
    assert value.item() == pytest.approx(exact(3, 2.5, 1.5)[0], rel=1e-12)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)])
@computed_by
def test_any_shape(name, shape):
    loc = torch.ones(shape, requires_grad=True)
    with backend(name):
        value = log_mass(torch.zeros(()), loc, torch.ones(()))
    assert value.shape == shape
    value.sum().backward()
    assert loc.grad.shape == shape
