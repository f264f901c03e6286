"""Geodesics between latent points, the curves they are made of, and how they are found."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
