"""Votes against scikit-learn's, and tables of votes and clusters against what is in them."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.measures.labels import (
    choose_points,
    describe_points,
    judge_distances,
    predict_labels,
    summarise_distances,
)
from latent_transport.storage import DataError


@pytest.mark.parametrize("neighbours", [1, 2, 5])
def test_votes_are_sklearns(neighbours):
    rng = np.random.default_rng(0)
    points, labels = rng.standard_normal((80, 2)), rng.integers(4, size=80)
    distances = cdist(points, points)
    model = KNeighborsClassifier(neighbours, metric="precomputed", algorithm="brute")
    expected = cross_val_predict(model, distances, labels, cv=LeaveOneOut())
    np.testing.assert_array_equal(predict_labels(distances, labels, neighbours), expected)


def make_codes(count=60, seed=0):
    """Codes of three labels, every third image a test image, in clusters one apart."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count).astype(np.uint8)
    mean = (rng.normal(scale=0.05, size=(count, 2)) + np.eye(3, 2)[labels]).astype(np.float32)
    split = np.tile([0, 1, 2], count // 3).astype(np.uint8)
    return Codes(mean, np.ones_like(mean), labels, np.arange(count) + 500, split)


def test_points_are_different_test_images_and_the_seed_decides():
    codes = make_codes()
    rows = choose_points(codes, 10, neighbours=3, seed=0)
    assert (codes.split[rows] == 2).all()
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, choose_points(codes, 10, neighbours=3, seed=0))
    assert not np.array_equal(rows, choose_points(codes, 10, neighbours=3, seed=1))
    np.testing.assert_array_equal(
        choose_points(codes, 20, neighbours=3, seed=0), codes.rows("test")
    )


@pytest.mark.parametrize("count", [3, 21])
def test_points_that_are_not_there_are_refused(count):
    with pytest.raises(DataError, match=f"{count} points asked for.*a set of codes has 20 test"):
        choose_points(make_codes(), count, neighbours=3, seed=0)


def test_points_are_described_by_what_they_show():
    codes, rows = make_codes(), np.array([5, 2])
    table = describe_points(codes, rows)
    assert table["point"].tolist() == [0, 1]
    assert table["row"].tolist() == [5, 2]
    assert table["index"].tolist() == [505, 502]
    assert table["label"].tolist() == codes.labels[rows].tolist()


def test_distances_that_know_the_labels_are_told_from_those_that_do_not():
    codes = make_codes()
    rows = codes.rows("test")
    points = describe_points(codes, rows)
    known = cdist(codes.mean[rows], codes.mean[rows])
    blind = cdist(*[np.random.default_rng(1).normal(size=(len(rows), 2))] * 2)
    table = judge_distances(
        {"known": known, "blind": blind}, points, partial="", neighbours=3, seed=0
    )
    assert list(table.columns) == [*points.columns, "distance", "predicted", "accuracy", "purity"]
    assert table["distance"].tolist() == ["known"] * 20 + ["blind"] * 20
    np.testing.assert_array_equal(table["accuracy"] == 1, table["predicted"] == table["label"])
    means = summarise_distances(table).set_index("distance")
    assert list(means.index) == ["known", "blind"]
    assert means.loc["known"].tolist() == [1, 1]
    assert (means.loc["blind"] < 0.9).all()


def test_clusters_by_partial_distances_go_by_way_of_other_points():
    # Two chains of points: ends of one chain are far apart, but for the steps between them.
    places = np.concatenate((np.arange(8.0), 8.5 + np.arange(8.0)))
    distances = np.abs(places[:, None] - places)
    partial = np.where(distances > 1, 100.0, distances)
    partial[7, 8] = partial[8, 7] = 50.0
    codes = make_codes(48)
    points = describe_points(codes, codes.rows("test")).assign(label=np.repeat([0, 1], 8))
    votes = {"partial": partial}
    closed = judge_distances(votes, points, partial="partial", neighbours=1, seed=0)
    taken = judge_distances(votes, points, partial="", neighbours=1, seed=0)
    assert closed["purity"].all()
    assert not taken["purity"].all()
    np.testing.assert_array_equal(closed["predicted"], taken["predicted"])
