"""Maps between points and velocities: where geodesics set out to, and where they come to."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
