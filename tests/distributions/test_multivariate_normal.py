"""Multivariate normals whose variables depend on each other: the Bures metric."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg
from torch.distributions import Bernoulli, LowRankMultivariateNormal, MultivariateNormal

import latent_transport as lt
from latent_transport.distributions.multivariate_normal import orthogonal_factor
from latent_transport.distributions.registry import distribution_mean, family_of
from tests.problems import DOUBLE


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def draw_normals(count, size, seed, spread=1.0):
    """Normals whose standard deviations are apart by a factor of e to the 2 ``spread`` or so."""
    root = draw(count, size, size, seed=seed) @ torch.diag((spread * draw(size, seed=seed)).exp())
    return MultivariateNormal(draw(count, size, seed=seed + 1), root @ root.mT)


def bures(p, q):
    """Squared W2 by square roots of matrices."""
    found = []
    for x, y, s, t in zip(p.loc, q.loc, p.covariance_matrix, q.covariance_matrix, strict=True):
        root = linalg.sqrtm(s.numpy())
        cross = linalg.sqrtm(root @ t.numpy() @ root).real
        found.append(float((x - y).square().sum()) + np.trace((s + t).numpy() - 2 * cross))
    return torch.tensor(found, **DOUBLE)


def square(p, q):
    family = family_of(p)
    coordinates = family.coordinates
    return family.wasserstein2_residuals(coordinates(p), coordinates(q)).square().sum(-2)


@settings(deadline=None, max_examples=25)
@given(size=st.integers(1, 8), seed=st.integers(0, 1000), spread=st.floats(0, 2))
def test_wasserstein2_is_that_of_square_roots_of_matrices(size, seed, spread):
    p, q = (draw_normals(3, size, seed + k, spread) for k in (0, 7))
    expected = bures(p, q)
    torch.testing.assert_close(square(p, q), expected, rtol=1e-8, atol=1e-7)
    torch.testing.assert_close(square(q, p), expected, rtol=1e-8, atol=1e-7)


def test_low_rank_normals_are_measured_alike():
    factor, diagonal = draw(4, 5, 2), draw(4, 5, seed=1).exp()
    p = LowRankMultivariateNormal(draw(4, 5, seed=2), factor, diagonal)
    q = draw_normals(4, 5, 3)
    same = MultivariateNormal(p.loc, p.covariance_matrix)
    torch.testing.assert_close(square(p, q), square(same, q))


@pytest.mark.parametrize("condition", [1.0, 1e4, 1e10])
def test_the_orthogonal_factor_is_that_of_singular_values(condition):
    u, v = (torch.linalg.qr(draw(6, 6, seed=seed)).Q for seed in (0, 1))
    values = torch.logspace(0, -np.log10(condition), 6, **DOUBLE)
    found = orthogonal_factor(u @ torch.diag(values) @ v.mT)
    torch.testing.assert_close(found, u @ v.mT, rtol=0, atol=1e-14 * max(condition, 1e2))


def test_residuals_are_smooth_where_distributions_are_equal():
    family = family_of(draw_normals(2, 3, 0))
    p, q = (family.coordinates(draw_normals(2, 3, seed)) for seed in (0, 5))
    ends = p.clone().requires_grad_(), q.clone().requires_grad_()
    assert torch.autograd.gradcheck(family.wasserstein2_residuals, ends, check_forward_ad=True)
    alike = p.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: family.wasserstein2_residuals(x, p), (alike,))
    assert (family.wasserstein2_residuals(p, p).abs() < 1e-13).all()
    dp = q - p
    near = square_of(family.wasserstein2_residuals(p + 1e-5 * dp, p)).sqrt() / 1e-5
    found = square_of(family.wasserstein2_local_residuals(p, dp)).sqrt()
    torch.testing.assert_close(found, near, rtol=1e-4, atol=0)


def square_of(residuals):
    return residuals.square().sum(-2)


def decode(z):
    first, second = draw(2, 16, seed=3).to(z), draw(16, 12, seed=4).to(z)
    loc, root = ((z @ first).tanh() @ second / 4).split((3, 9), -1)
    root = root.unflatten(-1, (3, 3))
    return MultivariateNormal(loc, root @ root.mT + 0.1 * torch.eye(3).to(z))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_geodesics_are_solved(dtype):
    z0, z1 = draw(2, 10, 2).to(dtype)
    for kind in (lt.Wasserstein2, lt.Euclidean):
        paths = lt.connecting_geodesics(kind(decode), z0, z1)
        assert paths.converged.all()
        lower, upper = paths.bounds
        assert (lower <= upper * (1 + 1e-5)).all()


def test_a_geodesic_of_turned_covariances_is_as_long_as_their_distance():
    # Of zero mean, in the plane of all covariances with the same axes, which is flat.
    turn = torch.linalg.qr(draw(2, 2)).Q

    def decoder(z):
        root = turn @ torch.diag_embed(z.exp()) @ turn.mT
        return MultivariateNormal(torch.zeros_like(z), root @ root)

    z0, z1 = draw(2, 5, 2, seed=1)
    paths = lt.connecting_geodesics(lt.Wasserstein2(decoder), z0, z1)
    torch.testing.assert_close(paths.length, (z0.exp() - z1.exp()).norm(dim=-1), rtol=1e-4, atol=0)


def test_beside_others_and_means():
    def decoder(z):
        return decode(z), Bernoulli(logits=z)

    z0, z1 = draw(2, 4, 2)
    expected = lt.Euclidean(decode).distance(z0, z1).square()
    expected = expected + (z0.sigmoid() - z1.sigmoid()).square().sum(-1)
    torch.testing.assert_close(lt.Euclidean(decoder).distance(z0, z1).square(), expected)
    torch.testing.assert_close(distribution_mean(decode(z0)), decode(z0).loc)


@pytest.mark.parametrize("kind", ["Wasserstein1", "FisherRao"])
def test_other_distances_are_refused_with_the_reason(kind):
    reason = {"Wasserstein1": "depend on each other", "FisherRao": "is not supported"}[kind]
    with pytest.raises(TypeError, match=reason):
        getattr(lt, kind)(decode).distance(*draw(2, 3, 2))


def test_variables_that_depend_on_each_other_at_some_points_only_are_named():
    def decoder(z):
        slope = z[..., :1].relu()[..., None] * torch.tensor([[0.0, 0.0], [1.0, 0.0]]).to(z)
        return MultivariateNormal(z, scale_tril=torch.eye(2).to(z) + slope)

    z0, z1 = torch.tensor([[-1.0, 0.0]], **DOUBLE), torch.tensor([[1.0, 0.5]], **DOUBLE)
    with pytest.raises(ValueError, match="normal distributions at one point, and multivariate"):
        lt.connecting_geodesics(lt.Wasserstein2(decoder), z0, z1)
