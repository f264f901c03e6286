from .builder import Plane as Plane
from .builder import Provenance as Provenance
from .builder import build_page as build_page
