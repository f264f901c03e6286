"""The code on which the results of a script depend."""

import sys
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]

# The module that loads what is compiled from these, and computes what an import graph cannot show.
LOADER, SOURCES = "latent_transport.kernels.native", "src/latent_transport/kernels/c"

# What they do decides on no file that a script writes, only on what is told beside it: the log, the
# message of an error, the sidecar. An edit of it reruns nothing, least of all trainings; sidecars
# that are there keep the text with which they were written. A module of which results are made
# does not belong here. So the threads and the device, which change the last digits, are set in
# workflow.scripts.compute, the bytes are written by latent_transport.storage, and what tables tell
# of sidecars and versions is read in workflow.provenance: all three count.
TELLING = frozenset({"workflow.recording", "workflow.scripts.command"})


def code_of(script: str) -> list[str]:
    """Return the files that a script runs: itself, and all that it imports of ours.

    As inputs of its rule they make an edit rerun what depends on the edited file, and nothing
    else. Imports count whether direct or not, but for those by way of a module that only tells.

    Parameters
    ----------
    script : str
        Name of a module in ``workflow/scripts``.

    Returns
    -------
    list of str
        Sorted paths, as :func:`locate` gives them.
    """
    return files_of(f"workflow.scripts.{script}")


def files_of(module: str) -> list[str]:
    """Return the file of a module, and those of all that it imports of ours; as :func:`code_of`."""
    modules = {module, *_import_graph().find_upstream_modules(module)}
    paths = set(map(_path_of, modules))
    if LOADER in modules:
        paths |= {str(path.relative_to(ROOT)) for path in (ROOT / SOURCES).glob("*.[ch]")}
    return sorted(map(locate, paths))


def locate(path: str | Path) -> str:
    """Return where a run finds a file of the repository, as the input of a rule.

    Parameters
    ----------
    path : path
        Relative to the root of the repository.

    Returns
    -------
    str
        The same where the working directory is that root, so that records hold wherever a clone
        lies; elsewhere absolute.
    """
    return str(path if runs_at_root() else ROOT / path)


def runs_at_root() -> bool:
    """Whether the working directory is the root of the repository, by whichever name."""
    return ROOT.samefile(Path.cwd())


@cache
def _import_graph() -> grimp.ImportGraph:
    """Who imports whom among the library and the scripts, without the modules that only tell."""
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    try:
        graph = grimp.build_graph("latent_transport", "workflow", cache_dir=None)
    finally:
        del sys.path[:2]
    for module in TELLING:
        graph.remove_module(module)
    return graph


def _path_of(module: str) -> str:
    path = Path("src" if module.startswith("latent_transport") else ".", *module.split("."))
    package = path / "__init__.py"
    return str(package if (ROOT / package).exists() else path.with_suffix(".py"))
