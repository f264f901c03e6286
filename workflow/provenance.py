"""Where results came from: the sidecar ``NAME.provenance.json`` beside each file a script wrote.

``workflow.recording`` writes it; what it says is found and read here. The workflow tells its jobs
the commit of the code and the hash of the config through the environment, so that neither is a
setting on which a result depends: a new commit reruns nothing. A script that is run by hand knows
of neither, and leaves them null.
"""

import hashlib
import json
import logging
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

COMMIT, CONFIG = "LATENT_TRANSPORT_COMMIT", "LATENT_TRANSPORT_CONFIG"
SUFFIX = ".provenance.json"
PACKAGES = ("latent-transport", "torch", "numpy", "snakemake")

logger = logging.getLogger(__name__)


def describe_source(root: Path, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what jobs are told through the environment: commit and hash of the settings.

    The commit ends in ``-dirty`` where files differ from it, and is empty without git or where
    ``root`` is no repository, even if a folder above it is one. A repository that git does not
    trust, since it is another user's, has none either, and a warning says so.
    """
    commit = ""
    if shutil.which("git"):
        # Reading the state must not lock the index; neither the caller's repository nor one around
        # is ours.
        others = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        ceiling = str(root.resolve().parent)
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=root,
            env=others | {"GIT_OPTIONAL_LOCKS": "0", "GIT_CEILING_DIRECTORIES": ceiling},
            capture_output=True,
            text=True,
            check=False,
        )
        commit = described.stdout.strip()
        if "dubious ownership" in described.stderr:
            logger.warning("results will not name their commit: %s", described.stderr.strip())
    return {COMMIT: commit, CONFIG: hash_settings(settings)}


def hash_settings(settings: Mapping[str, Any]) -> str:
    """SHA-256 of settings, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def find_versions() -> dict[str, str | None]:
    """Versions of Python and of what computes; None for a package that is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def find_commit() -> str | None:
    """Commit that the workflow told this process."""
    return os.environ.get(COMMIT) or None


def sidecar_of(path: str | Path) -> Path:
    """Path of the sidecar of a file."""
    path = Path(path)
    return path.with_name(path.name + SUFFIX)


def read_provenance(path: str | Path) -> dict[str, Any] | None:
    """Return what the sidecar of a file says; None if there is none, or of another content.

    Snakemake deletes results without their sidecars, and users copy files: the hash tells whether
    the two belong together.
    """
    try:
        record = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
        known = record["sha256"] == hash_file(Path(path))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not known:
        logger.warning("%s is not the file that %s describes", path, sidecar_of(path).name)
    return record if known else None


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
