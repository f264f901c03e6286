"""Arrays as text that a page can hold."""

import base64
from typing import Any

import numpy as np


def pack(array: np.ndarray) -> dict[str, Any]:
    """Pack an array as JSON: its dtype, its shape, and its little-endian bytes in base64."""
    array = np.asarray(array, order="C")
    raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(raw).decode("ascii"),
    }


def pack_points(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, Any]:
    """Pack points (..., 2) of a rectangle in 16 bits a coordinate; those outside are clipped.

    The error is at most half of 1/65535 of the rectangle's sides.
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)  # (2,) each
    share = np.clip((points - low) / (high - low), 0, 1)  # (..., 2)
    packed = pack(np.rint(share * 65535).astype(np.uint16))
    return {**packed, "low": low.tolist(), "high": high.tolist()}
