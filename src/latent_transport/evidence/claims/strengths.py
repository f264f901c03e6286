"""Choice of the strength of a conformal weight, by the images on the geodesics."""

import pandas as pd

from latent_transport.evidence.keys import PLAUSIBILITY
from latent_transport.storage import DataError


def score_strengths(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    r"""Score strengths by how much more plausible the images are than on a reference path.

    The score is the mean, over the measures, of the standardised paired difference

    .. math:: \pm \frac{\operatorname{mean}(x - r)}{\operatorname{std}(x - r)},

    x and r being a measure on a geodesic and on the reference path between the same ends, with the
    sign that makes more plausible images score higher.

    Parameters
    ----------
    table : DataFrame
        One row a pair and path: ``pair, path`` (a strength as text, or the reference), and the
        columns of :data:`~latent_transport.evidence.keys.PLAUSIBILITY`.
    reference : str
        Path to compare with.

    Returns
    -------
    DataFrame
        One row a strength: ``strength``, the standardised difference in each measure, and
        ``score``.

    Raises
    ------
    DataError
        If the reference is not among the paths.
    """
    paths = {path: part.set_index("pair") for path, part in table.groupby("path", sort=False)}
    if reference not in paths:
        raise DataError(f"no path {reference!r} among {', '.join(paths)}")
    against = paths.pop(reference)
    rows = []
    for path, part in paths.items():
        row = {"strength": float(path)}
        for name, sign in PLAUSIBILITY.items():
            difference = sign * (part[name] - against[name])
            spread = difference.std()
            row[name] = difference.mean() / spread if spread > 0 else 0.0
        rows.append(row | {"score": sum(row[name] for name in PLAUSIBILITY) / len(PLAUSIBILITY)})
    return pd.DataFrame(rows)
