"""Arrays and tables on disk: written whole or not at all, the same bytes for the same content."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors
import safetensors.numpy

if TYPE_CHECKING:
    import pandas as pd

TABLE_SUFFIXES = (".csv", ".parquet")

_written: ContextVar[list[Path] | None] = ContextVar("written", default=None)


class DataError(ValueError):
    """Data that is missing, damaged, or not what was asked for; the message says what to do."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, moved onto it when the block succeeds.

    When the block fails, the temporary file is deleted and ``path`` stays as it was. Missing
    parent folders are created. The temporary name keeps the suffix of ``path``, so that writers
    that choose a format by suffix choose the same one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile.mkstemp, which would leave the result readable by its owner only.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(8)}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        # That of a full disk does not tell which file found no room.
        if error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    if (written := _written.get()) is not None:
        written.append(path)


@contextmanager
def recording_writes() -> Iterator[list[Path]]:
    """Yield a list that grows by each file which :func:`replacing` puts into place meanwhile."""
    written: list[Path] = []
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


def save_arrays(
    path: str | Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write named arrays and string metadata to a safetensors file.

    Parameters
    ----------
    path : path
        File to write; replaced as a whole.
    arrays : mapping of str to ndarray
        Numeric or boolean arrays of any shape and memory layout.
    metadata : mapping of str to str
        Stored in the header, sorted by key.

    Raises
    ------
    ValueError
        If safetensors has no such dtype, or a metadata value is not a string.
    """
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise ValueError(f"metadata {key!r} of {path} is {value!r}; expected a string")
    # safetensors copies the buffer as it lies in memory, whatever the strides say.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    try:
        serialized = safetensors.numpy.save(contiguous)
    except safetensors.SafetensorError as error:
        dtypes = ", ".join(f"{name} {array.dtype}" for name, array in contiguous.items())
        raise ValueError(f"cannot save the arrays of {path} ({dtypes}): {error}") from error
    with replacing(path) as temporary:
        temporary.write_bytes(_with_metadata(serialized, metadata))


def load_arrays(path: str | Path, *names: str) -> dict[str, np.ndarray]:
    """Read the named arrays of a safetensors file, or all of them if none is named.

    Raises
    ------
    DataError
        If the file is missing or damaged, or lacks an array.
    """
    with _opened(path) as file:
        found = sorted(file.keys())
        for name in names:
            if name not in found:
                raise DataError(
                    f"{path} has no array {name!r}, it has {', '.join(found) or 'none'}: "
                    "delete it and run the workflow again"
                )
        return {name: file.get_tensor(name) for name in names or found}


def load_metadata(path: str | Path) -> dict[str, str]:
    """Read the string metadata of a safetensors file.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    with _opened(path) as file:
        return file.metadata() or {}


def save_table(frame: "pd.DataFrame", path: str | Path) -> None:
    """Write a table, without its index, as CSV or Parquet by the suffix of ``path``.

    In CSV every float has the fewest digits that give its exact value back at its own precision;
    missing values are empty fields. Only Parquet keeps dtypes: float32 comes back from CSV as
    float64, equal to the original after a cast to float32.

    Raises
    ------
    ValueError
        If the suffix is neither ``.csv`` nor ``.parquet``.
    """
    suffix = _table_suffix(path)
    with replacing(path) as temporary:
        if suffix == ".csv":
            frame.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
        else:
            frame.to_parquet(temporary, index=False, engine="pyarrow")


def load_table(path: str | Path) -> "pd.DataFrame":
    """Read a table that :func:`save_table` wrote.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    ValueError
        If the suffix is neither ``.csv`` nor ``.parquet``.
    """
    import pandas as pd  # which the library has no use for, but for these tables of the pipeline's

    suffix = _table_suffix(path)
    path = _existing(path)
    try:
        if suffix == ".parquet":
            return pd.read_parquet(path, engine="pyarrow")
        # A row cut short would be read as a row with missing or smaller values.
        if not path.read_bytes().endswith(b"\n"):
            raise ValueError("its last line is cut short")
        # Text such as "nan" or "None" is text; only an empty field is missing.
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (ValueError, OSError) as error:
        raise _damaged(path, error) from error


def _table_suffix(path: str | Path) -> str:
    suffix = Path(path).suffix
    if suffix not in TABLE_SUFFIXES:
        raise ValueError(f"table {path} ends in {suffix!r}; expected {' or '.join(TABLE_SUFFIXES)}")
    return suffix


def _with_metadata(serialized: bytes, metadata: Mapping[str, str]) -> bytes:
    # safetensors writes metadata in an order that changes from one process to the next, so the
    # header (its length in 8 bytes, then JSON padded to 8 bytes) is written again here, sorted.
    end = 8 + int.from_bytes(serialized[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(serialized[8:end])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + serialized[end:]


@contextmanager
def _opened(path: str | Path) -> Iterator[safetensors.safe_open]:
    path = _existing(path)
    try:
        with safetensors.safe_open(path, framework="np") as file:
            yield file
    except (safetensors.SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is missing or not a file: run the workflow again to make it")
    return path


def _damaged(path: Path, error: Exception) -> DataError:
    size = path.stat().st_size
    return DataError(
        f"{path} ({size} bytes) cannot be read, {error}: delete it and run the workflow again"
    )
