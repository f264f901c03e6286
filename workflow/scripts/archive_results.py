"""Pack a run into one archive, with Snakemake's records of it and a SHA-256 sum of each file."""

import argparse
import glob
import gzip
import hashlib
import io
import tarfile
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from latent_transport.storage import DataError, replacing
from workflow.scripts.command import run

METADATA = Path(".snakemake/metadata")
# Without this folder Snakemake takes the records for those of an early version.
INCOMPLETE = Path(".snakemake/incomplete")
SUMS = "SHA256SUMS"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, type=Path, help="folder; all of it is packed")
    parser.add_argument(
        *("--further", "--further-folders"),
        nargs="*",
        default=[],
        type=Path,
        help="folders of which those files are packed that Snakemake made",
    )
    parser.add_argument("--output", required=True, type=Path, help="archive to write, .tar.gz")
    arguments = parser.parse_args(argv)
    folders = {arguments.results, *arguments.further}
    check_folders(folders)
    records = dict(find_records(METADATA))
    files = set(visible_files(arguments.results))
    for path in records:
        if any(path.is_relative_to(folder) for folder in folders):
            # The file itself, and what is told of it beside it.
            files.update(path.parent.glob(f"{glob.escape(path.name)}*"))
    packed = sorted(files | {records[path] for path in files & set(records)})
    if not files & set(records):
        raise DataError(
            f"{METADATA} has no record of a file in {arguments.results}; expected those of a "
            "finished run: run the workflow, without --drop-metadata, in this folder"
        )
    with replacing(arguments.output) as temporary:
        pack(packed, temporary, sums=arguments.results / SUMS)


def check_folders(folders: Iterable[Path]) -> None:
    """Raise an error about a folder that an archive cannot put into another clone."""
    for folder in folders:
        if folder.is_absolute():
            raise DataError(
                f"{folder} is an absolute path; expected relative ones, such as results/paper, in "
                "the config section pathvars: change them, and run the workflow there"
            )


def find_records(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each file that Snakemake knows to have made, and its record.

    A record is named by the file's path in Base64, cut into folders marked with ``@`` where it is
    long.
    """
    for record in visible_files(folder):
        parts = (part.removeprefix("@") for part in record.relative_to(folder).parts)
        yield Path(urlsafe_b64decode("".join(parts)).decode()), record


def visible_files(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, without what a killed job was writing."""
    return (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def pack(paths: Sequence[Path], output: Path, *, sums: Path) -> None:
    """Write files to a tar archive, and their SHA-256 sums in the format of ``sha256sum``.

    The same files, modification times among them, give the same bytes.
    """
    lines = []
    with (
        output.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as compressed,
        # Snakemake compares modification times, of which this format keeps the fractions.
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        folder = tarfile.TarInfo(str(INCOMPLETE))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for path in paths:
            content = path.read_bytes()
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {path.as_posix()}\n")
            add(archive, path.as_posix(), content, path.stat().st_mtime)
        add(archive, sums.as_posix(), "".join(lines).encode(), 0)


def add(archive: tarfile.TarFile, name: str, content: bytes, mtime: float) -> None:
    """Add a file that everyone may read, of no owner in particular."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), mtime, 0o644
    archive.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    run(main)
