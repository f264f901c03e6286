"""Names of the classes of a data set: a line each, in the order of the labels from 0."""

from collections.abc import Sequence
from pathlib import Path

from latent_transport.storage import DataError, replacing

DIGITS = tuple("0123456789")
"""Names of MNIST's classes: bare numbers, which texts call digits."""

FILE = "classes.txt"


def read_classes(path: str | Path) -> tuple[str, ...]:
    """Read names, one a line.

    Raises
    ------
    DataError
        If the file cannot be read as text, is empty, or has an empty or a repeated line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # editors of Windows mark the start
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text in UTF-8: {error}") from error
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    if not names or "" in names or len(set(names)) < len(names):
        raise DataError(
            f"{path} holds the names {list(names)}; expected a different name on each line, the "
            "first that of label 0"
        )
    return names


def write_classes(path: str | Path, names: Sequence[str]) -> None:
    """Write names so that :func:`read_classes` reads them."""
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
