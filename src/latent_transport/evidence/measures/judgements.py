"""Tables of how plausible the images on paths between pairs are."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.evidence.keys import INTERPOLATION
from latent_transport.evidence.measures.plausibility import Judge

PAIRS_AT_ONCE = 16

Measured = dict[str, Tensor]


def judge_paths(
    judge: Judge,
    pairs: pd.DataFrame,
    paths: Mapping[str, Tensor],
    fractions: Tensor,
    *,
    ends: Tensor | None = None,
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
        Points on the latent paths between the pairs, by the paths' names.
    fractions : Tensor, shape (T,)
        Fractions of a path's W1 length at which its images are judged.
    ends : Tensor, shape (P, 2, D), optional
        Images at the ends of the pairs, in grey levels. With them the cross-fade between the two
        is judged last, by the name of ``interpolation``.
    seed : int
        Non-negative seed of the importance samples.
    at_once : int, optional
        Pairs judged together; the noise of a pair depends on it.

    Returns
    -------
    DataFrame
        A row a pair and path: ``kind, pair, path``, and the measures of
        :meth:`Judge.measure_paths`, without ``pixel_entropy`` for the cross-fade.
    """

    def measure_curves(points: Tensor, generator: torch.Generator) -> Measured:
        return judge.measure_paths(points, fractions, generator)

    def measure_interpolation(ends: Tensor, generator: torch.Generator) -> Measured:
        first, last = ends.to(fractions.dtype).split(1, dim=1)  # (b, 1, D) each
        images = torch.lerp(first, last, fractions[:, None])  # (b, T, D)
        missing = torch.full((len(ends),), torch.nan, device=fractions.device)
        return judge.measure(images, generator) | {"pixel_entropy": missing}

    jobs: dict[str, tuple[Tensor, Callable[[Tensor, torch.Generator], Measured]]]
    jobs = {name: (points, measure_curves) for name, points in paths.items()}
    if ends is not None:
        jobs[INTERPOLATION] = (ends, measure_interpolation)
    batches = np.array_split(np.arange(len(pairs)), -(-len(pairs) // at_once))
    tables = []
    for path, (data, measure) in tqdm(jobs.items(), unit="path"):
        # The same noise on every path, so that their comparison is free of it.
        generator = torch.Generator(fractions.device).manual_seed(seed)
        for rows in batches:
            measured = measure(data[rows].to(fractions.device), generator)
            columns = {name: values.cpu().numpy() for name, values in measured.items()}
            part = pairs.iloc[rows][["kind", "pair"]].assign(path=path, **columns)
            tables.append(part)
    return pd.concat(tables, ignore_index=True)
