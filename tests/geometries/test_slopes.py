"""Slopes of residuals along the axes: the chain rule over few coordinates and over many classes."""

import pytest
import torch
from torch.distributions import Categorical
from torch.utils._python_dispatch import TorchDispatchMode

import latent_transport as lt
from latent_transport.geometries.slopes import residual_slopes
from tests.problems import DOUBLE


class Steps(TorchDispatchMode):
    """How many operations of tensors there are."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("classes", [1, 3, 31, 32, 33, 100, 1000])
def test_slopes_of_any_number_of_classes_in_few_steps(classes):
    generator = torch.Generator().manual_seed(classes)
    weights = torch.randn(2, 3 * classes, generator=generator, **DOUBLE)

    def decoder(z):
        return Categorical(logits=(z @ weights).unflatten(-1, (3, classes)))

    geometry = lt.Conformal(lt.Wasserstein1(decoder), lambda z: -z.square().sum(-1), 0.3)
    z0, z1 = torch.randn(2, 4, 2, generator=generator, **DOUBLE)
    (p, change_p), (q, change_q) = (geometry.decode_with_jacobian(z) for z in (z0, z1))
    with Steps() as steps:
        parts = list(residual_slopes(geometry.residuals, (p, q), (change_p, change_q)))
    assert steps.count < 400
    found = [torch.cat([slopes[end] for _, slopes in parts], -2) for end in (0, 1)]

    def residuals(z0, z1):
        return geometry.residuals(geometry.decode(z0), geometry.decode(z1)).sum(0)

    expected = torch.autograd.functional.jacobian(residuals, (z0, z1))
    for slopes, jacobian in zip(found, expected, strict=True):  # (d, 4, M, D), (M, D, 4, d)
        torch.testing.assert_close(slopes, jacobian.permute(3, 2, 0, 1), rtol=1e-9, atol=1e-12)
