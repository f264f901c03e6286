"""The claims that are judged: what each says, of which path, and what it can be judged by."""

from collections.abc import Mapping
from dataclasses import dataclass

from latent_transport.evidence.keys import (
    BEST,
    FADE,
    HIGHER,
    INTERPOLATION,
    LATENT,
    LINE,
    OURS,
    RIVAL,
)
from latent_transport.evidence.vocabulary import (
    CONTAINMENT,
    FRONTIER,
    HALFWAY,
    NEIGHBOURS,
    PLAUSIBILITY,
    SEPARATION,
    STABILITY,
    Measure,
)


@dataclass(frozen=True)
class Claim:
    """A claim, of which the config declares one measure as the one that decides.

    Attributes
    ----------
    statement : str
        What is claimed.
    part : str
        Part of the evidence that it is judged by.
    measures : mapping of str to Measure
        What can decide, and in which direction.
    path : str, optional
        Of which it is claimed; without, of every geometry but the paper's.
    reference : str, optional
        Path or distance with which that is compared, pair by pair; without, the mean itself is
        judged.
    replicated : bool
        Whether it is judged of the replicates, too, by the same measure.
    """

    statement: str
    part: str
    measures: Mapping[str, Measure]
    path: str | None = OURS
    reference: str | None = None
    replicated: bool = False


_SHARES = {name: measure for name, measure in CONTAINMENT.items() if measure.sign == HIGHER}

CLAIMS = {
    "inside": Claim(
        "W1 geodesics lie inside the region of the codes", "containment", _SHARES, replicated=True
    ),
    "active": Claim(
        "W1 geodesics on the active dimensions lie inside the region of the codes",
        "containment",
        _SHARES,
        "active",
        replicated=True,
    ),
    "images": Claim(
        "Images on W1 geodesics are more plausible than linear interpolations of the images",
        "plausibility",
        PLAUSIBILITY,
        reference=INTERPOLATION,
        replicated=True,
    ),
    "reconstructions": Claim(
        "Images on W1 geodesics are more plausible than linear interpolations of the "
        "reconstructions",
        "plausibility",
        PLAUSIBILITY,
        reference=FADE,
        replicated=True,
    ),
    "line": Claim(
        "Images on W1 geodesics are more plausible than images on the straight latent line",
        "plausibility",
        PLAUSIBILITY,
        reference=LINE,
        replicated=True,
    ),
    "separation": Claim("W1 and Fisher-Rao geodesics part", "separation", SEPARATION),
    "rival": Claim(
        "Images on W1 geodesics are more plausible than images on Fisher-Rao geodesics",
        "plausibility",
        PLAUSIBILITY,
        reference=RIVAL,
    ),
    "uncertain": Claim(
        "A decoder that grows uncertain away from the codes keeps geodesics inside",
        "containment",
        _SHARES,
        "uncertain",
    ),
    "geometries": Claim(
        "Images on this geometry's geodesics are more plausible than images on the straight latent "
        "line",
        "plausibility",
        PLAUSIBILITY,
        None,
        LINE,
    ),
    "headline": Claim(
        "Some geometry beats the straight latent line in confidence, likelihood and length "
        "together",
        "frontier",
        FRONTIER,
        BEST,
    ),
    "halfway": Claim(
        "Halfway on W1 geodesics between the ends of a known sequence lies its middle, nearer than "
        "on the straight latent line",
        "sequences",
        HALFWAY,
        reference=LINE,
    ),
    "stability": Claim(
        "W1 distances vary less across retraining than Euclidean latent distances",
        "stability",
        STABILITY,
        reference=LATENT,
    ),
    "transport": Claim(
        "W1 distances vary less across retraining than Euclidean distances pulled back from pixels",
        "stability",
        STABILITY,
        reference="euclidean",
    ),
    "neighbours": Claim(
        "W1 distances tell the digits apart better than Euclidean latent distances",
        "neighbours",
        NEIGHBOURS,
        reference=LATENT,
    ),
}
"""Claims by name, in the order in which they are told."""
