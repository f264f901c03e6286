"""How stable distances are across retraining, with intervals over the models that were trained."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from latent_transport.evidence.claims.intervals import LEVEL, Interval
from latent_transport.evidence.measures.stability import (
    intraclass_correlation,
    mean_variation,
    stack_distances,
)
from latent_transport.storage import DataError

MEASURES: dict[str, Callable[[np.ndarray], float]] = {
    "coefficient": mean_variation,
    "relative_coefficient": lambda distances: mean_variation(
        distances / distances.mean(1, keepdims=True)
    ),
    "agreement": intraclass_correlation,
}
MODELS_NEEDED = 3


def jackknife(
    values: np.ndarray, statistic: Callable[[np.ndarray], float], *, level: float = LEVEL
) -> Interval:
    r"""Interval of a statistic over few independent units, by leaving out each in turn.

    .. math:: \theta \pm t_{S-1} \sqrt{\tfrac{S - 1}{S} \sum_s (\theta_{(s)} - \bar\theta)^2},

    with :math:`\theta_{(s)}` the statistic without unit s (Efron & Tibshirani 1993, Eq. 11.5) and
    Student's quantile. A bootstrap would draw some of so few models twice, which agree with
    themselves.

    Parameters
    ----------
    values : ndarray, shape (S, ...)
        One row a unit, such as a trained model.
    statistic : callable
        From such rows, at least S - 1 of them, to a number.
    level : float
        Confidence level.

    Raises
    ------
    DataError
        If there are fewer than three units.
    """
    count = len(values)
    if count < MODELS_NEEDED:
        raise DataError(
            f"{count} models; leaving out each in turn needs at least {MODELS_NEEDED}: train more"
        )
    value = statistic(values)
    without = np.array([statistic(np.delete(values, row, axis=0)) for row in range(count)])  # (S,)
    error = np.sqrt((count - 1) * without.var())
    reach = float(stats.t.ppf((1 + level) / 2, count - 1) * error)
    return Interval(float(value), float(value) - reach, float(value) + reach)


def compare_stability(
    tables: Sequence[pd.DataFrame], references: Sequence[str]
) -> Iterator[dict[str, object]]:
    """Yield how much each distance varies over retrained models, and against other distances.

    Parameters
    ----------
    tables : sequence of DataFrame
        Distances of the same pairs under each model, as of :func:`measure_stability`; at least
        three.
    references : sequence of str
        Distances with which every one is compared, model by model.

    Yields
    ------
    dict
        A row a distance, measure and reference: ``path, measure, models, pairs``; ``mean`` and its
        ends, ``difference`` to the ``reference`` and its ends, all of :func:`jackknife`. Measures
        are ``coefficient`` and ``relative_coefficient``, the means over pairs of
        :func:`measure_stability`, and ``agreement``, :func:`intraclass_correlation`.
    """
    distances = stack_distances(tables)
    for path, values in distances.items():  # (S, P)
        for name, statistic in MEASURES.items():
            mean = jackknife(values, statistic)
            row = {"path": path, "measure": name, "models": len(values), "pairs": values.shape[1]}
            row |= {"mean": mean.mean, "mean_low": mean.low, "mean_high": mean.high}
            for reference in references:
                difference = Interval(np.nan, np.nan, np.nan)
                if reference != path:
                    difference = _compare(values, distances[reference], statistic)
                yield row | {
                    "difference": difference.mean,
                    "difference_low": difference.low,
                    "difference_high": difference.high,
                    "reference": reference,
                }


def _compare(
    values: np.ndarray, reference: np.ndarray, statistic: Callable[[np.ndarray], float]
) -> Interval:
    both = np.stack((values, reference), 1)  # (S, 2, P)
    return jackknife(both, lambda part: statistic(part[:, 0]) - statistic(part[:, 1]))
