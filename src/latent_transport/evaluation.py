"""Numbers that describe models and geodesics, as rows of tables."""

import pandas as pd

ROUNDING = 1e-6  # of lengths in float32, relative


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
