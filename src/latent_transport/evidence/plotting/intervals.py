"""Means with their intervals: what is looked up for them, and how they are drawn."""

from typing import Any

import numpy as np
import pandas as pd

from latent_transport.evidence.plotting.arrays import expect_finite
from latent_transport.evidence.plotting.style import INK, VERMILION
from latent_transport.storage import DataError

COLUMNS = ("model", "path", "measure", "mean", "mean_low", "mean_high")

MEAN_STYLE: dict[str, Any] = {
    "color": VERMILION,
    "marker": "o",
    "markersize": 3.2,
    "markeredgewidth": 0.5,
    "markeredgecolor": INK,
    "linewidth": 1.1,
}


def find_means(summary: pd.DataFrame, model: str, measure: str, paths: list[str]) -> pd.DataFrame:
    """Means and intervals of one measure, a row a path in the given order."""
    part = summary[(summary["model"] == model) & (summary["measure"] == measure)]
    # The mean stands once for each reference that the path is compared with.
    part = part.drop_duplicates("path").set_index("path")
    missing = [path for path in paths if path not in part.index]
    if missing:
        raise DataError(
            f"the summary has no {measure} of {', '.join(missing)} for the model {model!r}; "
            "summarise the same table that is drawn"
        )
    means = part.loc[paths, ["mean", "mean_low", "mean_high"]]
    expect_finite(f"{measure} of {model}", means.to_numpy(dtype=float))
    return means


def bars(means: pd.DataFrame) -> np.ndarray:
    """Lengths (2, n) of the error bars below and above the means."""
    return np.stack((means["mean"] - means["mean_low"], means["mean_high"] - means["mean"]))
