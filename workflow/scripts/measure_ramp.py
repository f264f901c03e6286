"""Compute geodesics of the ramp, where W1's and Fisher-Rao's are known, and compare the two."""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

from latent_transport.evidence.keys import OURS, RIVAL
from latent_transport.evidence.measures.ramp_geodesics import (
    FISHER_RAO,
    WASSERSTEIN1,
    compare_ramp,
    solve_ramp,
)
from latent_transport.geometries.measures import FINE_SEGMENTS
from latent_transport.storage import save_arrays, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

# Pixels (mean, standard deviation) in grey levels. The first two cases cost the same under
# Fisher-Rao, and 200 against 2 levels under W1.
CASES = {
    "large": ((28.0, 2.0), (228.0, 2.0)),
    "small": ((127.0, 0.02), (129.0, 0.02)),
    "blurring": ((60.0, 4.0), (180.0, 90.0)),
}
# Each geometry, and the other one in which its geodesics are measured.
COMPARED = {OURS: (WASSERSTEIN1, FISHER_RAO), RIVAL: (FISHER_RAO, WASSERSTEIN1)}


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
    save_table(pd.concat(tables).sort_values("case", kind="stable"), arguments.table)
    save_arrays(arguments.curves, arrays, {"cases": ",".join(CASES)})


if __name__ == "__main__":
    run(main)
