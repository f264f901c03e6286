"""What the figures ask of the arrays and tables they are given."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from latent_transport.storage import DataError


def expect_shape(name: str, array: np.ndarray, *shape: int | str) -> None:
    """Check an array's shape; a length given as a string stands for any, and names it.

    Raises
    ------
    DataError
        Naming the array, its shape and the shape expected.
    """
    found = np.shape(array)
    fits = len(found) == len(shape) and all(
        isinstance(wanted, str) or wanted == length
        for wanted, length in zip(shape, found, strict=True)
    )
    if not fits:
        expected = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise DataError(
            f"{name} has shape {found}, expected ({expected}); are all files of the same model?"
        )


def expect_finite(name: str, array: np.ndarray) -> None:
    """Check that an array holds neither NaN nor infinity.

    Raises
    ------
    DataError
        Naming the array and how many of its values are not finite.
    """
    broken = np.size(array) - np.count_nonzero(np.isfinite(array))
    if broken:
        raise DataError(
            f"{broken} of the {np.size(array)} values of {name} are not finite; "
            "compute them again before drawing"
        )


def expect_columns(name: str, table: pd.DataFrame, columns: Collection[str]) -> None:
    """Check that a table has rows, and the columns asked for.

    Raises
    ------
    DataError
        Naming the table and the columns it lacks, or that it is empty.
    """
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(
            f"{name} lacks the column(s) {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    if table.empty:
        raise DataError(f"{name} has no rows; nothing to draw")
