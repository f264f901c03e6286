"""Models of other libraries as decoders and geometries; none of these needs to be installed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
