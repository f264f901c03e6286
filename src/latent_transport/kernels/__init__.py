"""Fused Wasserstein-1 kernels for discretised logistics and their mixtures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
