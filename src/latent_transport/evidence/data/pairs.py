"""Endpoint pairs for geodesics, chosen among encoded held-out images."""

import numpy as np
import pandas as pd

from latent_transport.evidence.keys import FAR, KINDS, RANDOM
from latent_transport.storage import DataError

TEST_SPLIT = 2
CANDIDATES = 64


def choose_pairs(
    codes: np.ndarray,
    split: np.ndarray,
    indices: np.ndarray,
    labels: np.ndarray,
    *,
    random: int,
    far: int,
    seed: int,
    among: int = TEST_SPLIT,
) -> pd.DataFrame:
    """Choose pairs of different held-out images as endpoints.

    A ``random`` pair is uniform; a ``far`` one is, of 64 uniform candidates, the pair whose codes
    are farthest apart in the Euclidean metric of the latent space. Each pair has a generator of
    its own, seeded by (``seed``, kind, number in its kind): asking for more pairs, or solving them
    in other chunks, changes none.

    Parameters
    ----------
    codes : ndarray, shape (n, d)
        Posterior means of the images.
    split, indices, labels : ndarray, shape (n,)
        Split (2 is test), position in the data set's own file, and digit of each image.
    random, far : int
        Numbers of pairs of the two kinds.
    seed : int
        Non-negative seed.
    among : int
        Split that the images are of.

    Returns
    -------
    DataFrame
        Columns ``pair, kind, row0, row1, index0, index1, label0, label1, seed``.

    Raises
    ------
    DataError
        If fewer than two images are at hand, or no pair is asked for.
    """
    held_out = np.flatnonzero(split == among)
    if len(held_out) < 2:
        raise DataError(f"{len(held_out)} images in split {among}; endpoint pairs need at least 2")
    if random < 0 or far < 0 or random + far == 0:
        raise DataError(f"{random} random and {far} far pairs; expected at least one pair in all")
    chosen = []
    for number_of_kind, (kind, count) in enumerate(zip(KINDS, (random, far), strict=True)):
        candidates = 1 if kind == RANDOM else CANDIDATES
        for number in range(count):
            rng = np.random.default_rng([seed, number_of_kind, number])
            first = rng.integers(len(held_out), size=candidates)
            shift = rng.integers(1, len(held_out), size=candidates)
            pairs = held_out[np.stack((first, (first + shift) % len(held_out)))]  # (2, candidates)
            apart = np.linalg.norm(codes[pairs[0]] - codes[pairs[1]], axis=-1)  # (candidates,)
            chosen.append((kind, *pairs[:, apart.argmax()]))
    frame = pd.DataFrame(chosen, columns=["kind", "row0", "row1"])
    frame.insert(0, "pair", np.arange(len(frame)))
    for end in "01":
        frame[f"index{end}"] = indices[frame[f"row{end}"]]
    for end in "01":
        frame[f"label{end}"] = labels[frame[f"row{end}"]]
    frame["seed"] = seed
    return frame


def draw_pairs(table: pd.DataFrame, count: int, seed: int) -> list[int]:
    """Draw pairs for a figure by the seed alone: as many of different digits as of equal ones.

    Parameters
    ----------
    table : DataFrame
        Pairs, with columns ``pair``, ``label0`` and ``label1``.
    count : int
        Pairs to draw; where one sort runs out, the other fills up.
    seed : int
        Non-negative seed.

    Returns
    -------
    list of int
        Values of ``pair``; the first joins different digits where there are any.

    Raises
    ------
    DataError
        If the table has fewer pairs.
    """
    if count > len(table):
        raise DataError(f"{count} pairs asked for, {len(table)} at hand; compute more geodesics")
    order = table.iloc[np.random.default_rng(seed).permutation(len(table))]
    equal = order["label0"] == order["label1"]
    # Rank of each pair among its own sort: taking turns between the sorts.
    turn = equal.groupby(equal).cumcount()
    order = order.assign(turn=turn, equal=equal).sort_values(["turn", "equal"], kind="stable")
    return order["pair"].head(count).tolist()


def draw_far_pair(table: pd.DataFrame, seed: int) -> int:
    """Draw one pair by the seed alone, of the far ones where there are any."""
    far = table[table["kind"] == FAR]
    candidates = (far if len(far) else table)["pair"].to_numpy()
    return int(np.random.default_rng(seed).choice(candidates))
