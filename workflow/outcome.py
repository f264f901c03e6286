"""What a run says when it has come to its end: where its results are, and what else there is."""

from collections.abc import Iterator
from pathlib import Path

FIGURE = "figures/figure1.pdf"  # of every run that draws
MANUSCRIPT = "optimal-latent-transport.pdf"
PAGE = "page/index.html"

FURTHER = (
    ("figures", "figures", "Figures 1 to 4 and their tables", FIGURE),
    ("paper", "all", "further figures, the evidence and the manuscript", None),
    ("report", "page", "one HTML file of it all, and an interactive page", PAGE),
    ("benchmark", "benchmark", "what W1 and the solvers cost", "figures/benchmark.pdf"),
)
"""Targets of make and of Snakemake, what they add, and what is below the results then, or None."""


def describe_outcome(results: str | Path, paper: str | Path) -> Iterator[str]:
    """Yield lines about the files that a run has left; none if it has not drawn a figure.

    Parameters
    ----------
    results, paper : path
        Folders of the config's keys ``pathvars.results`` and ``pathvars.paper``.
    """
    results, paper = Path(results), Path(paper)
    figures = [path.stem for path in (results / "figures").glob("*.pdf")]
    figures.sort(key=lambda name: (not name.removeprefix("figure").isdigit(), name))  # the paper's
    if not figures:
        return
    yield f"Figures, PDF and PNG ({', '.join(figures)}): {results / 'figures'}"
    for title, place in (
        ("Copies for the manuscript", paper / "figures"),
        ("Tables", results / "tables"),
        ("Geodesics, a folder a model", results / "geodesics"),
        ("Manuscript", paper / MANUSCRIPT),
        ("Interactive page", results / PAGE),
    ):
        if place.exists():
            yield f"{title}: {place}"
    missing = [
        (make, target, text)
        for make, target, text, made in FURTHER
        if not (paper / MANUSCRIPT if made is None else results / made).exists()
    ]
    if missing:
        yield "Not made yet, and where to get it:"
        yield from (f"  make {make} (snakemake {target}): {text}" for make, target, text in missing)
