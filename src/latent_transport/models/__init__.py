"""Variational autoencoders, decoders that know where the data are, and their geometries."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
