"""Where the clone, the data and the results are, and where the job is run from."""

import shutil
from functools import partial
from pathlib import Path

from conditions.harness import Box, Condition


def link_clone(box: Box) -> None:
    """Call the clone by a link to it."""
    link = box.clone.parent / "link"
    link.symlink_to(box.clone)
    box.clone = box.place = link


def go_elsewhere(box: Box) -> None:
    """Go to another folder, which has the data; nobody may write to the clone."""
    box.place = box.clone.parent / "elsewhere"
    box.place.mkdir()
    shutil.move(box.data, box.place / "mine")
    shutil.rmtree(box.clone / "results")
    box.data = box.place / "mine"
    box.untouched = box.clone  # root may write everywhere
    forbid_writing(box.clone)
    box.cleanup.callback(allow_writing, box.clone)


def forbid_writing(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)


def allow_writing(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)


def run_from_elsewhere(box: Box) -> None:
    go_elsewhere(box)
    box.options += ["--snakefile", str(box.clone / "Snakefile")]


def set_directory(box: Box) -> None:
    """Run from a third folder."""
    go_elsewhere(box)
    box.options += ["--snakefile", str(box.clone / "Snakefile"), "--directory", str(box.place)]
    box.wrapper = ["env", "-C", str(box.clone.parent)]


MODULE = """
module transport:
    snakefile: "../clone/Snakefile"

use rule * from transport
"""


def import_as_module(box: Box) -> None:
    go_elsewhere(box)
    (box.place / "Snakefile").write_text(MODULE)


def link_results(box: Box) -> None:
    """Results in an absolute folder, by a link to another disk."""
    disk = box.clone.parent / "disk"
    disk.mkdir()
    link = box.clone.parent / "far 'away'"
    link.symlink_to(disk)
    box.settings["pathvars"]["results"] = str(link / "results")


def lose_results(box: Box) -> None:
    """A link to a disk that is not there."""
    shutil.rmtree(box.clone / "results")
    (box.clone / "results").symlink_to("/no/such/folder")


def stand_in_the_way(box: Box) -> None:
    shutil.rmtree(box.clone / "results")
    (box.clone / "results").touch()


def put_data(box: Box, name: str) -> None:
    """Put the data into a folder of another name, by its absolute path."""
    folder = box.clone.parent / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    box.data = box.data.rename(folder)
    box.settings["data"]["folder"] = str(box.data)


def put_data_home(box: Box) -> None:
    put_data(box, "data at home")
    box.settings["data"]["folder"] = "~/data at home/"
    box.variables["HOME"] = str(box.clone.parent)


def link_data(box: Box) -> None:
    """Data far down, with marks of the shell, by a link."""
    put_data(box, "/".join(["d" * 200] * 4))
    link = box.clone.parent / 'my "data"; $(touch ran) & ünï\'s #1 %20'
    link.symlink_to(box.data)
    box.settings["data"]["folder"] = str(link)


PLACES = [
    Condition("clone: braces and a space", folder="{braces} and a space"),
    Condition("clone: a quote, not ASCII, a line break", folder="it's\nünïcode"),
    Condition("clone: marks of the shell", folder='-rf $(touch ran) `x` & ;*?[!]#%20\\ "~'),
    Condition("clone: a long name", folder="/".join(["c" * 200] * 4)),
    Condition("clone: a colon", folder="C:clone", refused="has a colon in its name"),
    Condition("clone: by a link", prepare=link_clone),
    Condition("elsewhere: --snakefile, read-only clone", prepare=run_from_elsewhere),
    Condition("elsewhere: --directory, read-only clone", prepare=set_directory),
    Condition("elsewhere: as a module, read-only clone", prepare=import_as_module),
    Condition(
        "elsewhere: a clone in braces",
        prepare=run_from_elsewhere,
        folder="{clone}",
        refused="has braces in its name: run from there",
    ),
    Condition("results: elsewhere, by a link", prepare=link_results),
    Condition(
        "results: on a disk that is not there",
        prepare=lose_results,
        refused="results is a link to /no/such/folder, which is not there: move it",
    ),
    Condition(
        "results: a file in their place",
        prepare=stand_in_the_way,
        refused="expected a folder, but results is a file: move it",
    ),
    Condition("data: at home", prepare=put_data_home),
    Condition("data: far down, by a link, marks of the shell", prepare=link_data),
    Condition(
        "data: braces",
        prepare=partial(put_data, name="{data}"),
        refused="paths without {, }, < or >, which",
    ),
]
