"""How much distances between the same images vary when a model is trained again."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latent_transport.storage import DataError

KEYS = ["index0", "index1"]
MODELS_NEEDED = 2


def measure_stability(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    r"""Coefficients of variation of the distances of fixed image pairs over retrained models.

    For the distances :math:`d_1, \dots, d_S` of one pair under S models that differ in their
    seeds, the coefficient is their standard deviation (with S - 1) over their mean. It has no
    unit, so that distances in grey levels compare with latent ones.

    A model may also hold all its distances larger than the next one does. The
    ``relative_coefficient`` leaves that out: each model's distances are first divided by their
    mean over the pairs.

    Parameters
    ----------
    tables : sequence of DataFrame
        One a model, at least two, with the columns ``index0, index1`` (the images) and one of
        positive distances for each geometry.

    Returns
    -------
    DataFrame
        One row a pair and geometry, in the order of the first table: ``pair, index0, index1,
        geometry, seeds, mean, std, coefficient, relative_coefficient``.

    Raises
    ------
    DataError
        If there are fewer than two tables, they differ in pairs or geometries, or a distance is
        not positive and finite.
    """
    geometries = _check(tables)
    first = tables[0]
    every = pd.concat([table[geometries].reset_index(drop=True) for table in tables])
    rows = every.groupby(level=0)  # the tables' rows of one pair
    relative = pd.concat([_over_mean(table[geometries]) for table in tables]).groupby(level=0)
    mean, std = rows.mean(), rows.std(ddof=1)
    pairs = first[KEYS].reset_index(drop=True)
    parts = [
        pairs.assign(
            pair=pairs.index,
            geometry=geometry,
            seeds=len(tables),
            mean=mean[geometry],
            std=std[geometry],
            coefficient=std[geometry] / mean[geometry],
            relative_coefficient=relative[geometry].std(ddof=1) / relative[geometry].mean(),
        )
        for geometry in geometries
    ]
    long = pd.concat(parts).sort_values("pair", kind="stable", ignore_index=True)
    return long[["pair", *KEYS, *long.columns.drop(["pair", *KEYS])]]


def measure_levels(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Mean distances of each model, over those of all models: which of them stretches distances.

    Parameters
    ----------
    tables : sequence of DataFrame
        As for :func:`measure_stability`.

    Returns
    -------
    DataFrame
        One row a model and geometry: ``seed``, the table's place, ``geometry``, and ``level``, the
        mean over pairs of the distance over its mean over all models.
    """
    geometries = [name for name in tables[0].columns if name not in ("pair", *KEYS)]
    mean = sum(table[geometries].reset_index(drop=True) for table in tables) / len(tables)
    levels = [(table[geometries].reset_index(drop=True) / mean).mean() for table in tables]
    return pd.DataFrame(
        [
            {"seed": seed, "geometry": geometry, "level": row[geometry]}
            for seed, row in enumerate(levels)
            for geometry in geometries
        ]
    )


def _over_mean(distances: pd.DataFrame) -> pd.DataFrame:
    return (distances / distances.mean()).reset_index(drop=True)


def stack_distances(tables: Sequence[pd.DataFrame]) -> dict[str, np.ndarray]:
    """Distances (S, P) of P pairs under S models, by geometry, from tables as above.

    Raises
    ------
    DataError
        As :func:`measure_stability`.
    """
    return {
        geometry: np.stack([table[geometry].to_numpy(np.float64) for table in tables])
        for geometry in _check(tables)
    }


def mean_variation(distances: np.ndarray) -> float:
    """Mean over pairs of the coefficient of variation of distances (S, P) over S models."""
    return float((distances.std(0, ddof=1) / distances.mean(0)).mean())


def intraclass_correlation(distances: np.ndarray) -> float:
    r"""Intraclass correlation of distances under several models, for absolute agreement.

    Of all variance of a distance, the share that is one between pairs and not between models, with
    the mean squares of pairs, models and the rest in a two-way layout,

    .. math:: \frac{M_P - M_E}{M_P + (S - 1) M_E + S (M_S - M_E) / P}

    (McGraw & Wong 1996, ICC(A,1); Shrout & Fleiss 1979, ICC(2,1)). A coefficient of variation is
    also small where all pairs are about equally far apart, and the distances tell nothing; this
    is 0 there.

    Parameters
    ----------
    distances : ndarray, shape (S, P)
        Of P pairs under S models, at least two of each.

    Returns
    -------
    float
        At most 1, which is perfect agreement.
    """
    models, pairs = distances.shape
    mean = distances.mean()
    of_pair, of_model = distances.mean(0), distances.mean(1)  # (P,), (S,)
    rest = distances - of_pair - of_model[:, None] + mean  # (S, P)
    between = models * np.square(of_pair - mean).sum() / (pairs - 1)
    shifts = pairs * np.square(of_model - mean).sum() / (models - 1)
    error = np.square(rest).sum() / ((pairs - 1) * (models - 1))
    return float(
        (between - error) / (between + (models - 1) * error + models * (shifts - error) / pairs)
    )


def _check(tables: Sequence[pd.DataFrame]) -> list[str]:
    """Refuse tables that do not fit each other; return the geometries of their distances."""
    if len(tables) < MODELS_NEEDED:
        raise DataError(
            f"{len(tables)} table of distances; variation needs at least {MODELS_NEEDED} models, "
            "trained with different seeds"
        )
    first = tables[0]
    geometries = [name for name in first.columns if name not in ("pair", *KEYS)]
    for number, table in enumerate(tables):
        _check_table(table, first, geometries, number)
    return geometries


def _check_table(
    table: pd.DataFrame, first: pd.DataFrame, geometries: list[str], number: int
) -> None:
    missing = [name for name in (*KEYS, *geometries) if name not in table.columns]
    if missing or len(table.columns) != len(first.columns):
        raise DataError(
            f"table {number} of distances has the columns {', '.join(table.columns)}, the first "
            f"{', '.join(first.columns)}; measure the same geometries with every model"
        )
    if len(table) != len(first) or (table[KEYS].to_numpy() != first[KEYS].to_numpy()).any():
        raise DataError(
            f"table {number} of distances is of other image pairs than the first; measure the "
            "same pairs, in the same order, with every model"
        )
    values = table[geometries].to_numpy()
    if not ((values > 0) & (values < float("inf"))).all():
        raise DataError(
            f"table {number} of distances has {(~(values > 0)).sum()} that are not positive; "
            "choose pairs of different images"
        )
