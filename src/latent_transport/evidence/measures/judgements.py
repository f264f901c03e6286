"""Tables of how plausible the images on paths between pairs are."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.evidence.keys import LINE
from latent_transport.evidence.measures.plausibility import Judge

PAIRS_AT_ONCE = 16


def judge_paths(
    judge: Judge,
    pairs: pd.DataFrame,
    paths: Mapping[str, Tensor],
    fractions: Tensor,
    *,
    fades: Mapping[str, Tensor] | None = None,
    images: Mapping[str, Tensor] | None = None,
    points: Mapping[str, Tensor] | None = None,
    seed: int,
    at_once: int = PAIRS_AT_ONCE,
) -> pd.DataFrame:
    """Judge the images on each path between each pair, all with the same noise.

    Parameters
    ----------
    judge : Judge
        Measures them, on the device of the fractions.
    pairs : DataFrame
        P pairs, with columns ``kind`` and ``pair``.
    paths : mapping of str to Tensor, shape (P, N, d)
        Points on the latent paths between the pairs, by the paths' names, missing (NaN) where a
        pair has none; ``line``, the straight one, among them.
    fractions : Tensor, shape (T,)
        Fractions of a path's W1 length at which its images are judged.
    fades : mapping of str to Tensor, shape (P, 2, D), optional
        Images in grey levels, by the names of the cross-fades between them, which are judged next.
    images : mapping of str to Tensor, shape (P, T, D), optional
        Images in grey levels that are on no path, as many for each pair as on a path.
    points : mapping of str to Tensor, shape (P, T, d), optional
        Latent points that are on no path, whose images are judged last.
    seed : int
        Non-negative seed of the importance samples.
    at_once : int, optional
        Pairs judged together; the noise of a pair depends on it.

    Returns
    -------
    DataFrame
        A row a pair and path that it has: ``kind, pair, path``, and the measures of
        :meth:`Judge.measure_paths`, with ``length_ratio`` and ``latent_ratio``, those to the
        straight line, instead of the lengths. Missing are those that there are not: of cross-fades
        and images ``pixel_entropy`` and ``latent_ratio``, of what is on no path ``label_switches``
        and all of how direct it is.
    """
    fades, images, points = (part or {} for part in (fades, images, points))
    jobs = (
        [(name, data, _judge_path) for name, data in paths.items()]
        + [(name, data, _judge_fade) for name, data in fades.items()]
        + [(name, data, _judge_images) for name, data in images.items()]
        + [(name, data, _judge_points) for name, data in points.items()]
    )
    batches = np.array_split(np.arange(len(pairs)), -(-len(pairs) // at_once))
    tables = []
    for path, data, measure in tqdm(jobs, unit="path"):
        there = ~data.flatten(1).isnan().any(1).cpu().numpy()  # (P,)
        for number, rows in enumerate(batches):
            if not there[rows].any():
                continue
            # The same noise on every path, so that their comparison is free of it: a pair that a
            # path lacks keeps its place in the batch, and is left out of the table.
            filled = np.where(there[rows], rows, rows[there[rows]][0])
            generator = torch.Generator(fractions.device).manual_seed(seed + number)
            measured = measure(judge, data[filled].to(fractions), fractions, generator)
            columns = {name: values.cpu().numpy() for name, values in measured.items()}
            part = pairs.iloc[rows][["kind", "pair"]].assign(path=path, **columns)
            tables.append(part[there[rows]])
    table = pd.concat(tables, ignore_index=True)
    lines = table[table["path"] == LINE].set_index("pair")
    ratios = {
        ratio: table[length] / table["pair"].map(lines[length])
        for ratio, length in (("length_ratio", "length"), ("latent_ratio", "latent_length"))
    }
    return table.assign(**ratios).drop(columns=["length", "latent_length"])


def _judge_path(
    judge: Judge, points: Tensor, fractions: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    return judge.measure_paths(points, fractions, generator)


def _judge_fade(
    judge: Judge, ends: Tensor, fractions: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    return judge.measure_fades(ends, fractions, generator)


def _judge_images(
    judge: Judge, images: Tensor, _: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    return _without_order(judge.measure(images, generator))


def _judge_points(
    judge: Judge, points: Tensor, _: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    return _without_order(judge.measure_points(points, generator))


def _without_order(measured: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: values for name, values in measured.items() if name != "label_switches"}
