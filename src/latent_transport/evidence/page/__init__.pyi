from .anchors import choose_anchors as choose_anchors
from .builder import Plane as Plane
from .builder import Provenance as Provenance
from .builder import build_page as build_page
from .paths import AnchorPaths as AnchorPaths
