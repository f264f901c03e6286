r"""Whether a path is better than another in several measures at once.

Likely images can be had at the cost of length, and short ways at that of likely images: a path that
wins in one measure may lose in another. What counts here is the measure in which it is worst.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from latent_transport.evidence.claims.intervals import LEVEL, RESAMPLES, Interval
from latent_transport.evidence.keys import BEST, DETOURS, PLAUSIBILITY
from latent_transport.storage import DataError

ADVANTAGES = {
    "advantage_by_length": ("confidence", "log_likelihood", "length_ratio"),
    "advantage_by_retreat": ("confidence", "log_likelihood", "retreat"),
}
"""Measures that count together, by what their least advantage is called."""

_SIGNS = PLAUSIBILITY | DETOURS


def compare_jointly(
    table: pd.DataFrame,
    reference: str,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> pd.DataFrame:
    r"""Compare each path with a reference path in several measures at once.

    The advantage of a path in a measure m is the mean of its paired differences to the reference,
    with the sign that is better for it, over their standard deviation. Of several measures the
    least counts,

    .. math:: a = \min_m \pm \operatorname{mean}(x_m - r_m) / \operatorname{std}(x_m - r_m) :

    it is positive only if the path is better in all of them (an intersection-union test: Berger
    1982, *Multiparameter hypothesis testing and acceptance sampling*). Its interval is that of the
    least advantage of resampled pairs, in units of the standard deviations found. Of all paths the
    best, whichever it is, has the interval from the largest lower to the largest upper end of
    intervals that hold for all paths together (Bonferroni): so many paths are tried that one would
    win by chance.

    Parameters
    ----------
    table : DataFrame
        One row a pair and path: ``model, kind, pair, path``, and the measures of
        :data:`ADVANTAGES`; paths without one of them are left out.
    reference : str
        Path to compare with.
    seed : int
        Of the resamples.
    resamples : int
        Number of resamples.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        One row a model, kind, path and name of :data:`ADVANTAGES`, with the columns of
        :func:`latent_transport.evidence.claims.intervals.compare_paths` but for differences:
        ``model, kind, path, measure, pairs, mean, mean_low, mean_high, reference``; a model's and
        kind's last rows are of the path ``best``.

    Raises
    ------
    DataError
        If the reference is not among the paths, or there are fewer than two pairs.
    """
    rows = [
        {"model": model, "kind": kind, **row, "reference": reference}
        for (model, kind), part in table.groupby(["model", "kind"], sort=False)
        for row in _compare(part, reference, seed, resamples, level)
    ]
    return pd.DataFrame(rows)


def _compare(
    table: pd.DataFrame, reference: str, seed: int, resamples: int, level: float
) -> Iterator[dict[str, object]]:
    measured = {path: part.set_index("pair") for path, part in table.groupby("path", sort=False)}
    if reference not in measured:
        raise DataError(f"no path {reference!r} among {', '.join(measured)}")
    against = measured.pop(reference)
    count = len(against)
    if count < 2:
        raise DataError(f"{count} pair to compare paths on; a standard deviation needs two")
    drawn = np.random.default_rng(seed).integers(count, size=(resamples, count))
    for name, measures in ADVANTAGES.items():
        columns = list(measures)
        signs = np.array([_SIGNS[measure] for measure in columns])
        differences = {
            path: signs * (part[columns] - against[columns]).to_numpy()
            for path, part in measured.items()
            if part[columns].notna().all(axis=None)
        }  # (n, M) each
        single, joint = {}, {}
        for path, difference in differences.items():
            spread = difference.std(0, ddof=1)  # (M,)
            scaled = difference / np.where(spread > 0, spread, 1)  # (n, M)
            least = scaled[drawn].mean(1).min(-1)  # (resamples,)
            centre = scaled.mean(0).min()
            single[path] = _interval(centre, least, level)
            joint[path] = _interval(centre, least, 1 - (1 - level) / len(differences))
        if joint:
            single[BEST] = _take_best(joint)
        for path, found in single.items():
            means = {"mean": found.mean, "mean_low": found.low, "mean_high": found.high}
            yield {"path": path, "measure": name, "pairs": count, **means}


def _interval(centre: float, resampled: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(centre), float(low), float(high))


def _take_best(intervals: Mapping[str, Interval]) -> Interval:
    """Interval of the largest of several numbers, whose intervals hold together."""
    every = list(intervals.values())
    return Interval(
        max(one.mean for one in every),
        max(one.low for one in every),
        max(one.high for one in every),
    )
