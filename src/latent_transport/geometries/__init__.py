"""Geometries of a latent space: distances between decoder distributions, pulled back."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
