"""Batches of curves, as large as the memory allows."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.base import Report
from latent_transport.memory import halve

Finish = Callable[[int], object]
"""Told how many more curves are done."""


def minimize_in_batches(
    minimize: Callable[[CubicSpline, Finish], tuple[Tensor, Report]],
    spline: CubicSpline,
    size: int,
    label: str | None,
) -> tuple[CubicSpline, Report]:
    """Minimise curves ``size`` at a time, under a progress bar if it has a label.

    ``minimize`` maps curves to their control points (b, P, d) and a report. Where memory runs out,
    half as many are solved from there on.
    """
    pieces, reports = [], []
    with tqdm(total=len(spline.start), desc=label, disable=label is None, unit="curve") as bar:
        begin = 0
        while begin < len(spline.start):
            rows = slice(begin, begin + size)
            done = bar.n
            try:
                controls, report = minimize(spline[rows], bar.update)
            except Exception as error:
                size = halve(min(size, len(spline.start) - begin), error)
                bar.n = done
                continue
            pieces.append(controls)
            reports.append(report)
            begin += size
    return replace(spline, controls=torch.cat(pieces)), Report.join(reports)
