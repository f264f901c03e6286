"""How well distances between points tell their labels apart, by votes and by clusters."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.measures.clusters import close_distances, find_pure
from latent_transport.storage import DataError


def choose_points(codes: Codes, count: int, *, neighbours: int, seed: int) -> np.ndarray:
    """Choose test images at random.

    Parameters
    ----------
    codes : Codes
        Of all images.
    count : int
        Images to choose.
    neighbours : int
        Neighbours that each of them is to have.
    seed : int
        Non-negative seed.

    Returns
    -------
    ndarray of int64, shape (count,)
        Their rows, increasing.

    Raises
    ------
    DataError
        If there are fewer test images, or the chosen ones are too few for so many neighbours.
    """
    rows = codes.rows("test")
    if not neighbours < count <= len(rows):
        raise DataError(
            f"{count} points asked for, with {neighbours} neighbours each; {codes.source} has "
            f"{len(rows)} test images, choose more than the neighbours and no more than these"
        )
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))


def describe_points(codes: Codes, rows: np.ndarray) -> pd.DataFrame:
    """Return a table of images in rows (N,): ``point, row, index, label``."""
    chosen = codes.take(rows)
    return pd.DataFrame(
        {
            "point": np.arange(len(rows)),
            "row": rows,
            "index": chosen.indices,
            "label": chosen.labels.astype(np.int64),
        }
    )


def judge_distances(
    distances: Mapping[str, np.ndarray],
    points: pd.DataFrame,
    *,
    partial: str,
    neighbours: int,
    seed: int,
) -> pd.DataFrame:
    """Judge for each point whether distances tell its label.

    Parameters
    ----------
    distances : mapping of str to ndarray, shape (N, N)
        Distances between the points, by name.
    points : DataFrame
        N points, with a column ``label`` of non-negative integers.
    partial : str
        Name of the distances that are upper bounds where no geodesic was solved. Clusters, which
        ask for all distances, take the shortest paths from point to point there.
    neighbours : int
        Nearest points that vote on a point's label.
    seed : int
        Non-negative seed of the clustering, into as many clusters as there are labels.

    Returns
    -------
    DataFrame
        The points once for each of the distances, with its name ``distance``, the label that is
        ``predicted``, and whether (0 or 1) that is the point's: ``accuracy``; and whether the
        point's label is the commonest in its cluster: ``purity``.
    """
    labels = points["label"].to_numpy()  # (N,)
    parts = []
    for name, matrix in distances.items():
        predicted = predict_labels(matrix, labels, neighbours)
        whole = close_distances(matrix) if name == partial else matrix
        pure = find_pure(whole, labels, clusters=len(np.unique(labels)), seed=seed)
        judged = {
            "distance": name,
            "predicted": predicted,
            "accuracy": (predicted == labels).astype(int),
            "purity": pure.astype(int),
        }
        parts.append(points.assign(**judged))
    return pd.concat(parts, ignore_index=True)


def summarise_distances(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each of the distances of :func:`judge_distances`: its shares of points."""
    return table.groupby("distance", sort=False)[["accuracy", "purity"]].mean().reset_index()


def predict_labels(distances: np.ndarray, labels: np.ndarray, neighbours: int) -> np.ndarray:
    """Label of each point by a vote of its nearest other points (leave one out).

    Of labels with equally many votes the smallest is taken.

    Parameters
    ----------
    distances : ndarray, shape (N, N)
    labels : ndarray of non-negative int, shape (N,)
    neighbours : int
        Points that vote, 1 <= neighbours < N.

    Returns
    -------
    ndarray, shape (N,)
    """
    others = np.where(np.eye(len(labels), dtype=bool), np.inf, distances)
    nearest = others.argsort(1, kind="stable")[:, :neighbours]  # (N, k)
    votes = (labels[nearest][..., None] == np.arange(labels.max() + 1)).sum(1)  # (N, L)
    return votes.argmax(1)
