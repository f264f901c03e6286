"""The W2 of clipped logistics against quadrature, metric axioms, limits and extremes."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from latent_transport.distributions.clipped import clipped_moments, clipped_wasserstein2
from latent_transport.distributions.logistic import LogisticFamily
from tests.problems import DOUBLE

locations = st.floats(-3e3, 3e3)
scales = st.floats(np.log(0.01), np.log(1e3)).map(np.exp)
logistics = st.tuples(locations, scales)


def integrate_pieces(function, *ends):
    """Integral over the line of a function times the standard logistic density."""
    knots = np.unique(np.clip([-200, -20, -3, 0, 3, 20, 200, *ends], -200, 200))

    def weighed(x):
        return function(x) * special.expit(x) * special.expit(-x)

    options = {"epsabs": 1e-11, "epsrel": 1e-9, "limit": 200}
    return sum(integrate.quad(weighed, *piece, **options)[0] for piece in pairwise(knots))


def distance_by_quadrature(p, q):
    ends = [(edge - loc) / scale for loc, scale in (p, q) for edge in (0, 255)]

    def square(x):
        first, second = (np.clip(loc + scale * x, 0, 255) for loc, scale in (p, q))
        return (first - second) ** 2

    return integrate_pieces(square, *ends) ** 0.5


def measure(*members, dtype=torch.float64):
    return clipped_wasserstein2(*(torch.tensor(x, dtype=dtype) for pair in members for x in pair))


@given(p=logistics, q=logistics)
@settings(deadline=None, max_examples=100)
def test_distance_matches_quadrature(p, q):
    expected = distance_by_quadrature(p, q)
    assert float(measure(p, q)) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@given(p=logistics, change=st.tuples(st.floats(-1, 1), st.floats(-0.1, 0.1)))
@settings(deadline=None, max_examples=60)
def test_distance_of_neighbours_matches_quadrature(p, change):
    q = (p[0] + change[0], p[1] * (1 + change[1]))
    expected = distance_by_quadrature(p, q)
    assert float(measure(p, q)) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@given(p=logistics, q=logistics)
@settings(deadline=None, max_examples=60)
def test_single_precision_errs_by_rounding(p, q):
    found = measure(p, q, dtype=torch.float32)
    assert found.dtype == torch.float32
    members = [tuple(float(np.float32(x)) for x in pair) for pair in (p, q)]
    assert float(found) == pytest.approx(float(measure(*members)), rel=1e-4, abs=1e-3)


@given(p=logistics, q=logistics, r=logistics)
@settings(deadline=None, max_examples=200)
def test_distance_is_a_metric(p, q, r):
    forth = measure(p, q)
    assert float(measure(q, p)) == pytest.approx(float(forth), rel=1e-12, abs=1e-12)
    assert float(forth) <= float(measure(p, r) + measure(r, q)) * (1 + 1e-9) + 1e-9
    assert float(measure(p, p)) == 0


def test_logistics_inside_of_the_range_have_the_unbounded_distance():
    p, q = (
        torch.tensor([[100.0, 140.0], [3.0, 1.0]], **DOUBLE),
        torch.tensor([110.0, 2.0], **DOUBLE),
    )
    found = clipped_wasserstein2(*p, *q)
    expected = ((p[0] - 110).square() + np.pi**2 / 3 * (p[1] - 2).square()).sqrt()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [-1, 1])
def test_what_no_image_shows_makes_no_distance(dtype, sign):
    """Far outside on one side all are one grey level; on either side they are 255 apart."""
    away = torch.tensor([1e3, 1e5, 1e8, 1e15], dtype=dtype)
    loc = 127.5 + sign * away
    scale = torch.tensor([0.01, 1.0, 10.0], dtype=dtype)[:, None]
    assert (clipped_wasserstein2(loc, scale, loc[:1], scale[-1:]) < 1e-10).all()
    across = clipped_wasserstein2(loc, scale, 255 - loc, scale)
    torch.testing.assert_close(across, torch.full_like(across, 255.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extremes_are_finite_with_finite_slopes(dtype):
    generator = torch.Generator().manual_seed(0)
    loc, other = 10 ** (20 * torch.rand(2, 4000, generator=generator, dtype=dtype) - 3)
    loc, other = loc * (1 - 2 * (torch.arange(4000) % 2)), 127 + other
    scale, wide = 10 ** (24 * torch.rand(2, 4000, generator=generator, dtype=dtype) - 7)
    inputs = [x.clone().requires_grad_() for x in (loc, scale, other, wide)]
    distance = clipped_wasserstein2(*inputs)
    assert (distance >= 0).all()
    assert (distance <= 255 * (1 + 1e-5)).all()
    for gradient in torch.autograd.grad(distance.sum(), inputs):
        assert torch.isfinite(gradient).all()


def draw_members(count=40):
    generator = torch.Generator().manual_seed(1)
    loc = 400 * torch.rand(count, generator=generator, **DOUBLE) - 80
    scale = 10 ** (4 * torch.rand(count, generator=generator, **DOUBLE) - 1)
    some = clipped_moments(loc, scale)[0] > 1e-9  # within the range
    return loc[some], scale[some]


def test_slopes_match_finite_differences():
    loc, scale = draw_members()
    inputs = [x.clone().requires_grad_() for x in (loc, scale, loc.flip(0), scale.roll(1))]
    options = {"eps": 1e-5, "rtol": 1e-4, "atol": 1e-5, "check_forward_ad": True}
    assert torch.autograd.gradcheck(clipped_wasserstein2, inputs, **options)
    equal = [x.clone().requires_grad_() for x in (loc, scale, loc, scale)]
    for gradient in torch.autograd.grad(clipped_wasserstein2(*equal).sum(), equal):
        assert (gradient == 0).all()


def test_second_derivatives_are_refused():
    inputs = [x.clone().requires_grad_() for x in draw_members(3)]
    distance = clipped_wasserstein2(*inputs, inputs[0].detach() + 1, inputs[1].detach())
    (slope, _) = torch.autograd.grad(distance.sum(), inputs, create_graph=True)
    with pytest.raises(NotImplementedError, match="twice"):
        slope.sum().backward()


def test_moments_match_quadrature():
    loc, scale = draw_members()
    found = torch.stack(clipped_moments(loc, scale), -1)
    for row, m, s in zip(found.tolist(), loc.tolist(), scale.tolist(), strict=True):
        low, high = -m / s, (255 - m) / s

        def inside(x, power, low=low, high=high):
            return np.where((x >= low) & (x <= high), x**power, 0)

        moments = [integrate_pieces(lambda x, k=k: inside(x, k), low, high) for k in range(3)]
        mean = moments[1] / moments[0]
        expected = (moments[0], mean, moments[2] / moments[0] - mean**2)
        assert row == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_local_norm_is_the_limit_of_distances():
    p = torch.stack(draw_members(), -2)
    dp = torch.randn(p.shape, generator=torch.Generator().manual_seed(2), **DOUBLE)
    dp = dp * torch.stack((p[1].clamp(min=1), p[1]))
    family, eps = LogisticFamily(), 1e-5
    norm = family.wasserstein2_local_residuals(p, dp).square().sum(-2).sqrt()
    limit = family.wasserstein2_residuals(p, p + eps * dp).squeeze(-2) / eps
    torch.testing.assert_close(norm, limit, rtol=1e-3, atol=1e-6)


def test_curvature_completes_the_slope_to_the_metric_of_neighbours():
    """The slope's square and the covector's are half the Hessian of the squared distance."""
    p = torch.stack(draw_members(), -2)
    change = 1e-4 * torch.randn(p.shape, generator=torch.Generator().manual_seed(3), **DOUBLE)
    q = (p + change * p[1]).requires_grad_()
    family = LogisticFamily()
    (slope,) = torch.autograd.grad(family.wasserstein2_residuals(p, q).sum(), q)
    covector = family.wasserstein2_curvature(p, q.detach()).squeeze(-3)
    axes = torch.eye(2, **DOUBLE)[..., None].expand(2, 2, p.shape[-1])  # one coordinate each
    rows = family.wasserstein2_local_residuals(p.expand(2, 2, -1), axes)  # (2, M, D)
    metric = torch.einsum("amd,bmd->dab", rows, rows)
    found = sum(torch.einsum("ad,bd->dab", x, x) for x in (slope, covector))
    size = metric.diagonal(dim1=-2, dim2=-1).sqrt()  # (D, 2)
    scaled = (found - metric) / (size[:, :, None] * size[:, None, :])
    assert scaled.abs().max() < 1e-2


def test_shapes_alone_are_enough():
    parameters = [torch.empty(4, 3, device="meta") for _ in range(4)]
    assert clipped_wasserstein2(*parameters).shape == (4, 3)
    assert [x.shape for x in clipped_moments(*parameters[:2])] == [(4, 3)] * 3
