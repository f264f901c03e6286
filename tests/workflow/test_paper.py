"""Manuscript and check: from tables to a PDF, and from a run to its verdict."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typst
import yaml
from sandbox import ROOT, copy_repository, plan, run_snakemake, write_config

from latent_transport.datasets.classes import DIGITS, write_classes
from latent_transport.evidence.claims.statements import CLAIMS
from latent_transport.evidence.keys import EVERY, REPLICATES, SEQUENCES
from latent_transport.evidence.vocabulary import DETOURS, FRONTIER, PLAUSIBILITY
from workflow.scripts import check_results, collect_numbers, compile_paper, judge_claims

SOURCE = ROOT / "paper" / "optimal-latent-transport.typ"
CONFIG = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
PATHS = ("line", "wasserstein1", "active", "fisher-rao", "uncertain", "density")
PATHS += ("fade", "interpolation", "prior")
FIGURE = "#set page(width: 9cm, height: 3cm)\nA figure."


def summarise(measures, *, models=("all planes", "all"), paths=PATHS, references=("line",)):
    rng = np.random.default_rng(0)
    rows = [
        (model, kind, path, measure, 10, *values, reference)
        for model in models
        for kind in ("random", "far")
        for path in paths
        for measure in measures
        for reference in references
        for values in [np.sort(rng.random((2, 3)), -1)[:, [1, 0, 2]].ravel()]
    ]
    names = "model kind path measure pairs mean mean_low mean_high difference difference_low"
    table = pd.DataFrame(rows, columns=[*names.split(), "difference_high", "reference"])
    table.loc[table["path"] == table["reference"], list(table.filter(like="difference"))] = None
    return table


def make_tables() -> dict[str, pd.DataFrame]:
    models = {"model": ["digit0", "all"], "digits": ["0", "0 1 2"], "latent_dim": [2, 30]}
    models |= {"train": [100, 57000], "test": [10, 10000], "active_dims": [2, 15]}
    models |= {"bits_per_dim": [2.1, 1.5], "reconstruction": [2.0, 1.4], "kl": [6.5, 37.0]}
    geodesics = [
        {
            "model": model,
            "kind": kind,
            "pairs": 10,
            "converged": 1.0,
            "median_length": 2.5e3,
            "median_line_length": 3e3,
            "lower_quartile_shortening": 0.1,
            "median_shortening": 0.2,
            "upper_quartile_shortening": 0.3,
            "not_longer_than_line": 1.0,
        }
        for model in ("all planes", "all")
        for kind in ("random", "far")
    ]
    ramp = [
        {
            "case": case,
            "geometry": geometry,
            "mean0": 0.0,
            "mean1": 200.0,
            "scale0": 2.0,
            "exact_length": 12.0,
            "exact_middle_scale": 70.0,
            "error": 1e-5,
        }
        for case in ("large", "small")
        for geometry in ("wasserstein1", "fisher-rao")
    ]
    starts = {"model": ["all", "all"], "kind": ["random", "far"], "pairs": [20, 20]}
    for start in ("graph", "random"):
        starts |= {f"{start}_shorter": [0.1, 0.2], f"{start}_largest_gain": [0.05, 0.01]}
    solvers = [
        {
            "model": "all",
            "solver": name,
            "seconds_a_geodesic": 1.0,
            "cpu_seconds_a_geodesic": 0.9,
            "speedup": 30.0,
            "median_energy_excess": 0.1,
        }
        for name in ("StochMan, Eq. 5 as printed", "Gauss-Newton")
    ]
    speed = {"components": [1, 1], "contender": ["pmf (Eq. 5)", "ours, eager"], "device": "cpu"}
    speed |= {"seconds_a_million": [12.0, 0.5], "speedup": [1.0, 24.0], "processor": "Processor 9"}
    two = {"paths": ("wasserstein1", "latent"), "references": ("latent",)}
    return {
        "models": pd.DataFrame(models),
        "geodesics": pd.DataFrame(geodesics),
        "containment": summarise(["share_inside"], references=("line", "wasserstein1")),
        "plausibility": summarise(
            [*PLAUSIBILITY, *DETOURS],
            models=["all"],
            references=("line", "fade", "interpolation", "fisher-rao"),
        ),
        "frontier": summarise(
            ["confidence", "length_ratio", *FRONTIER],
            models=["all"],
            paths=("line", "density=0.3", "blurred=4", "sobolev", "best"),
        ),
        "separation": summarise(
            ["separation", "excess_wasserstein1"], paths=["wasserstein1"], references=[None]
        ),
        "sequences": summarise(
            ["error", "image_error", "offset"],
            models=SEQUENCES,
            paths=("line", "wasserstein1", "fade"),
            references=("line", "fade", "wasserstein1"),
        ),
        "replicates": summarise(
            ["share_inside", "confidence", "log_likelihood"],
            models=[*REPLICATES, EVERY],
            paths=("line", "wasserstein1", "active", "fade", "interpolation"),
            references=("line", "fade", "interpolation"),
        ).assign(active_dims=12.5),
        "stability": summarise(
            ["coefficient", "relative_coefficient", "agreement"],
            models=["digit4", "plain"],
            paths=("latent", "pixels", "direct", "wasserstein1", "euclidean"),
            references=("latent", "wasserstein1"),
        ),
        "neighbours": summarise(["accuracy", "purity"], models=["all"], **two),
        "statistics": summarise(["excess", "first_share", "adjusted_rand", "converged"], **two),
        "ramp": pd.DataFrame(ramp),
        "starts": pd.DataFrame(starts),
        "wasserstein1": pd.DataFrame(speed),
        "solvers": pd.DataFrame(solvers),
    }


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> dict[str, Path]:
    """Tables as a run leaves them, made up, with the verdicts on them."""
    folder = tmp_path_factory.mktemp("tables")
    made = {}
    for name, table in make_tables().items():
        made[name] = folder / f"{name}.csv"
        table.to_csv(made[name], index=False)
    verdicts, tests = folder / "verdicts.csv", folder / "tests.csv"
    judge_claims.main(
        [
            *(
                part
                for name in (
                    *("containment", "plausibility", "frontier", "separation", "sequences"),
                    "replicates",
                )
                for part in (f"--{name}", str(made[name]))
            ),
            *("--neighbours", str(made["neighbours"]), "--stability", str(made["stability"])),
            *("--claims", json.dumps(CONFIG["evidence"]["claims"])),
            *("--output-verdicts", str(verdicts), "--output-tests", str(tests)),
        ]
    )
    return {**made, "verdicts": verdicts, "tests": tests}


def write_provenance(folder: Path) -> list[str]:
    path = folder / "provenance.csv"
    table = pd.DataFrame({"commit": ["01ab", "01ab"], "device": [None, "Processor 9"]})
    table.to_csv(path, index=False)
    return ["--provenance", str(path)]


def collect(tables: dict[str, Path], folder: Path) -> Path:
    collect_numbers.main(
        [
            *(part for name, path in tables.items() for part in ("--table", name, str(path))),
            *("--config", json.dumps(CONFIG), *write_provenance(folder), *name_digits(folder)),
            *("--output-json", str(folder / "numbers.json")),
            *("--output-latex", str(folder / "numbers.tex")),
        ]
    )
    return folder / "numbers.json"


def name_digits(folder: Path) -> list[str]:
    write_classes(folder / "classes.txt", DIGITS)
    return ["--classes", str(folder / "classes.txt"), "--data", "MNIST"]


def draw(folder: Path, *names: str) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        typst.compile(FIGURE.encode(), output=folder / f"{name}.pdf")
    return [str(folder / f"{name}.pdf") for name in names]


def set_paper(numbers: Path, output: Path, *figures: str, beside: Sequence[str] = ()) -> bytes:
    compile_paper.main(
        [
            *("--source", str(SOURCE), "--numbers", str(numbers), "--figures", *figures),
            *("--beside", *beside, "--output", str(output)),
        ]
    )
    return output.read_bytes()


def test_verdicts_of_the_scripts(tables):
    verdicts = pd.read_csv(tables["verdicts"])
    assert set(verdicts["claim"]) == set(CLAIMS)
    assert set(verdicts["verdict"]) <= {"supported", "refuted", "undecided"}


def test_numbers_of_a_run(tables, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENT_TRANSPORT_COMMIT", "0123456789abcdef-dirty")
    numbers = json.loads(collect(tables, tmp_path).read_text())
    assert numbers["geodesics"]["all planes/far"]["median_shortening"] == 0.2
    assert numbers["run"]["source"]["commit"] == "0123456789abcdef-dirty"
    assert numbers["run"]["origin"] == {"commit": "01ab", "device": "Processor 9"}
    assert re.fullmatch("[0-9a-f]{64}", numbers["run"]["source"]["config_hash"])
    assert numbers["run"]["settings"]["seed"] == CONFIG["seed"]
    assert {"python", "torch", "numpy", "snakemake", "latent-transport"} <= set(
        numbers["run"]["versions"]
    )
    macros = (tmp_path / "numbers.tex").read_text()
    assert "geodesicsAllFarMedianShortening" in macros
    assert numbers["words"]["paths"]["line"] == "straight latent line"
    assert r"\newcommand{\words" not in macros


def test_files_of_one_table_are_joined(tables, tmp_path):
    parts = [tmp_path / "one.csv", tmp_path / "two.csv"]
    table = pd.read_csv(tables["models"])
    for row, path in enumerate(parts):
        table.iloc[[row]].to_csv(path, index=False)
    joined = tmp_path / "numbers.json"
    options = ["--config", "{}", *write_provenance(tmp_path), "--output-json", str(joined)]
    options += ["--output-latex", str(tmp_path / "numbers.tex"), *name_digits(tmp_path)]
    collect_numbers.main(["--table", "models", *map(str, parts), *options])
    assert list(json.loads(joined.read_text())["models"]) == ["digit0", "all"]


def test_manuscript_with_everything_is_the_same_every_time(tables, tmp_path, caplog):
    numbers = collect(tables, tmp_path)
    names = ("figure1", "figure2", "figure3", "figure4", "training", "ramp", "new")
    names += ("frontier", "mechanism", "sequences")
    figures = draw(tmp_path / "elsewhere" / "figures", *names)
    first = set_paper(numbers, tmp_path / "first.pdf", *figures)
    assert first.startswith(b"%PDF-")
    assert first == set_paper(numbers, tmp_path / "second.pdf", *figures)
    assert not caplog.records


@pytest.mark.parametrize(
    "kept",
    [
        ["models", "geodesics"],
        ["models", "geodesics", "containment", "plausibility", "verdicts", "tests"],
        ["models", "geodesics", "solvers"],
        ["models", "geodesics", "frontier"],
        ["models", "geodesics", "replicates", "stability"],
        ["models", "geodesics", "containment", "replicates", "verdicts", "tests"],
        ["models", "geodesics", "ramp", "separation", "verdicts", "tests"],
    ],
)
def test_manuscript_copes_without_parts(tables, tmp_path, kept, caplog):
    numbers = collect({name: tables[name] for name in kept}, tmp_path)
    assert set_paper(numbers, tmp_path / "paper.pdf").startswith(b"%PDF-")
    assert not caplog.records


def test_manuscript_holds_no_measured_number():
    """Decimals in its prose are laid out or read; what is typed is a size, a share or a level."""
    sections = sorted(SOURCE.parent.glob("sections/*.typ"))
    assert sections
    prose = "".join(section.read_text() for section in sections)
    prose = re.sub(r"\d+(\.\d+)?(pt|em|fr|in)\b|rgb\(\"[^\"]*\"\)", "", prose)
    assert set(re.findall(r"\d+\.\d+", prose)) <= {"0.05"}


def test_manuscript_includes_every_section():
    included = re.findall(r'include "(sections/[\w-]+\.typ)"', SOURCE.read_text())
    folder = SOURCE.parent
    assert sorted(included) == [
        path.relative_to(folder).as_posix() for path in sorted(folder.glob("sections/*.typ"))
    ]


@pytest.mark.parametrize(
    ("missing", "place"),
    [
        (["models", "all", "bits_per_dim"], r"sections/models\.typ:\d+"),
        (["words"], r"lib\.typ:\d+"),
        (["words", "measures", "grey_share"], r"paths\.typ:\d+"),
    ],
)
def test_a_missing_number_or_word_is_told_with_its_place(tables, tmp_path, missing, place):
    path = collect(tables, tmp_path)
    numbers = part = json.loads(path.read_text())
    *above, last = missing
    for key in above:
        part = part[key]
    del part[last]
    path.write_text(json.dumps(numbers))
    with pytest.raises(ValueError, match=rf'does not contain key "{last}"(.|\n)*{place}'):
        set_paper(path, tmp_path / "paper.pdf")


@pytest.mark.parametrize(
    "key", [("paths", "fisher-rao"), ("measures", "grey_share", "label"), ("models", "all planes")]
)
def test_manuscript_takes_its_words_from_the_numbers(tables, tmp_path, key):
    path = collect(tables, tmp_path)
    before = set_paper(path, tmp_path / "paper.pdf")
    numbers = part = json.loads(path.read_text())
    *above, last = ("words", *key)
    for step in above:
        part = part[step]
    part[last] = "another $W_3$"
    path.write_text(json.dumps(numbers))
    assert set_paper(path, tmp_path / "paper.pdf") != before


def test_another_run_stands_beside(tables, tmp_path, caplog):
    numbers = collect(tables, tmp_path)
    alone = set_paper(numbers, tmp_path / "paper.pdf")
    other = json.loads(numbers.read_text())
    other["words"]["data"] = "Fashion-MNIST"
    folder = tmp_path / "fashion"
    beside = draw(folder / "figures", "figure2", "figure4_extended")
    (folder / "numbers.json").write_text(json.dumps(other))
    own = draw(tmp_path / "figures", "figure2", "figure3", "figure4", "figure4_extended")
    files = [str(folder / "numbers.json")]
    told = set_paper(numbers, tmp_path / "paper.pdf", *own, beside=files)
    drawn = set_paper(numbers, tmp_path / "paper.pdf", *own, beside=files + beside)
    assert len(alone) < len(told) < len(drawn)
    del other["verdicts"]
    (folder / "numbers.json").write_text(json.dumps(other))
    assert len(set_paper(numbers, tmp_path / "paper.pdf", *own, beside=files)) < len(told)
    assert not caplog.records


# A finding, and the differences to the straight latent line that bear it out.
FINDINGS = {
    "cross-fades in disguise": {
        ("wasserstein1", "confidence"): -1,
        ("wasserstein1", "fade_distance"): -1,
    },
    "explain only a part": {("active", "confidence"): -1},
    "no matter of transport": {("euclidean", "confidence"): -1},
    "density of the codes": {("latent-density", "confidence"): 1},
    "gives the loss back": {("blurred", "confidence"): 0},
}


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_is_told_where_the_intervals_bear_it_out(tables, tmp_path, finding):
    numbers = json.loads(collect(tables, tmp_path).read_text())
    others = {
        key: row
        for key, row in numbers["plausibility"].items()
        if key.split("/")[3] not in ("confidence", "fade_distance") or not key.endswith("/line")
    }

    def tell(differences):
        rows = {
            f"all/random/{path}/{measure}/line": {"mean": 0.5, "difference": 0.2 * sign}
            | {"difference_low": 0.2 * sign - 0.1, "difference_high": 0.2 * sign + 0.1}
            for (path, measure), sign in differences.items()
        }
        written = tmp_path / "numbers.json"
        written.write_text(json.dumps(numbers | {"plausibility": others | rows}))
        options = {"numbers": f"/{written.relative_to('/')}", "figures": "{}"}
        return typst.query(SOURCE, "<findings>", root="/", sys_inputs=options)

    borne_out = FINDINGS[finding]
    words = finding.split()
    assert all(word in tell(borne_out) for word in words)
    for key, sign in borne_out.items():
        # Another sign, or, of the one that asks for no loss, a loss.
        other = tell(borne_out | {key: -1 if sign == 0 else -sign})
        assert not all(word in other for word in words)


def test_a_broken_manuscript_leaves_nothing_and_says_where(tables, tmp_path):
    broken = tmp_path / "broken.typ"
    broken.write_text("Text.\n#unknown-thing")
    options = ["--source", str(broken), "--numbers", str(collect(tables, tmp_path))]
    with pytest.raises(ValueError, match=r"broken.typ cannot be set: (.|\n)*unknown-thing"):
        compile_paper.main([*options, "--output", str(tmp_path / "paper.pdf")])
    assert not list(tmp_path.glob("*.pdf"))


def test_check_tells_a_run_that_deviates(tables, tmp_path, capsys):
    numbers, reference = collect(tables, tmp_path), tmp_path / "reference.csv"
    check_results.main(["--numbers", str(numbers), "--write-reference", str(reference)])
    options = ["--numbers", str(numbers), "--reference", str(reference)]
    check_results.main(options)
    assert re.search(r"(\d+) of \1 numbers reproduced$", capsys.readouterr().out.strip())
    changed = numbers.read_text().replace('"bits_per_dim": 1.5', '"bits_per_dim": 1.6')
    numbers.write_text(changed)
    with pytest.raises(SystemExit, match="does not reproduce"):
        check_results.main(options)
    assert re.search(r"deviates +all bits_per_dim +1.6 +reference 1.5", capsys.readouterr().out)


# --- As rules of the workflow ---

OURS = ["judge_claims", "collect_provenance", "collect_numbers", "compile_paper", "paper", "check"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("paper") / "repository")


def test_paper_is_a_target(repository):
    jobs = plan(repository, "paper")
    assert {"collect_numbers", "compile_paper", "tabulate"} <= set(jobs)
    assert "benchmark_solvers" not in jobs
    settings = write_config(repository, {"paper": {"benchmarks": True}})
    assert "benchmark_solvers" in plan(repository, "paper", "--configfile", settings)


def test_without_reference_values_the_check_says_so_before_any_job(repository):
    done = run_snakemake(repository, "check", "-n", "--configfile", "config/quick.yaml")
    assert done.returncode != 0
    assert "config key paper.reference is null; expected a table of reference values" in done.stdout
    assert "Job stats" not in done.stdout


def test_rules_make_the_paper_and_check_it(repository, tables):
    settings = {
        "digits": [0],
        "figures": {"surface_digit": 0},
        "paper": {"benchmarks": False, "reference": "reference.csv"},
    }
    options = ["--cores", "1", "--configfile", write_config(repository, settings)]
    options += ["--allowed-rules", *OURS]
    results = repository / "results" / "paper"
    (results / "tables").mkdir(parents=True)
    for name, path in tables.items():
        (results / "tables" / f"{name}.csv").write_bytes(path.read_bytes())
    for model in ("digit0", "all"):
        for name in (f"models/{model}/vae", f"geodesics/{model}/wasserstein1/curves"):
            path = results / f"{name}.safetensors"
            path.parent.mkdir(parents=True)
            path.touch()
    write_classes(results / "data" / "raw" / "classes.txt", DIGITS)
    wanted = run_snakemake(repository, "compile_paper", "--dry-run", *options).stdout
    figures = set(re.findall(r"results/paper/figures/(\w+)\.pdf", wanted))
    draw(results / "figures", *figures)
    done = run_snakemake(repository, "paper", *options)
    assert done.returncode == 0, done.stdout
    assert (repository / "paper" / SOURCE.with_suffix(".pdf").name).read_bytes()[:5] == b"%PDF-"

    section = repository / "paper" / "sections" / "limitations.typ"
    text = section.read_text()
    section.write_text(text + "Edited.\n")
    planned = run_snakemake(repository, "paper", "--dry-run", *options).stdout
    assert "rule compile_paper:" in planned
    parts = [path.relative_to(ROOT).as_posix() for path in SOURCE.parent.rglob("*.typ")]
    assert [part for part in parts if part not in planned] == []
    section.write_text(text)

    numbers, reference = results / "numbers.json", repository / "reference.csv"
    check_results.main(["--numbers", str(numbers), "--write-reference", str(reference)])
    done = run_snakemake(repository, "check", *options)
    assert done.returncode == 0, done.stdout
    assert "numbers reproduced" in done.stdout
    reference.write_text(reference.read_text().replace("bits_per_dim,1.5", "bits_per_dim,1.9"))
    done = run_snakemake(repository, "check", *options)
    assert done.returncode != 0
    assert "1 deviates" in done.stdout
