"""What happens to the files of a clone on their way: owners, ends of lines, times."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from conditions.harness import DATA, NOTHING, Box, Condition, UnavailableError

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
DAY = 24 * 60 * 60  # seconds
UNCHANGED = "Nothing to be done"


def commit(folder: Path) -> None:
    """Make a repository of a clone."""
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "all"]):
        subprocess.run([*GIT, "-C", str(folder), *command], check=True)


def belong_to_another(box: Box) -> None:
    """Give the repository to another user."""
    commit(box.clone)
    if os.geteuid() != 0:
        raise UnavailableError("only root gives files away")
    for path in (box.clone, *box.clone.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)


def clone_with_crlf(box: Box) -> None:
    """Clone as Windows does, and go on with the results of another clone."""
    attributes = Path(__file__).parents[3] / ".gitattributes"
    shutil.copy(attributes, box.clone)
    (box.clone / ".gitignore").write_text("results/\nmine/\n.snakemake/\n")
    commit(box.clone)
    crlf = box.clone.parent / "crlf"
    subprocess.run(
        [*GIT, "clone", "-q", "-c", "core.autocrlf=true", str(box.clone), str(crlf)], check=True
    )
    for name in ("results", "mine", ".snakemake"):
        shutil.move(box.clone / name, crlf / name)
    box.clone = box.place = crlf


def set_times(box: Box, seconds: float) -> None:
    """Give all files of the clone a time so far from now."""
    then = time.time() + seconds
    for path in box.clone.rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)


def come_from_the_future(box: Box) -> None:
    """Sources and data from a clock that is ahead."""
    shutil.rmtree(box.clone / "results")
    shutil.rmtree(box.clone / ".snakemake")
    set_times(box, DAY)


def touch_inputs(box: Box) -> None:
    """Touch all sources and data, as a checkout does; data by a clock that is ahead."""
    for folder in ("src", "workflow", "config", "results/results/data"):
        for path in (box.clone / folder).rglob("*"):
            path.touch()
    for path in box.data.iterdir():
        os.utime(path, (time.time() + DAY,) * 2)
    box.options += ["--workflow-profile", "workflow/profiles/default"]


def copy_without_times(box: Box) -> None:
    """Copy all, as cp -r does: every file is as old as its copy, in whatever order."""
    copy = box.clone.parent / "copy"
    shutil.copytree(box.clone, copy, copy_function=shutil.copyfile)
    box.clone = box.place = copy
    box.options += ["--workflow-profile", "workflow/profiles/default"]


def come_from_an_archive(box: Box) -> None:
    """All of one time, long ago, without what Snakemake remembers of the run."""
    shutil.rmtree(box.clone / ".snakemake")
    set_times(box, -time.time())


CLONES = [
    Condition("owner: another user", prepare=belong_to_another, told="dubious ownership"),
    Condition("lines: CRLF, core.autocrlf", NOTHING, clone_with_crlf, told=UNCHANGED),
    # Snakemake's own refusal; files that an earlier run made stay as they are, see below.
    Condition(
        "clock: all from tomorrow", DATA, come_from_the_future, refused="a clock skew problem"
    ),
    Condition("times: inputs touched, data tomorrow", NOTHING, touch_inputs, told=UNCHANGED),
    Condition("times: a copy without them", NOTHING, copy_without_times, told=UNCHANGED),
    Condition("times: all from 1970", NOTHING, come_from_an_archive, told=UNCHANGED),
]
