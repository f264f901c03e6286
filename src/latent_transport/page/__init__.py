"""An interactive page of one latent plane: a single HTML file that needs no network.

The modules here make the page without torch; what runs in it stands in ``assets``.
"""

from latent_transport.page.anchors import choose_anchors
from latent_transport.page.builder import Plane, Provenance, build_page
from latent_transport.page.paths import LINE, AnchorPaths

__all__ = ["LINE", "AnchorPaths", "Plane", "Provenance", "build_page", "choose_anchors"]
