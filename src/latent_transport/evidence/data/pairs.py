"""Endpoint pairs for geodesics, chosen among encoded held-out images."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from latent_transport.datasets.codes import Codes
from latent_transport.datasets.subsets import Subset
from latent_transport.evidence.keys import FAR, KINDS, RANDOM
from latent_transport.storage import DataError

CANDIDATES = 64


def choose_pairs(
    codes: Codes, *, random: int, far: int, seed: int, split: str = "test"
) -> pd.DataFrame:
    """Choose pairs of different held-out images as endpoints.

    A ``random`` pair is uniform; a ``far`` one is, of 64 uniform candidates, the pair whose codes
    are farthest apart in the Euclidean metric of the latent space. Each pair has a generator of
    its own, seeded by (``seed``, kind, number in its kind): asking for more pairs, or solving them
    in other chunks, changes none.

    Parameters
    ----------
    codes : Codes
        Of all images.
    random, far : int
        Numbers of pairs of the two kinds.
    seed : int
        Non-negative seed.
    split : str
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
    if random < 0 or far < 0 or random + far == 0:
        raise DataError(f"{random} random and {far} far pairs; expected at least one pair in all")
    rows = _rows_of_split(codes, split)
    chosen = [_draw_rows(rows, RANDOM, number, seed)[:, 0] for number in range(random)]
    for number in range(far):
        pairs = _draw_rows(rows, FAR, number, seed, CANDIDATES)  # (2, candidates)
        apart = np.linalg.norm(codes.mean[pairs[0]] - codes.mean[pairs[1]], axis=-1)
        chosen.append(pairs[:, apart.argmax()])
    kinds = [RANDOM] * random + [FAR] * far
    return _describe_pairs(codes, np.stack(chosen), kinds, seed)


def choose_random_pairs(
    images: Codes | Subset, count: int, *, seed: int, split: str = "test"
) -> pd.DataFrame:
    """Choose uniformly random pairs of held-out images, which looks at no model's codes.

    They are the random ones of :func:`choose_pairs`, whose table it returns.

    Raises
    ------
    DataError
        If fewer than two images are at hand, or no pair is asked for.
    """
    if count < 1:
        raise DataError(f"{count} random pairs; expected at least one")
    rows = _rows_of_split(images, split)
    chosen = [_draw_rows(rows, RANDOM, number, seed)[:, 0] for number in range(count)]
    return _describe_pairs(images, np.stack(chosen), [RANDOM] * count, seed)


def take_chunk(pairs: pd.DataFrame, chunk: str) -> pd.DataFrame:
    """Return the pairs (with a column ``pair``) of a chunk such as ``2-of-4``."""
    number, chunks = map(int, chunk.split("-of-"))
    return pairs[pairs["pair"] % chunks == number - 1].reset_index(drop=True)


def take_first(pairs: pd.DataFrame, counts: int | Mapping[str, int] | None) -> pd.DataFrame:
    """Return the first pairs of each kind (column ``kind``), so many at most; all without."""
    if counts is None:
        return pairs
    limits = pairs["kind"].map(counts) if isinstance(counts, Mapping) else counts
    return pairs[pairs.groupby("kind").cumcount() < limits].reset_index(drop=True)


def find_ends(codes: Codes, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Codes (m, d) of the first and of the last ends of pairs, with columns ``row0, row1``."""
    return codes.mean[pairs["row0"].to_numpy()], codes.mean[pairs["row1"].to_numpy()]


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


def _rows_of_split(images: Codes | Subset, split: str) -> np.ndarray:
    rows = images.rows(split)
    if len(rows) < 2:
        raise DataError(f"{len(rows)} {split} images; endpoint pairs need at least 2")
    return rows


def _draw_rows(
    rows: np.ndarray, kind: str, number: int, seed: int, candidates: int = 1
) -> np.ndarray:
    """Pairs (2, candidates) of different rows, by the generator of a kind's pair of a number."""
    rng = np.random.default_rng([seed, KINDS.index(kind), number])
    first = rng.integers(len(rows), size=candidates)
    shift = rng.integers(1, len(rows), size=candidates)
    return rows[np.stack((first, (first + shift) % len(rows)))]


def _describe_pairs(
    images: Codes | Subset, rows: np.ndarray, kinds: list[str], seed: int
) -> pd.DataFrame:
    frame = pd.DataFrame({"pair": np.arange(len(rows)), "kind": kinds})
    ends = {f"row{end}": rows[:, end] for end in (0, 1)}
    indices = {f"index{end}": images.indices[rows[:, end]] for end in (0, 1)}
    labels = {f"label{end}": images.labels[rows[:, end]] for end in (0, 1)}
    return frame.assign(**ends, **indices, **labels, seed=seed)
