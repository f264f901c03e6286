"""The IDX file format of MNIST: bytes in one dimension (labels) or three (images)."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from latent_transport.storage import DataError, replacing

UINT8 = 0x08
DIMENSIONS = (1, 3)


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or, by its name, gzipped (``.gz``).

    The header is two zero bytes, the dtype code 0x08, the number of dimensions, and each size as
    a big-endian 32-bit integer; the values follow in row-major order.

    Returns
    -------
    ndarray of uint8, shape (n,) or (n, height, width)

    Raises
    ------
    DataError
        If the file is missing, its header is not as above, or its length does not fit its header.
    """
    try:
        content = _read_bytes(Path(path))
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {reason}") from error
    magic = content[:4].tobytes()
    if magic not in [bytes([0, 0, UINT8, d]) for d in DIMENSIONS]:
        raise DataError(
            f"{path} begins with the bytes {magic.hex(' ') or '(none)'}; expected 00 00 08 01 or "
            "00 00 08 03, an uncompressed IDX file of bytes in 1 or 3 dimensions: convert images "
            "to grey levels 0 to 255, of shape (n, height, width)"
        )
    offset = 4 + 4 * magic[3]
    if len(content) < offset:
        raise DataError(f"{path} has {len(content)} bytes; expected a header of {offset}")
    shape = tuple(int(size) for size in content[4:offset].view(">u4"))
    if 0 in shape:
        raise DataError(f"{path} holds an empty array of shape {shape}; expected positive sizes")
    length = offset + math.prod(shape)
    if len(content) != length:
        raise DataError(f"{path} has {len(content)} bytes; expected {length} for shape {shape}")
    return content[offset:].reshape(shape)


def _read_bytes(path: Path) -> np.ndarray:
    if path.suffix != ".gz":
        return np.fromfile(path, dtype=np.uint8)
    with gzip.open(path) as stream:
        return np.frombuffer(bytearray(stream.read()), dtype=np.uint8)  # writable


def write_idx(path: str | Path, array: np.ndarray) -> None:
    """Write a non-empty uint8 array, shape (n,) or (n, height, width), as an IDX file.

    Raises
    ------
    ValueError
        If the array has another dtype or number of dimensions, or is empty.
    """
    if array.dtype != np.uint8 or array.ndim not in DIMENSIONS or array.size == 0:
        raise ValueError(
            f"array for {path} has dtype {array.dtype} and shape {array.shape}; "
            "expected uint8 in 1 or 3 dimensions of positive sizes"
        )
    header = bytes([0, 0, UINT8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    with replacing(path) as temporary:
        temporary.write_bytes(header + array.tobytes())
