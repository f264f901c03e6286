r"""The words of the paper's evidence: paths, distances, measures, models, pairs, and its parts.

Each is typed once, here. Figures, tables, verdicts, the page, the config's schema, the rules, and
through ``numbers.json`` the manuscript take it from here; nothing here imports torch. A label is
written so that it is the same text for matplotlib and for Typst, as ``$W_1$`` is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from latent_transport.datasets.classes import DIGITS
from latent_transport.evidence.keys import (
    ALL,
    CONV,
    DIRECT,
    EVERY,
    FADE,
    FAR,
    FREE_BITS,
    HIGHER,
    IMAGES,
    INTERPOLATION,
    LATENT,
    LINE,
    LOWER,
    NARROW,
    OURS,
    PIXELS,
    PLAIN,
    PLANES,
    POSTERIOR,
    PRIOR,
    RANDOM,
    RECONSTRUCTIONS,
    RIVAL,
    SEQUENCES,
    split_member,
)
from latent_transport.evidence.keys import DETOURS as DETOUR_SIGNS
from latent_transport.evidence.keys import PLAUSIBILITY as SIGNS
from latent_transport.models.catalogue import GEOMETRIES

Sign = Literal[-1, 0, 1]


@dataclass(frozen=True)
class Name:
    """What something is called.

    Attributes
    ----------
    label : str
        In figures.
    manuscript : str, optional
        In the manuscript, where it differs: Typst markup.
    """

    label: str
    manuscript: str | None = field(default=None, kw_only=True)

    @property
    def typst(self) -> str:
        """What the manuscript calls it."""
        return self.label if self.manuscript is None else self.manuscript


@dataclass(frozen=True)
class Path(Name):
    """What a path between two images is called.

    Attributes
    ----------
    short : str, optional
        Beside a row of small images, where it differs from the label.
    page : str, optional
        On the interactive page, which knows no mathematics, where it differs.
    unit : str
        Of lengths in its geometry.
    """

    short: str | None = field(default=None, kw_only=True)
    page: str | None = field(default=None, kw_only=True)
    unit: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Measure(Name):
    """What a measure is called, and how it is read.

    Attributes
    ----------
    sign : {-1, 0, 1}
        Whether higher (1) or lower (-1) values are better, or neither.
    digits : int
        Decimals in the manuscript.
    unit : str
        Empty for pure numbers.
    """

    sign: Sign
    digits: int = 3
    unit: str = ""

    @property
    def title(self) -> str:
        """Label and unit, over a panel."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True)
class Part:
    """A part of the evidence.

    Attributes
    ----------
    of_all_digits : bool
        Whether it is of the latent space of all digits alone.
    drawn, judged : bool
        Whether there is a figure of it, and whether claims are judged by it.
    of_paths : bool
        Whether it takes the paths of the geometries that the config lists.
    measured_by : tuple of str
        Parts by whose rules it is measured, whether or not these are asked for.
    compares : tuple of str
        Geometries that have to be in that list.
    solves : tuple of str
        Geometries whose geodesics it computes whatever the config lists.
    """

    of_all_digits: bool = False
    drawn: bool = False
    judged: bool = False
    of_paths: bool = False
    measured_by: tuple[str, ...] = ()
    compares: tuple[str, ...] = ()
    solves: tuple[str, ...] = ()


# --- Paths and distances ---

PATHS: dict[str, Path] = {
    LINE: Path("straight latent line", short="latent line", page="Straight line"),
    "wasserstein1": Path("$W_1$", page="Wasserstein-1", unit="grey levels"),
    "published": Path("$W_1$, published", manuscript="$W_1$, as published", unit="grey levels"),
    "active": Path("$W_1$, active", manuscript="$W_1$, active dimensions", unit="grey levels"),
    "regularised": Path("$W_1$, regularised", manuscript="$W_1$ and latent Euclidean"),
    "wasserstein2": Path("$W_2$", page="Wasserstein-2", unit="grey levels"),
    "fisher-rao": Path("Fisher\N{EN DASH}Rao", unit="no unit"),
    "euclidean": Path("Euclidean", unit="grey levels"),
    "blurred": Path("Euclidean, blurred", manuscript="Euclidean, blurred images"),
    "sobolev": Path("Euclidean, Sobolev", manuscript="Euclidean, Sobolev space $H^(-1)$"),
    "uncertain": Path("$W_1$, uncertain", manuscript="$W_1$, uncertain decoder"),
    "ensemble": Path("$W_1$, ensemble"),
    "density": Path("$W_1$, density"),
    "uncertain-density": Path("$W_1$, uncertain, density"),
    "latent-density": Path("latent, density", manuscript="latent Euclidean, density"),
    FADE: Path("faded reconstructions", short="faded", manuscript="interpolated reconstructions"),
    INTERPOLATION: Path("linear interpolation", short="linear", manuscript="interpolated images"),
    IMAGES: Path("test images"),
    RECONSTRUCTIONS: Path("reconstructions"),
    POSTERIOR: Path("posterior samples"),
    PRIOR: Path("prior samples"),
}
"""Paths between two images, from top to bottom: the line, geodesics by geometry, pixels; and what
they are measured against."""

DISTANCES: dict[str, Name] = {
    OURS: Name("$W_1$ geodesic"),
    LATENT: Name("latent Euclidean"),
    LINE: Name("$W_1$ of the straight line"),
    DIRECT: Name("$W_1$, no path"),
    PIXELS: Name("pixels", manuscript="Euclidean of the images"),
}
"""Distances between two images by which neighbours are found, or whose stability is measured."""

REPLICATED = tuple(
    name
    for name, recipe in GEOMETRIES.items()
    if recipe.decoder in ("plain", "blurred", "sobolev") and not recipe.weighted
)
"""Geometries of replicates: those that need no more than a model and its codes."""

OF_PLANES = tuple(
    name
    for name, recipe in GEOMETRIES.items()
    if recipe.decoder != "ensemble" and not recipe.active
)
"""Geometries of a single digit's plane: an ensemble is trained for all digits alone, and both of a
plane's dimensions are active."""

FURTHER = tuple(name for name in GEOMETRIES if name != OURS)
"""Geometries beside ours."""

# --- Measures ---

CONTAINMENT = {
    "share_inside": Measure("share of the curve inside", HIGHER),
    "points_inside": Measure("share of the points inside", HIGHER),
    "worst_excursion": Measure("worst excursion", LOWER),
    "share_of_means": Measure("share inside, by posterior means", HIGHER),
    "norm": Measure("distance to the origin", 0, 2),
}
PLAUSIBILITY = {
    "confidence": Measure("confidence", SIGNS["confidence"], manuscript="conf."),
    "least_confidence": Measure(
        "least confidence", SIGNS["least_confidence"], manuscript="least conf."
    ),
    "entropy": Measure("entropy", SIGNS["entropy"], unit="nats"),
    "label_switches": Measure("label switches", SIGNS["label_switches"], 2, manuscript="switches"),
    "nearest_distance": Measure(
        "distance to the data", SIGNS["nearest_distance"], 2, manuscript="nearest"
    ),
    "log_likelihood": Measure(
        "log-likelihood", SIGNS["log_likelihood"], 2, unit="bits/dim", manuscript="$log p(x)$"
    ),
    "grey_share": Measure("grey share of the ink", SIGNS["grey_share"], manuscript="grey share"),
    "pixel_entropy": Measure(
        "pixel entropy", SIGNS["pixel_entropy"], 2, unit="nats", manuscript="pixel entr."
    ),
}
DETOURS = {
    "length_ratio": Measure("length over the line's", DETOUR_SIGNS["length_ratio"]),
    "latent_ratio": Measure("latent length over the line's", DETOUR_SIGNS["latent_ratio"]),
    "largest_step": Measure("largest step", DETOUR_SIGNS["largest_step"], 2),
    "retreat": Measure("retreat", DETOUR_SIGNS["retreat"]),
    "fade_distance": Measure("distance to the cross-fade", DETOUR_SIGNS["fade_distance"]),
}
FRONTIER = {
    "advantage_by_length": Measure("least advantage, length counted", HIGHER, 2),
    "advantage_by_retreat": Measure("least advantage, retreat counted", HIGHER, 2),
}
SEPARATION = {
    "separation": Measure("separation", HIGHER),
    "excess_wasserstein1": Measure("excess $W_1$ length", HIGHER),
    "excess_fisher_rao": Measure("excess Fisher\N{EN DASH}Rao length", HIGHER),
}
HALFWAY = {
    "error": Measure("error halfway", LOWER, 2, unit="grey levels"),
    "image_error": Measure("error halfway, to the image", LOWER, 2, unit="grey levels"),
    "offset": Measure("offset halfway", LOWER),
}
STABILITY = {
    "coefficient": Measure("coefficient of variation", LOWER),
    "relative_coefficient": Measure("coefficient of variation, rescaled", LOWER),
    "agreement": Measure("intraclass correlation", HIGHER),
}
NEIGHBOURS = {
    "accuracy": Measure("label accuracy of nearest neighbours", HIGHER),
    "purity": Measure("purity of k-medoids", HIGHER, manuscript="purity of $k$-medoids"),
}
STATISTICS = {
    "excess": Measure("excess of the variance", LOWER),
    "first_share": Measure("share of the first component", 0),
    "adjusted_rand": Measure(
        "adjusted Rand index", HIGHER, manuscript="adjusted Rand index of $k$-means"
    ),
    "spread": Measure("spread", LOWER, 1, unit="grey levels"),
    "converged": Measure("share converged", HIGHER),
}
"""Measures of each part of the evidence, in their order."""

MEASURES = (
    CONTAINMENT
    | PLAUSIBILITY
    | DETOURS
    | FRONTIER
    | SEPARATION
    | HALFWAY
    | STABILITY
    | NEIGHBOURS
    | STATISTICS
)

# --- Models and pairs ---


def name_models(classes: Sequence[str] = DIGITS) -> dict[str, Name]:
    """Names of the models of a data set whose classes have these names, by label."""
    noun = "digits" if all(map(str.isdigit, classes)) else "classes"
    return {
        **{f"digit{label}": name_class(name) for label, name in enumerate(classes)},
        PLANES: Name(f"planes of single {noun}", manuscript="latent planes"),
        ALL: Name(f"all {noun}"),
        PLAIN: Name(f"all {noun}, again"),
        NARROW: Name("fewer dimensions"),
        FREE_BITS: Name("free bits"),
        CONV: Name("convolutions"),
        EVERY: Name("every replicate"),
        **{name: Name(f"sequences of {name}") for name in SEQUENCES},
    }


def name_class(name: str) -> Name:
    """What a class is called: a bare number is a digit; marks of typesetters are escaped."""
    if name.isdigit():
        return Name(f"digit {name}")
    markup = "".join(f"\\{mark}" if mark in _TYPST_MARKS else mark for mark in name)
    return Name(name.replace("$", r"\$"), manuscript=markup)


_TYPST_MARKS = frozenset("\\#$*_`<>@~[]=+-/'\"")


KINDS_OF_PAIRS = {RANDOM: Name("random pairs"), FAR: Name("far pairs")}

# --- Parts of the evidence ---

PARTS = {
    "containment": Part(drawn=True, judged=True, of_paths=True),
    "plausibility": Part(of_all_digits=True, drawn=True, judged=True, of_paths=True),
    "frontier": Part(of_all_digits=True, drawn=True, judged=True, of_paths=True),
    "separation": Part(judged=True, compares=(OURS, RIVAL)),
    "ramp": Part(drawn=True),
    "replicates": Part(
        of_all_digits=True, judged=True, measured_by=("containment", "plausibility")
    ),
    "stability": Part(drawn=True, judged=True, solves=("wasserstein1", "euclidean")),
    "neighbours": Part(of_all_digits=True, drawn=True, judged=True),
    "statistics": Part(drawn=True),
    "sequences": Part(of_all_digits=True, drawn=True, judged=True),
    "starts": Part(),
}


def path_label(path: str) -> str:
    """Return what figures call a path, or a distance that has none; else its key.

    The member of a family is called by its value as well: ``Euclidean, blurred, 4``.
    """
    geometry, value = split_member(path)
    label = _find_label(geometry, DISTANCES | PATHS)
    return label if value is None else f"{label}, {value:g}"


def distance_label(distance: str) -> str:
    """Return what figures call a distance, or the path that it is of; else its key."""
    return _find_label(distance, PATHS | DISTANCES)


def model_label(model: str, classes: Sequence[str] = DIGITS) -> str:
    """Return what figures call a model, whose data have classes of these names, by label.

    Of MNIST ``digit3`` is "digit 3" and ``all`` is "all digits"; of Fashion-MNIST they are "Dress"
    and "all classes".
    """
    return _find_label(model, name_models(classes))


def collect_words(classes: Sequence[str] = DIGITS) -> dict[str, Any]:
    """Return the words that the manuscript needs, by key, as JSON can hold them.

    Parameters
    ----------
    classes : sequence of str
        Names of the classes of the data, by label.

    Returns
    -------
    dict
        ``paths`` and ``models``: key -> label, Typst markup. ``measures``: key -> ``label``,
        ``sign`` (1 where higher is better, -1 where lower is, 0 where neither) and ``digits``, the
        decimals to show. ``detours``: measures of the images on a path that are none of how
        plausible they are.
    """
    pathless = {key: DISTANCES[key] for key in (LATENT, DIRECT, PIXELS)}
    return {
        "detours": list(DETOURS),
        "paths": {key: path.typst for key, path in {**PATHS, **pathless}.items()},
        "measures": {
            key: {"label": measure.typst, "sign": measure.sign, "digits": measure.digits}
            for key, measure in MEASURES.items()
        },
        "models": {key: model.typst for key, model in name_models(classes).items()},
    }


def _find_label(key: str, names: Mapping[str, Name]) -> str:
    return names[key].label if key in names else key
