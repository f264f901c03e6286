"""One job under one condition: the bytes of its results are the plain ones, or it says why not."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sandbox import SNAKEMAKE, copy_repository, finish, run_snakemake, start, write_config
from tiny import fingerprint

SECONDS = 300  # after which a job hangs
RESULTS = "results/results"
SETTINGS = {
    "pathvars": {name: f"results/{name}" for name in ("results", "logs", "benchmarks", "paper")},
    "device": "cpu",
    "data": {"source": "folder", "folder": "mine", "validation_fraction": 0.2},
    "digits": [1],
    "all_digits": False,
    "models": {
        "digit": {
            "architecture": {"hidden": [8]},
            "schedule": {"epochs": 1, "batch_size": 32, "learning_rate": 0.004},
        }
    },
    "figures": {"surface_digit": 1, "extended": []},
    "evidence": {"parts": []},
}


@dataclass(frozen=True)
class Job:
    """What is asked of Snakemake, and what it takes to make it once more.

    Attributes
    ----------
    target : str
        Below the folder of results, as all paths here. Of a script, how the paths begin of all that
        it makes.
    steps : int
        Jobs of Snakemake's, of which the target is the last.
    removed : str
        Folder that is deleted from the finished run.
    """

    target: str
    steps: int
    removed: str


DATA = Job("data/digit1.safetensors", 2, "data")  # reads and writes files alone
MODEL = Job("models/digit1/vae.safetensors", 1, "models")  # computes on torch
FIGURE = Job("figures/training.pdf", 1, "figures")  # draws with Matplotlib, names of classes too
NOTHING = Job("figures/training.pdf", 0, "nowhere")  # all is there


@dataclass
class Box:
    """Where a job is run, and how; what a condition changes.

    Attributes
    ----------
    clone : Path
        Copy of the repository, in which the job has been done once.
    place : Path
        The working directory.
    data : Path
        Folder of the images.
    settings : dict
        Of the config.
    command : list of str
        What is run instead of Snakemake; empty for Snakemake itself.
    options : list of str
        Of Snakemake.
    wrapper : list of str
        A command that runs the one after it.
    variables : dict
        Of the environment; None leaves one out.
    untouched : Path, optional
        Folder to which nothing is written.
    cleanup : ExitStack
        What is to be ended afterwards.
    """

    clone: Path
    place: Path
    data: Path
    settings: dict
    command: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    wrapper: list[str] = field(default_factory=list)
    variables: dict[str, str | None] = field(default_factory=dict)
    untouched: Path | None = None
    cleanup: ExitStack = field(default_factory=ExitStack)

    @property
    def results(self) -> Path:
        """Folder of the results."""
        return self.place / self.settings["pathvars"]["results"]

    def run_script(self, name: str, *arguments: str | Path) -> None:
        """Run a script of the workflow instead of Snakemake, as a job does."""
        self.command = [sys.executable, "-m", f"workflow.scripts.{name}", *map(str, arguments)]

    def run_python(self, text: str, *arguments: str) -> None:
        """Run lines of Python instead of Snakemake."""
        self.command = [sys.executable, "-c", text, *arguments]


class UnavailableError(Exception):
    """The condition cannot be made here."""


def nothing(box: Box) -> None:
    """Leave all as it is."""


@dataclass(frozen=True)
class Condition:
    """A condition, and what is expected under it.

    Attributes
    ----------
    name : str
        What is unusual.
    job : Job
    prepare : callable
        Makes it so.
    variables : mapping
        Variables of the environment that make it so.
    folder : str
        Name of the clone.
    refused : str, optional
        Words of the error; without, the results are expected to have the plain bytes.
    told : str
        Words that are printed where it goes well.
    """

    name: str
    job: Job = DATA
    prepare: Callable[[Box], None] = nothing
    variables: Mapping[str, str | None] = field(default_factory=dict)
    folder: str = "clone"
    refused: str | None = None
    told: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came out: ``same``, ``refused``, or what is a fault under any condition."""

    status: str
    exit: int | None
    said: str
    seconds: float
    expected: bool


def finish_plain(clone: Path) -> None:
    """Do every job in a fresh copy of the repository, under plain conditions."""
    copy_repository(clone)
    write_images(clone / "mine")
    config = write_config(clone, SETTINGS)
    options = ["--configfile", config, "--workflow-profile", "workflow/profiles/default"]
    run = run_snakemake(clone, f"{RESULTS}/{FIGURE.target}", *options)
    assert run.returncode == 0, run.stdout


def write_images(folder: Path) -> None:
    """Write images of 12 x 12 pixels, more than a MB of them, few of class 1, with odd names."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    arrays = {}
    for part, count in (("train", 8000), ("test", 200)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (count, 12, 12), dtype=np.uint8)
        arrays[f"y_{part}"] = (np.arange(count) % 100 == 0).astype(np.uint8)
    np.savez(folder / "mine.npz", **arrays)
    (folder / "classes.txt").write_text("rest\nlabel ü, of 'one' & {$}\n", encoding="utf-8")


def run(condition: Condition, plain: Path, folder: Path) -> Outcome:
    """Make a condition in ``folder``, from a finished clone, and run its job.

    The folder is left where a fault comes out.

    Raises
    ------
    UnavailableError
        If the condition cannot be made here.
    """
    clone = shutil.copytree(plain, folder / condition.folder, symlinks=True)
    for removed in ("results/logs", f"{RESULTS}/{condition.job.removed}"):
        shutil.rmtree(clone / removed, ignore_errors=True)
    settings = {**SETTINGS, "pathvars": {**SETTINGS["pathvars"]}, "data": {**SETTINGS["data"]}}
    box = Box(clone, clone, clone / "mine", settings, variables=dict(condition.variables))
    with box.cleanup:
        condition.prepare(box)
        outcome = observe(condition, box, plain)
    if outcome.expected:
        shutil.rmtree(folder)
    return outcome


def observe(condition: Condition, box: Box, plain: Path) -> Outcome:
    """Run the job as the box says, and judge it."""
    if box.command:
        box.variables.setdefault("PYTHONPATH", f"{box.clone / 'src'}:{box.clone}")
    else:
        config = write_config(box.clone.parent, box.settings)
        target = f"{box.settings['pathvars']['results']}/{condition.job.target}"
        box.command = [*SNAKEMAKE, "--cores", "1", target, "--configfile", str(config)]
        box.command += box.options
    before = list_paths(box.untouched)
    begin = time.monotonic()
    try:
        done = finish(start(box.place, [*box.wrapper, *box.command], box.variables), SECONDS)
    except subprocess.TimeoutExpired:
        return Outcome("hangs", None, "", time.monotonic() - begin, expected=False)
    seconds = time.monotonic() - begin
    logs = sorted(box.place.glob("results/logs/**/*.log"))
    printed = "\n".join([done.stdout, *(log.read_text(errors="replace") for log in logs)])
    new = list_paths(box.untouched) - before
    if new:
        said = f"writes {min(new)}"
        return Outcome("writes", done.returncode, said, seconds, expected=False)
    status, said = judge(condition, done, printed, box.results, plain / RESULTS)
    expected = status == ("same" if condition.refused is None else "refused")
    words = condition.told if condition.refused is None else condition.refused
    expected &= " ".join(words.split()) in " ".join(printed.split())
    return Outcome(status, done.returncode, said, seconds, expected)


def judge(
    condition: Condition,
    done: subprocess.CompletedProcess,
    printed: str,
    results: Path,
    plain: Path,
) -> tuple[str, str]:
    """Say in a word what came out, and in a line why."""
    if done.returncode and "Traceback (most recent call last)" in printed:
        return "traceback", find_line(printed.rpartition("Traceback (")[2], "Error")
    if done.returncode:
        return "refused", find_line(printed, condition.refused or "rror")
    made, expected = fingerprint(results), fingerprint(plain)
    steps = max([0, *map(int, re.findall(r"^\d+ of (\d+) steps", done.stdout, re.M))])
    if "snakemake" in done.args and steps != condition.job.steps:
        return "other jobs", f"{steps} instead of {condition.job.steps}"
    wrong = [path for path in made if made[path] != expected.get(path)]
    wrong += [
        path for path in expected.keys() - made.keys() if path.startswith(condition.job.target)
    ]
    if wrong:
        return "other bytes", ", ".join(sorted(wrong))
    return "same", find_line(printed, condition.told) if condition.told else ""


def list_paths(folder: Path | None) -> set[Path]:
    """Return what is in a folder, but for Python's own."""
    paths = set() if folder is None else set(folder.rglob("*"))
    return {path for path in paths if "__pycache__" not in path.parts}


def find_line(text: str, words: str) -> str:
    """Return the first line that has the words, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if words in line), (lines or [""])[-1])
