"""Compute geodesics of a pixel, where W1's and Fisher-Rao's are known, and compare the two."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from latent_transport.evidence.keys import OURS, RIVAL
from latent_transport.evidence.measures.ramp_geodesics import (
    FISHER_RAO,
    WASSERSTEIN1,
    compare_ramp,
    solve_ramp,
)
from latent_transport.evidence.measures.ramps import decode_ramp, encode_ramp
from latent_transport.evidence.measures.relabelling import (
    euclidean_length,
    fisher_rao_length,
    make_pixel,
    shuffle_levels,
    wasserstein1_length,
)
from latent_transport.geometries.measures import FINE_SEGMENTS
from latent_transport.geometries.riemannian import Euclidean, FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.kernels.constants import LEVELS
from latent_transport.storage import save_arrays, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

# Pixels (mean, standard deviation) in grey levels. The first two cases cost the same under
# Fisher-Rao, and 200 against 2 levels under W1.
CASES = {
    "large": ((28.0, 2.0), (228.0, 2.0)),
    "small": ((127.0, 0.02), (129.0, 0.02)),
    "blurring": ((60.0, 4.0), (180.0, 90.0)),
    # Equal means: the Euclidean distance of these sees no step at all.
    "spreading": ((128.0, 4.0), (128.0, 64.0)),
}
# Shares of a bright pixel at the ends of the curve whose levels are given other labels.
SHARES = (0.1, 0.9)
EUCLIDEAN = "euclidean"
# Each geometry, and the other one in which its geodesics are measured.
COMPARED = {OURS: (WASSERSTEIN1, FISHER_RAO), RIVAL: (FISHER_RAO, WASSERSTEIN1)}


def measure_means(start: np.ndarray, end: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield a row a case of the ramp: the Euclidean distance of the means, and what it is."""
    z0, z1 = (encode_ramp(torch.from_numpy(pixels)) for pixels in (start, end))
    found = Euclidean(decode_ramp).distance(z0, z1).tolist()
    for case, length, exact in zip(CASES, found, np.abs(end - start)[:, 0], strict=True):
        yield _describe(case, EUCLIDEAN, length, exact)


def measure_relabelling() -> Iterator[dict[str, Any]]:
    """Yield a row an order of the levels and geometry: the length of a curve, and what it is."""
    z = torch.linspace(*SHARES, FINE_SEGMENTS + 1, dtype=torch.float64)[None, :, None]
    for case, order in (("ordered", np.arange(LEVELS)), ("relabelled", shuffle_levels())):
        pixel = make_pixel(order)
        for name, metric, exact in (
            (OURS, Wasserstein1, wasserstein1_length(order, *SHARES)),
            (RIVAL, FisherRao, fisher_rao_length(*SHARES)),
            (EUCLIDEAN, Euclidean, euclidean_length(order, *SHARES)),
        ):
            yield _describe(case, name, metric(pixel).curve_length(z).item(), exact)


def _describe(case: str, geometry: str, length: float, exact: float) -> dict[str, Any]:
    row = {"case": case, "geometry": geometry, "length": length, "exact_length": exact}
    return row | {"error": abs(length - exact) / exact if exact else abs(length)}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="table to write")
    parser.add_argument("--curves", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    start, end = np.moveaxis(np.array(list(CASES.values())), 1, 0)  # (m, 2) each
    t = np.linspace(0, 1, FINE_SEGMENTS + 1)  # (T,)
    ends = {"mean0": start[:, 0], "scale0": start[:, 1], "mean1": end[:, 0], "scale1": end[:, 1]}
    arrays, tables = {"t": t, "start": start, "end": end}, []
    for name, (known, other) in COMPARED.items():
        found = solve_ramp(known, start, end, t, device)
        arrays |= {f"{name}_computed": found.computed, f"{name}_exact": found.exact}
        columns = {"case": list(CASES), "geometry": name, **ends}
        tables.append(pd.DataFrame(columns | compare_ramp(found, known, other, start, end)))
    ramp = pd.concat(tables).sort_values("case", kind="stable")
    further = pd.DataFrame([*measure_means(start, end), *measure_relabelling()])
    save_table(pd.concat([ramp, further], ignore_index=True), arguments.table)
    save_arrays(arguments.curves, arrays, {"cases": ",".join(CASES)})


if __name__ == "__main__":
    run(main)
