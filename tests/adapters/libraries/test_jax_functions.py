"""Decoders written in JAX."""

import jax
import jax.numpy as jnp
import torch

from latent_transport.adapters.arrays import adapt_numpy
from latent_transport.geometries.wasserstein1 import Wasserstein1


def test_jax(solve):
    inner = jax.random.normal(jax.random.key(0), (2, 16))
    outer = jax.random.normal(jax.random.key(1), (16, 12)) / 4

    def decode(z):
        return jnp.tanh(z @ inner) @ outer

    codes = torch.randn(100, 2)
    decoder = adapt_numpy(jax.jit(decode), jax.jit(jax.vmap(jax.jacfwd(decode))))
    found = solve(Wasserstein1(decoder), codes)

    def same(z):
        first, second = (torch.tensor(jax.device_get(x)) for x in (inner, outer))
        return torch.tanh(z @ first) @ second

    expected = solve(Wasserstein1(same), codes)
    torch.testing.assert_close(found.length, expected.length, rtol=1e-4, atol=0)
