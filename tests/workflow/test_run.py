"""A tiny run from the digits to the figures; what it leaves, and what is computed again."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from sandbox import ROOT, run_snakemake, write_config
from tiny import SETTINGS, plan_tiny, run_tiny

from workflow.provenance import SUFFIX, read_provenance
from workflow.scripts import gather_geodesics, solve_geodesics

MODELS = ("digit1", "all")
DIMS = {"digit1": 2, "all": 3}
FIGURES = (
    *("figure1", "figure2", "figure3", "figure4"),
    *("figure3_extended", "figure4_extended"),
    *("indicatrices", "training"),
)
# A new figure has a new origin, which the manuscript tells.
TOLD = {"collect_provenance": 1, "collect_numbers": 1, "compile_paper": 1}
GEODESICS = [
    *("pair", "kind", "row0", "row1", "index0", "index1", "label0", "label1", "seed"),
    *("length", "energy", "line_length", "line_energy", "shortening"),
    *("iterations", "converged", "seconds"),
]


@pytest.fixture(scope="module")
def results(finished) -> Path:
    return finished / "results" / "tiny"


# --- What a run leaves ---


def test_all_that_it_writes_is_in_its_own_folders(finished):
    before = {path.relative_to(ROOT) for path in ROOT.glob("paper/**/*")}
    after = {path.relative_to(finished) for path in finished.glob("paper/**/*")}
    assert after <= before
    assert [path.name for path in (finished / "results").iterdir()] == ["tiny"]


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_there_in_both_formats_and_published(results, name):
    for suffix, magic in ((".pdf", b"%PDF-"), (".png", b"\x89PNG\r\n")):
        figure = results / "figures" / f"{name}{suffix}"
        content = figure.read_bytes()
        assert content.startswith(magic)
        assert len(content) > 5000
        assert (results / "paper" / "figures" / figure.name).read_bytes() == content


@pytest.mark.parametrize("model", MODELS)
def test_history_and_codes(results, model):
    data = load_file(results / "data" / f"{model}.safetensors")
    codes = load_file(results / "models" / model / "codes.safetensors")
    history = pd.read_csv(results / "models" / model / "history.csv")
    assert list(history.columns) == [
        *("epoch", "train_loss", "validation_loss", "validation_reconstruction"),
        *("validation_kl", "learning_rate", "seconds"),
    ]
    assert history["epoch"].tolist() == [1, 2]
    assert codes["mean"].shape == codes["scale"].shape == (len(data["images"]), DIMS[model])
    assert codes["mean"].dtype == codes["scale"].dtype == np.float32
    assert (codes["scale"] > 0).all()
    for name in ("labels", "indices", "split"):
        np.testing.assert_array_equal(codes[name], data[name])


@pytest.mark.parametrize("model", MODELS)
def test_table_of_geodesics(results, model):
    folder = results / "geodesics" / model / "wasserstein1"
    table = pd.read_csv(folder / "geodesics.csv")
    pd.testing.assert_frame_equal(
        table, pd.read_parquet(folder / "geodesics.parquet"), check_dtype=False, rtol=1e-12
    )
    assert list(table.columns) == GEODESICS
    pairs = pd.read_csv(folder.parent / "pairs.csv")
    pd.testing.assert_frame_equal(table[list(pairs.columns)], pairs)
    assert table["pair"].tolist() == [0, 1, 2]
    assert table["kind"].tolist() == ["random", "random", "far"]
    split = load_file(results / "data" / f"{model}.safetensors")["split"]
    assert (split[table[["row0", "row1"]].to_numpy()] == 2).all()


@pytest.mark.parametrize("model", MODELS)
def test_lengths_and_energies(results, model):
    table = pd.read_csv(results / "geodesics" / model / "wasserstein1" / "geodesics.csv")
    for curve in ("", "line_"):
        length, energy = table[f"{curve}length"], table[f"{curve}energy"]
        assert (length > 0).all()
        assert (length <= np.sqrt(energy) * (1 + 1e-6)).all()
    np.testing.assert_allclose(
        table["shortening"], 1 - table["length"] / table["line_length"], atol=1e-6
    )
    # Minimised at 12 points, measured at 257.
    assert (table["energy"] <= table["line_energy"] * (1 + 1e-3)).all()
    assert table["iterations"].between(0, 8).all()
    assert (table["seconds"] > 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_curves_join_the_codes_of_their_images(results, model):
    table = pd.read_csv(results / "geodesics" / model / "wasserstein1" / "geodesics.csv")
    curves = load_file(results / "geodesics" / model / "wasserstein1" / "curves.safetensors")
    mean = load_file(results / "models" / model / "codes.safetensors")["mean"]
    assert curves["points"].shape == (3, 257, DIMS[model])
    assert curves["points"].dtype == np.float32
    np.testing.assert_array_equal(curves["pair"], table["pair"])
    np.testing.assert_allclose(curves["t"], np.linspace(0, 1, 257), atol=1e-6)
    np.testing.assert_allclose(curves["points"][:, 0], mean[table["row0"]], atol=1e-6)
    np.testing.assert_allclose(curves["points"][:, -1], mean[table["row1"]], atol=1e-6)


def test_field_of_a_plane(results):
    field = load_file(results / "models" / "digit1" / "field.safetensors")
    shapes = {name: array.shape for name, array in field.items()}
    assert shapes == {
        "x": (6,),
        "y": (6,),
        "volume": (6, 6),
        "excursion": (6, 6),
        "surface": (6, 6, 3),
        "geodesic": (257, 2),
        "line": (257, 2),
        "surface_geodesic": (257, 3),
        "surface_line": (257, 3),
        "surface_chord": (2, 3),
    }
    assert (field["volume"] > 0).all()
    curves = load_file(results / "geodesics" / "digit1" / "wasserstein1" / "curves.safetensors")[
        "points"
    ]
    np.testing.assert_array_equal(field["geodesic"], curves[2])  # the far one
    for end in (0, -1):
        np.testing.assert_allclose(field["line"][end], field["geodesic"][end], atol=1e-6)
        np.testing.assert_allclose(
            field["surface_line"][end], field["surface_geodesic"][end], atol=1e-2
        )
        np.testing.assert_array_equal(field["surface_chord"][end], field["surface_geodesic"][end])
    assert not (results / "models" / "all" / "field.safetensors").exists()


def test_images_along_the_paths(results):
    paths = load_file(results / "paths" / "all-extended.safetensors")
    first = load_file(results / "paths" / "all.safetensors")
    assert set(paths) - set(first) == {"wasserstein2"}
    for name, array in first.items():
        np.testing.assert_array_equal(array, paths[name])
    table = pd.read_csv(results / "geodesics" / "all" / "wasserstein1" / "geodesics.csv").set_index(
        "pair"
    )
    data = load_file(results / "data" / "all.safetensors")
    rows = table.loc[paths["pair"], ["row0", "row1"]].to_numpy()
    np.testing.assert_array_equal(paths["ends"], data["images"][rows])
    np.testing.assert_array_equal(paths["labels"], data["labels"][rows])
    first, last = paths["ends"].astype(float)[:, :1], paths["ends"].astype(float)[:, 1:]
    fractions = np.array([0.25, 0.5, 0.75])[:, None]
    np.testing.assert_allclose(
        paths["interpolation"], first + fractions * (last - first), atol=1e-3
    )
    for name in ("geodesic", "wasserstein2", "line", "interpolation"):
        assert paths[name].shape == (2, 3, 784)
        assert paths[name].dtype == np.float32
        assert ((paths[name] >= 0) & (paths[name] <= 255.001)).all()
    for name in ("wasserstein2", "line"):
        assert not np.array_equal(paths["geodesic"], paths[name])


def test_tables(results):
    models = pd.read_csv(results / "tables" / "models.csv")
    assert list(models.columns) == [
        *("model", "digits", "latent_dim", "components", "train", "validation", "test"),
        *("epochs", "best_epoch", "bits_per_dim", "reconstruction", "kl", "active_dims", "seconds"),
    ]
    assert models["model"].tolist() == list(MODELS)
    assert models["digits"].tolist() == ["1", "0 1 2 3 4 5 6 7 8 9"]
    assert models["latent_dim"].tolist() == [2, 3]
    assert models["test"].tolist() == [100, 1000]
    total = models["reconstruction"] + models["kl"] / 784 / np.log(2)
    np.testing.assert_allclose(models["bits_per_dim"], total, rtol=1e-9)
    assert models["bits_per_dim"].between(0, 8).all()
    for model, row in models.set_index("model").iterrows():
        history = pd.read_csv(results / "models" / model / "history.csv").set_index("epoch")
        assert row["best_epoch"] == history["validation_loss"].idxmin()
        split = load_file(results / "data" / f"{model}.safetensors")["split"]
        assert [row["train"], row["validation"], row["test"]] == np.bincount(split).tolist()

    geodesics = pd.read_csv(results / "tables" / "geodesics.csv")
    expected = {"model", "kind", "pairs", "median_shortening", "converged", "median_length"}
    assert expected <= set(geodesics.columns)
    assert list(geodesics[["model", "kind", "pairs"]].itertuples(index=False, name=None)) == [
        ("digit1", "random", 2),
        ("digit1", "far", 1),
        ("all", "random", 2),
        ("all", "far", 1),
        ("all planes", "random", 2),
        ("all planes", "far", 1),
    ]


def test_each_job_has_a_log_without_a_traceback_and_a_benchmark(repository, results):
    jobs = plan_tiny(repository, "--forceall")
    logs = sorted((results / "logs").rglob("*.log"))
    assert len(logs) == sum(jobs.values()) - jobs["all"]
    for log in logs:
        assert "Traceback" not in log.read_text(), log
    benchmarks = list((results / "benchmarks").rglob("*.tsv"))
    assert len(benchmarks) == len(logs) - jobs["publish_figure"]  # copies are not worth one


def test_each_file_has_a_sidecar(finished, results):
    files = {path for path in results.rglob("*") if path.is_file()}
    sidecars = {path for path in files if path.name.endswith(SUFFIX)}
    unwritten = {"logs", "benchmarks", "paper"}  # by no script of ours, or copies
    for path in files - sidecars:
        if path.relative_to(results).parts[0] not in unwritten:
            record = read_provenance(path)
            assert record is not None, path
            assert len(record["config_hash"]) == 64
            further = "classifier-seed1" in path.parts  # of a training of its own
            assert record["seed"] in (None, 2022 + further), path
    manuscript = results / "paper" / "optimal-latent-transport.pdf"
    assert read_provenance(manuscript)["script"] == "compile_paper"
    table = pd.read_csv(results / "tables" / "provenance.csv")
    assert table["script"].notna().all()
    assert table["file"].map(lambda path: (finished / path).is_file()).all()
    weights = table.set_index("file").loc["results/tiny/models/digit1/vae.safetensors"]
    assert weights["script"] == "train_vae"
    assert weights["seed"] == 2022
    assert weights["device"]
    numbers = json.loads((results / "numbers.json").read_text())
    assert numbers["run"]["origin"]["device"] == weights["device"]


# --- What is computed again ---


def test_a_new_commit_reruns_nothing(repository):
    identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "config"], ["commit", "-q", "-m", "One"]):
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)
    assert plan_tiny(repository) == {}


def test_a_second_run_does_nothing(repository):
    assert plan_tiny(repository) == {}


def test_a_touched_file_is_no_edit(repository):
    for path in (repository / "src").rglob("*.py"):
        path.touch()
    for path in (repository / "workflow").rglob("*.*"):
        path.touch()
    assert plan_tiny(repository) == {}


def edit(repository: Path, module: str) -> None:
    path = repository / module
    path.write_text(path.read_text() + "\n# edited\n")


def test_an_edited_plotting_module_redraws_the_figures_alone(repository):
    edit(repository, "src/latent_transport/evidence/plotting/style.py")
    plots = {f"plot_{name}": 1 for name in FIGURES}
    published = {"publish_figure": 2 * len(FIGURES), **TOLD}
    assert plan_tiny(repository) == {**plots, **published, "all": 1}


def test_an_edited_solver_leaves_the_models_alone(repository):
    edit(repository, "src/latent_transport/geodesics/solvers/gauss_newton.py")
    jobs = plan_tiny(repository)
    assert jobs["solve_geodesics"] == 6
    kept = {"fetch", "subset", "train_vae", "encode", "evaluate_vae", "choose_pairs"}
    assert not kept & set(jobs)
    assert "plot_training" not in jobs


def test_an_edited_mirror_reruns_nothing(repository):
    edit(repository, "src/latent_transport/datasets/sources.py")
    assert plan_tiny(repository) == {}


def test_an_edited_sample_is_fetched_again(repository):
    edit(repository, "src/latent_transport/datasets/sample.py")
    assert {"fetch", "subset", "train_vae"} <= set(plan_tiny(repository))


def test_an_edited_script_reruns_its_rule_and_what_follows(repository):
    edit(repository, "workflow/scripts/decode_paths.py")
    jobs = plan_tiny(repository)
    assert jobs == {
        "decode_paths": 1,
        "decode_extended_paths": 1,
        "plot_figure3": 1,
        "plot_figure4": 1,
        "judge_strips": 1,
        "plot_figure3_extended": 1,
        "plot_figure4_extended": 1,
        "publish_figure": 8,
        **TOLD,
        "all": 1,
    }


def test_the_figures_alone_need_no_evidence_and_come_first(repository):
    jobs = set(plan_tiny(repository, "figures", "--forceall")) - {"figures"}
    assert {"plot_figure2", "plot_figure4", "tabulate"} <= jobs
    assert not {"decode_extended_paths", "plot_training", "compile_paper"} & jobs
    config = write_config(repository, SETTINGS)
    options = ["--dry-run", "--forceall", "--configfile", config]
    told = re.findall(
        r"rule (\w+):\n((?:    .*\n)*)", run_snakemake(repository, "all", *options).stdout
    )
    first = {name for name, lines in told if re.search(r"priority: 1[01]\n", lines)}
    assert first == jobs
    geometries = {
        geometry: re.search(r"priority: 1[01]\n", lines) is not None
        for name, lines in told
        for geometry in re.findall(r"wildcards: model=all, geometry=([\w-]+)", lines)
    }
    assert geometries == {"wasserstein1": True, "wasserstein2": False}


def test_an_edited_training_trains_again(repository):
    edit(repository, "src/latent_transport/models/training.py")
    jobs = plan_tiny(repository)
    assert jobs["train_vae"] == 2
    assert not {"fetch", "subset"} & set(jobs)


def test_an_edited_choice_of_threads_and_device_trains_again(repository):
    edit(repository, "workflow/scripts/compute.py")
    jobs = plan_tiny(repository)
    assert jobs["train_vae"] == 2
    assert "fetch" not in jobs


@pytest.mark.parametrize("module", ["workflow/recording.py", "workflow/scripts/command.py"])
def test_an_edit_of_what_only_tells_reruns_nothing(repository, module):
    edit(repository, module)
    assert plan_tiny(repository) == {}


def test_edited_provenance_is_collected_anew_and_no_more(repository):
    edit(repository, "workflow/provenance.py")
    assert plan_tiny(repository) == {**TOLD, "all": 1}


@pytest.mark.parametrize(
    ("changes", "again", "kept"),
    [
        ({"figures__images": 5}, {"decode_extended_paths", "plot_figure4"}, {"solve_geodesics"}),
        ({"figures__curves": 3}, {"plot_figure2"}, {"plot_figure1", "measure_field"}),
        ({"figures__field_size": 8}, {"measure_field", "plot_figure1"}, {"solve_geodesics"}),
        ({"geodesics__points": 20}, {"solve_geodesics"}, {"train_vae", "choose_pairs"}),
        ({"models__all__schedule__epochs": 3}, {"train_vae"}, {"subset", "measure_field"}),
        ({"seed": 1}, {"subset", "train_vae", "choose_pairs"}, {"fetch"}),
    ],
)
def test_a_changed_setting_reruns_what_depends_on_it(repository, changes, again, kept):
    jobs = set(plan_tiny(repository, **changes))
    assert again <= jobs
    assert not kept & jobs


# --- What does not depend on how it is run ---


def load_geodesics(repository: Path, model: str = "digit1") -> pd.DataFrame:
    folder = repository / "results" / "tiny" / "geodesics" / model
    return pd.read_csv(folder / "wasserstein1" / "geodesics.csv")


def solve_chunk(results: Path, folder: Path, chunk: str, **settings: object) -> list[Path]:
    """Run the script of one chunk of the digit 1, here; return its table and its curves."""
    table, curves = (folder / f"{chunk}{suffix}" for suffix in (".csv", ".safetensors"))
    keys = ("solver", "controls", "points", "max_iterations", "tolerance")
    given = {"solver": "gauss-newton", "tolerance": 1e-3, **SETTINGS["geodesics"], **settings}
    solve_geodesics.main(
        [
            *("--geometry", "wasserstein1"),
            *("--model", str(results / "models" / "digit1" / "vae.safetensors")),
            *("--codes", str(results / "models" / "digit1" / "codes.safetensors")),
            *("--pairs", str(results / "geodesics" / "digit1" / "pairs.csv")),
            *("--chunk", chunk, "--settings", json.dumps({key: given[key] for key in keys})),
            *("--table", str(table), "--curves", str(curves), "--device", "cpu"),
        ]
    )
    return [table, curves]


def test_more_chunks_than_pairs_leave_some_empty(results, tmp_path):
    chunks = [solve_chunk(results, tmp_path, f"{number}-of-5") for number in range(1, 6)]
    gathered = [tmp_path / name for name in ("all.csv", "all.parquet", "all.safetensors")]
    gather_geodesics.main(
        [
            *("--tables", *(str(table) for table, _ in chunks)),
            *("--curves", *(str(curves) for _, curves in chunks)),
            *("--output-tables", *map(str, gathered[:2]), "--output-curves", str(gathered[2])),
        ]
    )
    table = pd.read_csv(gathered[0])
    expected = pd.read_csv(results / "geodesics" / "digit1" / "wasserstein1" / "geodesics.csv")
    assert list(table.columns) == GEODESICS
    np.testing.assert_array_equal(table["pair"], [0, 1, 2])
    np.testing.assert_allclose(table["length"], expected["length"], rtol=1e-3)
    curves = load_file(gathered[2])
    np.testing.assert_array_equal(curves["pair"], [0, 1, 2])
    assert curves["points"].shape == (3, 257, 2)


# --- Other likelihoods and solvers ---


def test_mixtures_of_logistics(repository):
    target = "results/tiny/geodesics/digit1/wasserstein1/geodesics.csv"
    run_tiny(
        repository,
        target,
        models__digit__architecture__components=5,
        models__digit__schedule__epochs=1,
        geodesics__pairs__digit={"random": 0, "far": 1},
        figures__curves=1,
        geodesics__controls=2,
        geodesics__points=6,
        geodesics__chunks=1,
    )
    table = load_geodesics(repository)
    assert table["kind"].tolist() == ["far"]
    assert list(table.columns) == GEODESICS
    assert (table["length"] <= np.sqrt(table["energy"]) * (1 + 1e-6)).all()
    assert (table["energy"] <= table["line_energy"] * (1 + 1e-3)).all()
    weights = load_file(repository / "results/tiny/models/digit1/vae.safetensors")
    assert weights["decoder.net.2.bias"].shape == (3 * 5 * 784,)


def test_the_published_solver(repository):
    run_tiny(
        repository,
        "results/tiny/geodesics/digit1/wasserstein1/geodesics.csv",
        geodesics__solver="stochman",
        geodesics__max_iterations=4,
        geodesics__chunks=1,
    )
    table = load_geodesics(repository)
    assert list(table.columns) == GEODESICS
    assert (table["iterations"] == 4).all()
    assert (table["length"] <= np.sqrt(table["energy"]) * (1 + 1e-6)).all()
    curves = load_file(
        repository / "results/tiny/geodesics/digit1/wasserstein1/curves.safetensors"
    )["points"]
    mean = load_file(repository / "results/tiny/models/digit1/codes.safetensors")["mean"]
    for row, end in (("row0", 0), ("row1", -1)):
        np.testing.assert_allclose(curves[:, end], mean[table[row]], atol=1e-5)


# --- When something is wrong ---


def test_a_script_says_what_is_wrong_without_a_traceback(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "workflow.scripts.subset", "--raw", str(tmp_path)),
            *("--digits", "1", "--validation-fraction", "0.1", "--seed", "0"),
            *("--output", str(tmp_path / "subset.safetensors")),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "train-images-idx3-ubyte cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_file_fails_its_job_and_names_it_in_the_log(repository):
    model = repository / "results" / "tiny" / "models" / "digit1" / "vae.safetensors"
    model.write_bytes(model.read_bytes()[:1000])
    config = write_config(repository, SETTINGS)
    target = "results/tiny/models/digit1/codes.safetensors"
    done = run_snakemake(
        repository, target, "--cores", "1", "--forcerun", "encode", "--configfile", config
    )
    assert done.returncode != 0
    log = (repository / "results" / "tiny" / "logs" / "encode" / "digit1.log").read_text()
    assert log.startswith("error: ")
    assert "vae.safetensors (1000 bytes) cannot be read" in log
