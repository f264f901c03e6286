"""Fused Wasserstein-1 kernels for discretised logistics and their mixtures."""

from latent_transport.kernels.dispatch import backend

__all__ = ["backend"]
