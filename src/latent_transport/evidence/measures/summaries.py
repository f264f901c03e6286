"""Numbers that describe models and geodesics, as rows of tables."""

import pandas as pd

ROUNDING = 1e-6  # of lengths in float32, relative
NOTICEABLE = 1e-3  # relative gain of length that is more than the solver's tolerance


def summarise_geodesics(table: pd.DataFrame) -> dict[str, float]:
    """Summarise a table of geodesics in one row.

    Parameters
    ----------
    table : DataFrame
        Columns ``length, line_length, shortening, iterations, converged, seconds`` (see the
        table of geodesics), one row a pair.

    Returns
    -------
    dict
        Numbers of pairs, share converged, median length, quartiles of the relative shortening
        1 - L(geodesic) / L(line), the share of pairs whose geodesic is no longer than the line
        but for rounding, mean iterations, and seconds a geodesic.
    """
    quartiles = table["shortening"].quantile([0.25, 0.5, 0.75])
    return {
        "pairs": len(table),
        "converged": table["converged"].mean(),
        "median_length": table["length"].median(),
        "median_line_length": table["line_length"].median(),
        "lower_quartile_shortening": quartiles[0.25],
        "median_shortening": quartiles[0.5],
        "upper_quartile_shortening": quartiles[0.75],
        "not_longer_than_line": (table["length"] <= table["line_length"] * (1 + ROUNDING)).mean(),
        "mean_iterations": table["iterations"].mean(),
        "seconds_a_geodesic": table["seconds"].mean(),
    }


def summarise_starts(table: pd.DataFrame) -> dict[str, float]:
    """Summarise how much shorter geodesics become through further starts.

    Parameters
    ----------
    table : DataFrame
        Lengths, one row a pair: ``line``, of the curve found from the straight line alone;
        ``graph`` and ``random``, of the best curve when a path through the codes' graph, or random
        bends, serve as further starts.

    Returns
    -------
    dict
        Number of pairs, and for each kind of start the share of pairs that it shortens by more
        than 0.1 %, the largest relative gain, and the mean gain over all pairs.
    """
    summary: dict[str, float] = {"pairs": len(table)}
    for start in ("graph", "random"):
        gain = 1 - table[start] / table["line"]
        summary[f"{start}_shorter"] = (gain > NOTICEABLE).mean()
        summary[f"{start}_largest_gain"] = gain.max()
        summary[f"{start}_mean_gain"] = gain.mean()
    return summary
