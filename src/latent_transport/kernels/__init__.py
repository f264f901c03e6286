"""Fused Wasserstein-1 kernels for discretised logistics and their mixtures."""
