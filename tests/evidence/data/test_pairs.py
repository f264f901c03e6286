"""Which pairs of test images are joined by geodesics, and which of them are drawn."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import Subset
from latent_transport.evidence.data.pairs import (
    choose_pairs,
    choose_random_pairs,
    draw_far_pair,
    draw_pairs,
    find_ends,
    take_chunk,
)
from latent_transport.storage import DataError

PROPERTY = settings(deadline=None, derandomize=True, max_examples=50)
COLUMNS = ["pair", "kind", "row0", "row1", "index0", "index1", "label0", "label1", "seed"]
ROWS = ["row0", "row1"]


def make_codes(test: int, others: int = 30, seed: int = 0) -> Codes:
    """Codes of that many test images, and of images of the other splits, in random order."""
    rng = np.random.default_rng(seed)
    count = test + others
    split = rng.permutation(np.repeat([0, 1, 2], [others - others // 3, others // 3, test]))
    mean = rng.normal(size=(count, 3)).astype(np.float32)
    return Codes(
        mean=mean,
        scale=np.ones_like(mean),
        split=split.astype(np.uint8),
        indices=rng.permutation(10 * count)[:count],
        labels=rng.integers(10, size=count).astype(np.uint8),
    )


def distances(table: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    return np.linalg.norm(codes[table["row0"]] - codes[table["row1"]], axis=-1)


# --- choose_pairs ---


@PROPERTY
@given(
    test=st.integers(2, 40),
    counts=st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(any),
    seed=st.integers(0, 2**32),
)
def test_pairs_join_two_different_test_images(test, counts, seed):
    data = make_codes(test)
    table = choose_pairs(data, random=counts[0], far=counts[1], seed=seed)
    assert list(table.columns) == COLUMNS
    assert table["kind"].tolist() == ["random"] * counts[0] + ["far"] * counts[1]
    assert table["pair"].tolist() == list(range(sum(counts)))
    assert (table["seed"] == seed).all()
    assert (table["row0"] != table["row1"]).all()
    for end in "01":
        rows = table[f"row{end}"].to_numpy()
        assert (data.split[rows] == 2).all()
        np.testing.assert_array_equal(table[f"index{end}"], data.indices[rows])
        np.testing.assert_array_equal(table[f"label{end}"], data.labels[rows])


@PROPERTY
@given(
    few=st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(any),
    more=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    seed=st.integers(0, 1000),
)
def test_asking_for_more_pairs_changes_none(few, more, seed):
    data = make_codes(50)
    short = choose_pairs(data, random=few[0], far=few[1], seed=seed)
    long = choose_pairs(data, random=few[0] + more[0], far=few[1] + more[1], seed=seed)
    for kind, count in zip(("random", "far"), few, strict=True):
        first = long[long["kind"] == kind].head(count)
        np.testing.assert_array_equal(short.loc[short["kind"] == kind, ROWS], first[ROWS])


def test_the_seed_decides():
    data = make_codes(200)
    tables = [choose_pairs(data, random=20, far=20, seed=seed) for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    same = (tables[0][ROWS] == tables[2][ROWS]).all(axis=1)
    assert same.mean() < 0.2


def test_random_pairs_are_uniform():
    data = make_codes(5)
    table = choose_pairs(data, random=4000, far=0, seed=0)
    counts = table.groupby(ROWS).size()
    assert len(counts) == 5 * 4  # ordered pairs of different images
    assert chisquare(counts).pvalue > 1e-3


def test_random_pairs_do_not_depend_on_the_codes_but_far_pairs_do():
    data = make_codes(200)
    moved = replace(data, mean=data.mean[::-1].copy())
    table, other = (choose_pairs(d, random=20, far=20, seed=0) for d in (data, moved))
    random = table["kind"] == "random"
    pd.testing.assert_frame_equal(table[random], other[random])
    assert not table[~random].equals(other[~random])


def test_far_pairs_are_far():
    data = make_codes(500)
    table = choose_pairs(data, random=60, far=60, seed=0)
    apart = distances(table, data.mean)
    random, far = apart[table["kind"] == "random"], apart[table["kind"] == "far"]
    assert np.median(far) > 1.5 * np.median(random)
    assert far.min() > np.median(random)


def test_two_test_images_make_a_pair():
    table = choose_pairs(make_codes(2), random=3, far=3, seed=0)
    held_out = np.flatnonzero(make_codes(2).split == 2)
    np.testing.assert_array_equal(np.sort(table[ROWS], axis=1), [held_out] * 6)


@pytest.mark.parametrize("test", [0, 1])
def test_too_few_test_images_are_refused(test):
    with pytest.raises(DataError, match=f"{test} test images; .*at least 2"):
        choose_pairs(make_codes(test), random=1, far=1, seed=0)


@pytest.mark.parametrize(("random", "far"), [(0, 0), (-1, 5), (5, -1)])
def test_senseless_numbers_of_pairs_are_refused(random, far):
    with pytest.raises(DataError, match=f"{random} random and {far} far pairs; expected"):
        choose_pairs(make_codes(5), random=random, far=far, seed=0)


def test_pairs_of_another_split_join_its_images():
    data = make_codes(10)
    table = choose_pairs(data, random=5, far=5, seed=0, split="validation")
    assert (data.split[table[ROWS]] == 1).all()
    with pytest.raises(DataError, match="no split is called 'tset'; expected one of train"):
        choose_pairs(data, random=5, far=5, seed=0, split="tset")


def test_random_pairs_alone_are_those_of_the_whole_choice():
    data = make_codes(30)
    images = Subset(
        images=np.zeros((len(data), 784), np.uint8),
        labels=data.labels,
        indices=data.indices,
        split=data.split,
        digits=(0,),
        validation_fraction=0.1,
        seed=0,
    )
    expected = choose_pairs(data, random=8, far=2, seed=3).head(8)
    pd.testing.assert_frame_equal(choose_random_pairs(images, 8, seed=3), expected)
    with pytest.raises(DataError, match="0 random pairs"):
        choose_random_pairs(images, 0, seed=3)


@PROPERTY
@given(count=st.integers(0, 20), chunks=st.integers(1, 6))
def test_chunks_hold_every_pair_once_in_order(count, chunks):
    pairs = pd.DataFrame({"pair": np.arange(count), "row0": np.arange(count)[::-1]})
    parts = [take_chunk(pairs, f"{number + 1}-of-{chunks}") for number in range(chunks)]
    for part in parts:
        assert list(part.index) == list(range(len(part)))
        assert part["pair"].is_monotonic_increasing
    together = pd.concat(parts).sort_values("pair", ignore_index=True)
    pd.testing.assert_frame_equal(together, pairs)


def test_ends_are_the_codes_of_the_rows():
    data = make_codes(5)
    pairs = pd.DataFrame({"row0": [3, 0], "row1": [1, 3]}, index=[7, 2])
    first, last = find_ends(data, pairs)
    np.testing.assert_array_equal(first, data.mean[[3, 0]])
    np.testing.assert_array_equal(last, data.mean[[1, 3]])


# --- draw_pairs and draw_far_pair ---


def make_table(equal: int, different: int, seed: int = 0) -> pd.DataFrame:
    """Pairs, in random order, of which so many join equal and different digits."""
    rng = np.random.default_rng(seed)
    label0 = rng.integers(10, size=equal + different)
    step = np.repeat([0, 1], [equal, different])
    table = pd.DataFrame({"label0": label0, "label1": (label0 + step) % 10})
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    return table.assign(pair=100 + np.arange(len(table)))


@PROPERTY
@given(
    equal=st.integers(0, 12),
    different=st.integers(0, 12),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_drawn_pairs_take_turns_between_different_and_equal_digits(equal, different, share, seed):
    table = make_table(equal, different)
    count = round(share * len(table))
    drawn = draw_pairs(table, count, seed)
    assert len(set(drawn)) == len(drawn) == count
    labels = table.set_index("pair").loc[drawn]
    is_equal = (labels["label0"] == labels["label1"]).tolist()
    in_turn = min(count, 2 * min(equal, different))
    assert is_equal[:in_turn] == [False, True] * (in_turn // 2) + [False] * (in_turn % 2)
    assert is_equal[in_turn:] == [equal > different] * (count - in_turn)


def test_drawn_pairs_depend_on_the_seed_alone():
    table = make_table(20, 20)
    measured = table.assign(length=np.arange(40.0)[::-1])
    assert draw_pairs(table, 10, seed=1) == draw_pairs(measured, 10, seed=1)
    assert draw_pairs(table, 10, seed=1) != draw_pairs(table, 10, seed=2)
    assert draw_pairs(table, 4, seed=1) == draw_pairs(table, 10, seed=1)[:4]


def test_drawing_changes_nothing():
    table = make_table(3, 3)
    copy = table.copy()
    draw_pairs(table, 4, seed=0)
    pd.testing.assert_frame_equal(table, copy)


def test_more_pairs_than_there_are_are_refused():
    with pytest.raises(DataError, match="7 pairs asked for, 6 at hand; compute more"):
        draw_pairs(make_table(3, 3), 7, seed=0)


def test_a_far_pair_is_drawn_of_the_far_ones():
    table = pd.DataFrame({"pair": range(20), "kind": ["random"] * 10 + ["far"] * 10})
    drawn = [draw_far_pair(table, seed) for seed in range(50)]
    assert set(drawn) <= set(range(10, 20))
    assert len(set(drawn)) > 5
    assert draw_far_pair(table, 7) == drawn[7]


def test_a_random_pair_stands_in_where_no_far_one_is():
    table = pd.DataFrame({"pair": [4, 5, 6], "kind": "random"})
    assert {draw_far_pair(table, seed) for seed in range(30)} == {4, 5, 6}
