"""Batches of curves, as large as the memory allows."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from tqdm.auto import tqdm

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.base import Report

Finish = Callable[[int], object]
"""Told how many more curves are done."""


def minimize_in_batches(
    minimize: Callable[[CubicSpline, Finish], tuple[Tensor, Report]],
    spline: CubicSpline,
    size: int,
    label: str | None,
) -> tuple[CubicSpline, Report]:
    """Minimise curves ``size`` at a time, under a progress bar if it has a label.

    ``minimize`` maps curves to their control points (b, P, d) and a report.
    """
    pieces, reports = [], []
    with tqdm(total=len(spline.start), desc=label, disable=label is None, unit="curve") as bar:
        for begin in range(0, len(spline.start), size):
            controls, report = minimize(spline[begin : begin + size], bar.update)
            pieces.append(controls)
            reports.append(report)
    return replace(spline, controls=torch.cat(pieces)), Report.join(reports)
