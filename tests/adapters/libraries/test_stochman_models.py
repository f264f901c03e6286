"""StochMan's networks, and manifolds that are embedded or have a metric."""

import torch
from stochman import nnj
from stochman.manifold import EmbeddedManifold, Manifold

from latent_transport.adapters.adapt import adapt
from latent_transport.geometries.riemannian import Euclidean
from latent_transport.geometries.wasserstein1 import Wasserstein1


def make_network():
    return nnj.Sequential(nnj.Linear(2, 16), nnj.Tanh(), nnj.Linear(16, 12))


class Surface(EmbeddedManifold, torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = make_network()

    def embed(self, c, jacobian=False):
        return self.network(c, jacobian=jacobian)


class HalfPlane(Manifold):
    def metric(self, points):
        return points[:, 1:].pow(-2).expand_as(points)


def test_networks(solve):
    network = make_network()
    codes = torch.randn(100, 2)
    paths = solve(Wasserstein1(adapt(network)), codes)
    assert network.training
    _, jacobian = network(codes, jacobian=True)  # (B, D, d)
    tensor = Euclidean(adapt(network)).tensor(codes)
    torch.testing.assert_close(tensor, (jacobian.mT @ jacobian).detach())
    assert (paths.length > 0).all()


def test_embedded_manifolds(solve):
    surface, codes = Surface(), torch.randn(100, 2)
    pulled_back = solve(Wasserstein1(adapt(surface)), codes)
    by_metric = solve(adapt(surface, metric=True), codes)
    torch.testing.assert_close(by_metric.length, pulled_back.length, rtol=1e-3, atol=0)


def test_manifolds_with_a_metric(solve):
    codes = torch.stack((torch.randn(100), 0.3 + torch.rand(100)), -1)
    paths = solve(adapt(HalfPlane(), metric=True), codes)
    z0, z1 = codes[:50], codes[50:]
    square = (z1 - z0).square().sum(-1) / (z0[:, 1] * z1[:, 1])
    torch.testing.assert_close(paths.length, 2 * (square.sqrt() / 2).asinh(), rtol=1e-3, atol=0)
