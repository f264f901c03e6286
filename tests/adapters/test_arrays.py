"""Decoders of NumPy: as torch's own, in all that differentiates them."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from latent_transport.adapters.arrays import adapt_numpy
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.riemannian import FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.maps.logarithm import logarithm_map
from tests.problems import DOUBLE

RNG = np.random.default_rng(0)
INNER, OUTER = RNG.normal(size=(2, 16)), RNG.normal(size=(16, 10)) / 4


def decode(z):
    return np.tanh(z @ INNER) @ OUTER


def differentiate(z):
    return np.einsum("mk,jk,ki->mij", 1 - np.tanh(z @ INNER) ** 2, INNER, OUTER)


def decode_in_torch(z):
    return torch.tanh(z @ torch.from_numpy(INNER).to(z)) @ torch.from_numpy(OUTER).to(z)


DECODER = adapt_numpy(decode, differentiate)
Z0, Z1 = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(0), **DOUBLE)


def test_derivatives_are_those_of_finite_differences():
    options = {"check_forward_ad": True, "check_batched_grad": True}
    options["check_batched_forward_grad"] = True
    assert torch.autograd.gradcheck(DECODER, (Z0.clone().requires_grad_(),), **options)


@pytest.mark.parametrize("geometry", [Wasserstein1, FisherRao])
def test_geodesics_are_those_of_torch(geometry):
    def make(network):
        return geometry(lambda z: Normal(network(z), 0.1 + network(z).square()))

    found = connecting_geodesics(make(DECODER), Z0, Z1)
    expected = connecting_geodesics(make(decode_in_torch), Z0, Z1)
    assert found.converged.all()
    torch.testing.assert_close(found.length, expected.length)
    torch.testing.assert_close(make(DECODER).norm(Z0, Z1), make(decode_in_torch).norm(Z0, Z1))
    torch.testing.assert_close(
        logarithm_map(make(DECODER), Z0, Z1), logarithm_map(make(decode_in_torch), Z0, Z1)
    )


def test_arrays_of_another_precision_become_the_points():
    assert DECODER(Z0.float()).dtype == torch.float32
    found = connecting_geodesics(Wasserstein1(DECODER), Z0.float(), Z1.float())
    assert found.converged.all()


def test_wrong_shapes_are_told():
    with pytest.raises(ValueError, match=r"function maps points of shape \(6, 2\) to \(6,\); expe"):
        adapt_numpy(lambda z: z[:, 0], differentiate)(Z0)
    transposed = adapt_numpy(decode, lambda z: differentiate(z).swapaxes(1, 2))
    with pytest.raises(ValueError, match=r"jacobian maps .* to \(6, 2, 10\); expected \(6, D, 2\)"):
        transposed(Z0.clone().requires_grad_()).sum().backward()
    with pytest.raises(TypeError, match="jacobian is a NoneType; expected a function of arrays"):
        adapt_numpy(decode, None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
@pytest.mark.parametrize("single", [False, True])
def test_jacobians_are_compared_with_differences(dtype, scale, single):
    """Of functions of any scale, in the precision of the points or, as JAX has it, a lower one."""

    def lower(x):
        return x.astype(np.float32 if single else x.dtype)

    def function(z):
        return lower(decode(lower(z) / lower(np.array(scale))))

    def jacobian(z):
        return lower(differentiate(z / scale) / scale)

    z = (scale * Z0).to(dtype).requires_grad_()
    adapt_numpy(function, jacobian)(z).sum().backward()
    for wrong in (
        lambda z: 5 * jacobian(z),
        lambda z: -jacobian(z),
        lambda z: jacobian(z)[..., ::-1].copy(),
        lambda z: 0 * jacobian(z),
    ):
        decoder = adapt_numpy(function, wrong)
        with pytest.raises(ValueError, match="jacobian is not the derivative of function"):
            decoder(z).sum().backward()
