"""An archive of a run: unpacked in a fresh copy of the repository, it leaves nothing to be done."""

import subprocess
import tarfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from sandbox import ROOT, copy_repository
from tiny import plan_tiny, run_tiny

from latent_transport.storage import DataError
from workflow.scripts import archive_results

FIGURES = {
    *("plot_figure1", "plot_figure2", "plot_figure3", "plot_figure4"),
    *("plot_figure3_extended", "plot_figure4_extended"),
    "plot_indicatrices",
}
DECODED = ("decode_paths", "decode_extended_paths", "judge_strips")
PUBLISHED = {"publish_figure", "collect_provenance", "collect_numbers", "compile_paper", "all"}


def unpack(archive: Path, folder: Path, run: str = "tiny") -> subprocess.CompletedProcess:
    """Unpack and verify an archive by the command that the documentation names."""
    text = (ROOT / "results" / "README.md").read_text()
    (command,) = (line for line in text.splitlines() if line.startswith("tar -xf"))
    command = command.replace("results/paper.tar.gz", str(archive))
    return subprocess.run(
        ["bash", "-c", command.replace("results/paper/", f"results/{run}/")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


# --- Of the tiny run ---


@pytest.fixture(scope="module")
def archive(finished, tmp_path_factory) -> Path:
    """The archive of a run in a folder where another run has left records as well."""
    repository = copy_repository(tmp_path_factory.mktemp("archive") / "repository")
    subprocess.run(["cp", "-a", ".snakemake", "results", repository], cwd=finished, check=True)
    record = urlsafe_b64encode(b"results/other/numbers.json").decode()
    (repository / ".snakemake" / "metadata" / record).write_text("{}")
    run_tiny(repository, "archive")
    return repository / "results" / "tiny.tar.gz"


@pytest.fixture(scope="module")
def clone(archive, tmp_path_factory) -> Path:
    """A fresh copy, all files of which are newer than the run, with the archive unpacked."""
    repository = copy_repository(tmp_path_factory.mktemp("clone") / "repository")
    for path in repository.rglob("*"):
        path.touch()
    done = unpack(archive, repository)
    assert done.returncode == 0, done.stderr
    return repository


def test_nothing_is_to_be_done(clone):
    assert plan_tiny(clone) == {}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("evidence/plotting/style.py", {*FIGURES, "plot_training"}),
        (
            "geodesics/solvers/gauss_newton.py",
            {
                *("solve_geodesics", "gather_geodesics", "measure_field", *DECODED),
                *("tabulate", *FIGURES),
            },
        ),
        (
            "models/training.py",
            {
                *("train_vae", "encode", "evaluate_vae", "choose_pairs", "solve_geodesics"),
                *("gather_geodesics", "measure_field", "measure_indicatrices", *DECODED),
                *("tabulate", *FIGURES, "plot_training"),
            },
        ),
    ],
)
def test_an_edit_reruns_what_depends_on_it_and_nothing_else(clone, module, expected):
    path = clone / "src" / "latent_transport" / module
    original = path.read_text()
    path.write_text(original + "\n# edited\n")
    jobs = plan_tiny(clone)
    path.write_text(original)
    assert set(jobs) == expected | PUBLISHED


def test_it_holds_the_run_and_nothing_else(archive, finished):
    with tarfile.open(archive) as tar:
        names = {member.name for member in tar if member.isfile()}
    records = {name for name in names if name.startswith(".snakemake/metadata/")}
    assert all(name.startswith("results/tiny/") for name in names - records)
    assert {Path(name).name for name in records} == {
        path.name for path in (finished / ".snakemake" / "metadata").iterdir()
    }
    assert "results/tiny/paper/optimal-latent-transport.pdf" in names


# --- Of made-up runs ---


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A folder with a run of two files, one of them published among sources."""
    monkeypatch.chdir(tmp_path)
    for name in ("results/one/numbers.json", "results/one/.numbers.0f.json", "paper/paper.pdf"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("paper/paper.typ").write_text("source")
    Path("paper/paper.pdf.provenance.json").write_text("{}")
    for name in ("results/one/numbers.json", "paper/paper.pdf", "results/other/numbers.json"):
        record = urlsafe_b64encode(name.encode()).decode()
        # Cut as Snakemake cuts those of long paths.
        path = Path(".snakemake", "metadata", f"@{record[:5]}", record[5:])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return tmp_path


def pack(name: str = "one.tar.gz", results: str = "results/one") -> Path:
    options = ["--results", results, "--further", "paper", "--output", name]
    archive_results.main(options)
    return Path(name)


def test_sources_and_other_runs_and_half_written_files_are_left_out(run):
    with tarfile.open(pack()) as tar:
        names = [member.name for member in tar if member.isfile()]
    records = [name for name in names if name.startswith(".snakemake")]
    assert len(records) == 2
    assert names[2:] == [
        *("paper/paper.pdf", "paper/paper.pdf.provenance.json"),
        *("results/one/numbers.json", "results/one/SHA256SUMS"),
    ]


def test_the_same_run_gives_the_same_bytes(run):
    assert pack("first.tar.gz").read_bytes() == pack("second.tar.gz").read_bytes()


def test_a_damaged_member_is_told_by_its_sum(run):
    original, damaged, clone = pack(), Path("damaged.tar.gz"), run / "clone"
    with tarfile.open(original) as source, tarfile.open(damaged, "w:gz") as target:
        for member in source:
            content = source.extractfile(member) if member.isfile() else None
            if member.name == "results/one/numbers.json":
                member.size -= 1  # its last byte is lost
            target.addfile(member, content)
    clone.mkdir()
    assert unpack(original.resolve(), clone, "one").returncode == 0
    done = unpack(damaged.resolve(), clone, "one")
    assert done.returncode != 0
    assert "results/one/numbers.json: FAILED" in done.stdout


def test_what_cannot_be_archived_is_said_and_nothing_is_left(run):
    with pytest.raises(DataError, match=r"metadata has no record of a file in results/none"):
        archive_results.main(["--results", "results/none", "--output", "none.tar.gz"])
    with pytest.raises(DataError, match=r"^/scratch/one is an absolute path; expected relative"):
        pack(results="/scratch/one")
    assert not list(run.glob("*.tar.gz"))
