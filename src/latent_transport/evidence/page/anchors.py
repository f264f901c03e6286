"""Which codes of a plane stand for their surroundings."""

import numpy as np
from sklearn.cluster import KMeans

from latent_transport.storage import DataError


def choose_anchors(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Choose codes spread over the plane as the codes are: those nearest to k-means centres.

    Parameters
    ----------
    codes : ndarray, shape (n, 2)
        Latent codes.
    count : int
        Number of anchors, at least 2.
    seed : int
        Of the k-means.

    Returns
    -------
    ndarray of int64, shape (count,)
        Rows of the anchors, different from each other, from left to right in the plane.

    Raises
    ------
    DataError
        If there are fewer different codes than anchors.
    """
    different = len(np.unique(codes, axis=0))
    if different < count:
        raise DataError(
            f"{different} different codes cannot give {count} anchors; lower page.anchors"
        )
    clusters = KMeans(count, n_init=4, random_state=seed).fit(codes)
    distances = clusters.transform(codes)  # (n, count)
    # A cluster's own codes are the only candidates, so that no code is taken twice.
    distances[clusters.labels_[:, None] != np.arange(count)] = np.inf
    rows = distances.argmin(axis=0)  # (count,)
    return rows[np.argsort(codes[rows, 0], kind="stable")].astype(np.int64)
