"""The words of the evidence: every thing has its name, and each name suits all who print it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typst
from matplotlib.mathtext import MathTextParser

from latent_transport.evidence.claims.numbers import iterate_numbers
from latent_transport.evidence.keys import (
    ALL,
    DIRECT,
    EVERY,
    FADE,
    FLOORS,
    INTERPOLATION,
    LATENT,
    LINE,
    OURS,
    PIXELS,
    PLANES,
    REPLICATES,
    SEQUENCES,
)
from latent_transport.evidence.vocabulary import (
    DISTANCES,
    FURTHER,
    MEASURES,
    OF_PLANES,
    PARTS,
    PATHS,
    REPLICATED,
    collect_words,
    distance_label,
    model_label,
    name_models,
    path_label,
)
from latent_transport.models.catalogue import GEOMETRIES

WORDS = collect_words()
MODELS = name_models()
SOURCE = Path(__file__).parents[2] / "src"


def test_every_geometry_has_a_path_in_the_order_of_the_catalogue():
    assert list(PATHS) == [LINE, *GEOMETRIES, FADE, INTERPOLATION, *FLOORS]


@pytest.mark.parametrize("names", [PATHS, MODELS, MEASURES])
def test_no_two_things_have_the_same_name(names):
    for labels in ([name.label for name in names.values()], [n.typst for n in names.values()]):
        assert len(set(labels)) == len(labels)


def test_labels_can_be_drawn():
    parser = MathTextParser("path")
    for name in (PATHS | DISTANCES | MODELS | MEASURES).values():
        assert "$" not in name.label.replace("$W_1$", "").replace("$W_2$", "")
        assert parser.parse(name.label).width > 0


def test_words_of_the_manuscript_can_be_set(tmp_path):
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    source = tmp_path / "words.typ"
    source.write_text(
        '#let words = json("words.json")\n'
        '#let write(label) = eval(label, mode: "markup")\n'
        "#words.paths.values().map(write).join[; ]\n"
        "#words.models.values().map(write).join[; ]\n"
        "#words.measures.values().map(m => write(m.label)).join[; ]\n"
        "#assert(words.measures.values().all(m => m.sign in (-1, 0, 1) and m.digits > 0))\n"
    )
    assert typst.compile(source).startswith(b"%PDF")


def test_names_of_classes_are_set_and_drawn_as_they_are_written(tmp_path):
    classes = ["T-shirt/top", "$5 // #1", "a_b*c* <x> @y [z]", "= no = heading", "~ 'q' \"r\""]
    (tmp_path / "words.json").write_text(json.dumps(collect_words(classes) | {"raw": classes}))
    source = tmp_path / "words.typ"
    source.write_text(
        '#let words = json("words.json")\n'
        "#set page(width: auto)\n#set smartquote(enabled: false)\n"
        "#let width(x) = measure(x).width\n"
        "#context for (i, name) in words.raw.enumerate() {\n"
        '  let set-name = eval(words.models.at("digit" + str(i)), mode: "markup")\n'
        "  assert(calc.abs(width(set-name) - width(text(name))) < 0.01pt, message: name)\n"
        "}\n"
    )
    assert typst.compile(source).startswith(b"%PDF")
    parser = MathTextParser("path")
    for label, name in enumerate(classes):
        drawn = model_label(f"digit{label}", classes)
        assert len(parser.parse(drawn).glyphs) == len(name)
    assert model_label("all", classes) == "all classes"
    assert collect_words(classes)["models"]["all"] == "all classes"


def test_words_are_no_numbers():
    table = {"row": {"column": 1.0}}
    assert list(iterate_numbers({"words": WORDS, "table": table})) == [
        ("table", "row", "column", 1.0)
    ]


def test_words_name_all_that_the_tables_hold():
    assert set(WORDS["paths"]) == {*PATHS, LATENT, DIRECT, PIXELS}
    assert set(WORDS["models"]) == {
        *(ALL, PLANES, *SEQUENCES, *REPLICATES, EVERY),
        *(f"digit{digit}" for digit in range(10)),
    }
    assert WORDS["measures"]["grey_share"] == {"label": "grey share", "sign": -1, "digits": 3}


def test_low_values_are_better_but_for_shares_confidence_likelihood_and_agreement():
    known = (
        "share_inside",
        "points_inside",
        "share_of_means",
        "worst_excursion",
        "confidence",
        "least_confidence",
        "entropy",
    )
    known += ("label_switches", "nearest_distance", "log_likelihood", "grey_share")
    known += ("pixel_entropy", "coefficient", "accuracy", "purity")
    known += ("relative_coefficient", "agreement")
    known += ("length_ratio", "latent_ratio", "largest_step", "retreat", "norm", "fade_distance")
    known += ("separation", "excess_wasserstein1", "excess_fisher_rao")
    known += ("error", "image_error", "offset", "advantage_by_length", "advantage_by_retreat")
    known += ("excess", "first_share", "adjusted_rand", "spread", "converged")
    assert set(known) == set(MEASURES)
    higher = {name for name in known if MEASURES[name].sign > 0}
    assert higher == {
        *(
            "share_inside",
            "points_inside",
            "share_of_means",
            "confidence",
            "least_confidence",
            "log_likelihood",
        ),
        *("advantage_by_length", "advantage_by_retreat"),
        *("agreement", "accuracy", "purity", "adjusted_rand", "converged"),
        *("separation", "excess_wasserstein1", "excess_fisher_rao"),
    }


@pytest.mark.parametrize(
    ("label_of", "key", "label"),
    [
        (model_label, "digit3", "digit 3"),
        (model_label, "all", "all digits"),
        (model_label, "digits", "digits"),
        (path_label, "wasserstein1", "$W_1$"),
        (path_label, "latent", "latent Euclidean"),
        (path_label, "home-made", "home-made"),
        (path_label, "blurred=4", "Euclidean, blurred, 4"),
        (distance_label, "wasserstein1", "$W_1$ geodesic"),
        (distance_label, "euclidean", "Euclidean"),
    ],
)
def test_labels(label_of, key, label):
    assert label_of(key) == label


def test_which_geometries_are_allowed_where_follows_from_their_recipes():
    assert REPLICATED[:3] == (OURS, "published", "active")
    assert set(GEOMETRIES) - set(REPLICATED) == {
        *("uncertain", "ensemble", "density", "uncertain-density", "latent-density")
    }
    assert set(GEOMETRIES) - set(OF_PLANES) == {"active", "blurred", "sobolev", "ensemble"}
    assert set(GEOMETRIES) - set(FURTHER) == {"wasserstein1"}
    for part in PARTS.values():
        assert {*part.compares, *part.solves} <= set(GEOMETRIES)


def test_words_are_had_without_torch():
    check = "import sys, latent_transport.evidence.vocabulary; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], env={"PYTHONPATH": str(SOURCE)}, check=True)
