"""Keys of paths, models and pairs, as they stand in tables and arrays.

What computes imports them from here, not from the vocabulary: another word in a figure is no reason
to compute anything again.
"""

from typing import Literal

OURS, RIVAL = "wasserstein1", "fisher-rao"
"""Geometry of the paper, and the one that it is set against."""

LINE, INTERPOLATION, FADE = "line", "interpolation", "fade"
"""Paths that are no geodesics: straight in the latent space, and in the space of pixels, between
the images at the ends or between their reconstructions."""

IMAGES, RECONSTRUCTIONS, POSTERIOR, PRIOR = "images", "reconstructions", "posterior", "prior"
FLOORS = (IMAGES, RECONSTRUCTIONS, POSTERIOR, PRIOR)
"""What paths are measured against, though on none: other test images or their codes, their
reconstructions, samples of their posteriors, and samples of the prior."""

LATENT, DIRECT, PIXELS = "latent", "direct", "pixels"
"""Distances without a path: Euclidean between the codes, of W1 between the decoded ends, and
Euclidean between the images."""

BEST = "best"
"""The best of several paths, whichever it is."""

FAMILIES = {
    "density": "strength",
    "latent-density": "strength",
    "regularised": "regularisation",
    "blurred": "blur",
}
"""Geometries with a number to choose, and what it is called where they are made."""


def name_member(geometry: str, value: float) -> str:
    """Key of the path of a geometry of one of :data:`FAMILIES`, for one value: ``blurred=4``."""
    return f"{geometry}={value:g}"


def split_member(path: str) -> tuple[str, float | None]:
    """Geometry of a path, and the value if it is a member of a family."""
    geometry, found, value = path.partition("=")
    return geometry, float(value) if found else None


ALL, PLANES = "all", "all planes"
"""Model of all digits, and those of single digits taken together."""

PLAIN, NARROW, FREE_BITS, CONV = "plain", "narrow", "free-bits", "conv"
REPLICATES = (PLAIN, NARROW, FREE_BITS, CONV)
"""Models of all digits that are trained from several seeds, ``NAME-seed1`` and so on: as the main
one, with fewer dimensions, with free bits, and of convolutions."""
EVERY = "replicates"
"""All of these taken together."""

RANDOM, FAR = "random", "far"
KINDS = (RANDOM, FAR)
"""Kinds of pairs; their order seeds the choice of the pairs."""

SEQUENCES = ("brightness", "contrast", "rotation")
"""Sequences of images whose intermediates are known."""

HIGHER: Literal[1] = 1
LOWER: Literal[-1] = -1
PLAUSIBILITY: dict[str, Literal[1, -1]] = {
    "confidence": HIGHER,
    "least_confidence": HIGHER,
    "entropy": LOWER,
    "label_switches": LOWER,
    "nearest_distance": LOWER,
    "log_likelihood": HIGHER,
    "grey_share": LOWER,
    "pixel_entropy": LOWER,
}
"""Measures of the images on a path, and whether higher or lower is more plausible."""

DETOURS: dict[str, Literal[1, 0, -1]] = {
    "length_ratio": LOWER,
    "latent_ratio": LOWER,
    "largest_step": LOWER,
    "retreat": LOWER,
    "fade_distance": 0,
}
"""Measures of how directly the images on a path lead from end to end, and which are better."""
