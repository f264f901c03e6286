"""Bootstrap intervals of means and of paired differences, and tables of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from latent_transport.storage import DataError

RESAMPLES = 10_000
LEVEL = 0.95
KEYS = ("model", "kind", "pair", "path")
VALUES_AT_ONCE = 1 << 22  # of the resamples held in memory


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def bootstrap_mean(
    values: np.ndarray,
    *,
    seed: int,
    strata: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """Mean of independent values and its percentile bootstrap interval (Efron 1979).

    Parameters
    ----------
    values : ndarray, shape (n,)
        One value an independent unit, such as an endpoint pair.
    seed : int
        Non-negative; the same seed gives the same interval, and all measures of the same units
        the same resamples.
    strata : ndarray, shape (n,), optional
        Group of each value, such as its model. Values are then resampled within their group
        (Davison & Hinkley 1997, Section 3.2), so that the interval is of the mean over just these
        groups.
    resamples : int
        Number of resamples.
    level : float
        Confidence level.

    Returns
    -------
    Interval
        Of no width where all values, or all of each group, are equal.

    Raises
    ------
    DataError
        If there are no values, or one is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise DataError(
            f"values of shape {values.shape}, {np.isfinite(values).sum()} of them finite; a "
            "bootstrap needs shape (n,), n > 0, all finite"
        )
    groups = [values]
    if strata is not None:
        _, group_of = np.unique(strata, return_inverse=True)  # (n,)
        groups = [values[group_of == group] for group in range(group_of.max() + 1)]
    rng = np.random.default_rng(seed)
    means = np.zeros(resamples)
    for group in groups:
        at_once = max(1, VALUES_AT_ONCE // len(group))
        for block in np.array_split(means, -(-resamples // at_once)):  # views
            block += rng.choice(group, (len(block), len(group))).sum(-1) / len(values)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap_difference(values: np.ndarray, reference: np.ndarray, **options: Any) -> Interval:
    """Mean of the paired differences ``values - reference`` and its bootstrap interval.

    Parameters
    ----------
    values, reference : ndarray, shape (n,)
        Two measurements of the same n units, in the same order.
    **options
        ``seed, strata, resamples, level`` of :func:`bootstrap_mean`.

    Raises
    ------
    DataError
        If the shapes differ, or as :func:`bootstrap_mean`.
    """
    values, reference = np.asarray(values), np.asarray(reference)
    if values.shape != reference.shape:
        raise DataError(
            f"{values.shape} values and {reference.shape} of the reference; pairs need as many"
        )
    return bootstrap_mean(values - reference, **options)


def compare_paths(
    table: pd.DataFrame,
    references: Sequence[str],
    *,
    seed: int,
    pooled_as: str | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Summarise measures of the paths between pairs, each path against others.

    Parameters
    ----------
    table : DataFrame
        One row a pair and path: ``model, kind, pair, path``, and a column a measure. A path may
        have fewer pairs than others, and is compared on those it shares with a reference; one that
        has no value of a measure for any pair is left out of it.
    references : sequence of str
        Paths that every path is compared with, pair by pair.
    seed : int
        Of the resamples.
    pooled_as : str, optional
        Name under which to pool the models of the table, resampling within each; without, each
        is summarised on its own.
    resamples : int
        Number of resamples.

    Returns
    -------
    DataFrame
        One row a model, kind, path, measure and reference: ``model, kind, path, measure, pairs``;
        ``mean, mean_low, mean_high``; ``difference, difference_low, difference_high``, the path's
        values less the reference's (missing for the reference itself), with 95 % intervals; and
        ``reference``.

    Raises
    ------
    DataError
        If a column or a reference is missing, or a path has a pair twice.
    """
    missing = [key for key in KEYS if key not in table.columns]
    if missing:
        raise DataError(
            f"the table of paths lacks {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    group = table["model"] if pooled_as is None else pd.Series(pooled_as, table.index)
    rows = [
        {"model": model, "kind": kind, **row}
        for (model, kind), part in table.groupby([group, table["kind"]], sort=False)
        for row in _compare_pairs(part, references, f"{kind} pairs of {model}", seed, resamples)
    ]
    return pd.DataFrame(rows)


def _compare_pairs(
    table: pd.DataFrame, references: Sequence[str], name: str, seed: int, resamples: int
) -> Iterator[dict[str, object]]:
    """Yield a row a path, measure and reference; the table is of one kind of pairs."""
    parts = _split_paths(table, references, name)
    options: dict[str, Any] = {"seed": seed, "resamples": resamples}
    for path, part in parts.items():
        for measure in part.columns:
            values = part[measure]
            if values.isna().all():
                continue
            models = values.index.get_level_values("model")
            mean = bootstrap_mean(values, strata=models, **options)
            row = {"path": path, "measure": measure, "pairs": len(values)}
            row |= {"mean": mean.mean, "mean_low": mean.low, "mean_high": mean.high}
            for reference in references:
                both = values.index.intersection(parts[reference].index)
                compared = parts[reference].loc[both, measure]
                difference = Interval(np.nan, np.nan, np.nan)
                if reference != path and not compared.isna().all():
                    models = both.get_level_values("model")
                    difference = bootstrap_difference(
                        values.loc[both], compared, strata=models, **options
                    )
                yield row | {
                    "difference": difference.mean,
                    "difference_low": difference.low,
                    "difference_high": difference.high,
                    "reference": reference,
                }


def _split_paths(
    table: pd.DataFrame, references: Sequence[str], name: str
) -> dict[str, pd.DataFrame]:
    """Measures of each path, indexed by model and pair."""
    keyed = table.drop(columns="kind").set_index(["model", "pair"]).sort_index()
    parts = {
        path: keyed[keyed["path"] == path].drop(columns="path") for path in table["path"].unique()
    }
    for reference in references:
        if reference not in parts:
            raise DataError(
                f"no path {reference!r} among the {name}, only {', '.join(parts)}; "
                "choose another reference"
            )
    for path, part in parts.items():
        if not part.index.is_unique:
            raise DataError(
                f"path {path!r} has {len(part)} rows for {part.index.nunique()} of the {name}; "
                "expected each pair once: measure all paths on the same pairs"
            )
    return parts
