"""What holds for models of several architectures, each trained from several seeds."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from latent_transport.evidence.claims.intervals import LEVEL, RESAMPLES, Interval
from latent_transport.evidence.keys import EVERY
from latent_transport.storage import DataError

KEYS = ("architecture", "model", "kind", "pair", "path")


def bootstrap_nested(
    values: np.ndarray, *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    r"""Mean over models and their pairs, and its hierarchical bootstrap interval.

    Models are drawn first, then pairs within each that is drawn, both with replacement (Davison &
    Hinkley 1997, Section 3.8). Of S models S - 1 are drawn, since means of S vary too little, by a
    factor of (S - 1) / S in variance (Rao & Wu 1988, Section 2); of one, that one, and the
    interval is then over pairs alone. Groups of models, such as architectures, are fixed.

    With :math:`\bar x_s` and :math:`v_s` the mean and the variance (with P) of model s's values,
    the variance over resamples is, in each of the groups,

    .. math:: \frac1{S - 1} \Bigl(\frac1S \sum_s (\bar x_s - \bar x)^2
        + \frac1{S P} \sum_s v_s\Bigr).

    Parameters
    ----------
    values : ndarray, shape (..., S, P)
        One value a pair of each of S models, in any number of groups.
    seed : int
        Non-negative; the same seed gives all measures the same resamples.
    resamples : int
        Number of resamples.
    level : float
        Confidence level.

    Raises
    ------
    DataError
        If there are no values, or one is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim < 2 or values.size == 0 or not np.isfinite(values).all():
        raise DataError(
            f"values of shape {values.shape}, {np.isfinite(values).sum()} of them finite; a "
            "bootstrap of models and pairs needs shape (..., S, P), all finite"
        )
    models, pairs = values.shape[-2:]
    groups = values.size // (models * pairs)
    means = _draw_weights(groups, models, pairs, seed, resamples) @ values.ravel()  # (resamples,)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


@lru_cache(maxsize=4)
def _draw_weights(groups: int, models: int, pairs: int, seed: int, resamples: int) -> np.ndarray:
    """Weight of each value in the mean of each resample: (resamples, groups models pairs)."""
    rng = np.random.default_rng(seed)
    drawn = max(1, models - 1)
    times = rng.multinomial(drawn, np.full(models, 1 / models), size=(resamples, groups))
    # A model that is drawn several times has pairs drawn as often.
    counts = rng.multinomial(times * pairs, np.full(pairs, 1 / pairs))
    return counts.reshape(resamples, -1) / (groups * drawn * pairs)


def compare_replicates(
    table: pd.DataFrame, references: Sequence[str], *, seed: int, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Summarise measures of paths over the models of each architecture, and over all of them.

    Parameters
    ----------
    table : DataFrame
        One row a model, pair and path: ``architecture, model, kind, pair, path``, and a column a
        measure, missing for a path that it is not of. All models have as many pairs of a kind.
    references : sequence of str
        Paths that every path is compared with, pair by pair.
    seed, resamples : int
        Of :func:`bootstrap_nested`.

    Returns
    -------
    DataFrame
        Columns ``model``, an architecture or ``replicates`` for all; ``kind, path, measure``;
        ``models``, how many, and ``pairs`` of each; ``mean`` and ``difference`` to the
        ``reference``, each with the ends of its interval.

    Raises
    ------
    DataError
        If a column or a reference is missing, or the models have not all the same pairs and paths,
        each once.
    """
    missing = [key for key in KEYS if key not in table.columns]
    if missing:
        raise DataError(
            f"the table of replicates lacks {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    paths = table["path"].unique()
    for reference in references:
        if reference not in paths:
            raise DataError(
                f"no path {reference!r} among {', '.join(paths)}; choose another reference"
            )
    groups = [*table.groupby("architecture", sort=False), (EVERY, table)]
    rows = [
        {"model": name, "kind": kind, **row}
        for name, part in groups
        for kind, of_kind in part.groupby("kind", sort=False)
        for row in _compare(of_kind, references, seed, resamples)
    ]
    return pd.DataFrame(rows)


def _compare(
    table: pd.DataFrame, references: Sequence[str], seed: int, resamples: int
) -> Iterator[dict[str, object]]:
    """Yield a row a path, measure and reference; the table is of one kind of pairs."""
    options = {"seed": seed, "resamples": resamples}
    paths = table["path"].unique()
    for measure in [column for column in table.columns if column not in KEYS]:
        values = {path: _arrange(table[table["path"] == path], measure) for path in paths}
        found = {path: array for path, array in values.items() if not np.isnan(array).all()}
        for path, array in found.items():  # (A, S, P)
            mean = bootstrap_nested(array, **options)
            row = {"path": path, "measure": measure}
            row |= {"models": array.shape[0] * array.shape[1], "pairs": array.shape[2]}
            row |= {"mean": mean.mean, "mean_low": mean.low, "mean_high": mean.high}
            for reference in references:
                difference = Interval(np.nan, np.nan, np.nan)
                if reference != path and reference in found:
                    difference = bootstrap_nested(array - found[reference], **options)
                yield row | {
                    "difference": difference.mean,
                    "difference_low": difference.low,
                    "difference_high": difference.high,
                    "reference": reference,
                }


def _arrange(table: pd.DataFrame, measure: str) -> np.ndarray:
    """Values (A, S, P) of one path, by architecture, model and pair."""
    keys = ["architecture", "model", "pair"]
    ordered = table.sort_values(keys)
    architectures = ordered["architecture"].nunique()
    models = ordered["model"].nunique() // architectures
    pairs = ordered["pair"].nunique()
    if len(ordered) != architectures * models * pairs or ordered.duplicated(keys).any():
        raise DataError(
            f"path {table['path'].iloc[0]!r} has {len(ordered)} rows, of {architectures} "
            f"architectures with {models} models of {pairs} pairs; expected each once: measure all "
            "paths on the same pairs of as many models of each architecture"
        )
    return ordered[measure].to_numpy(np.float64).reshape(architectures, models, pairs)
