"""Compute geodesics of the ramp, where W1's and Fisher-Rao's are known, and compare the two."""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from latent_transport.evidence.measures.ramps import (
    decode_ramp,
    encode_ramp,
    fisher_rao_distance,
    fisher_rao_geodesic,
    wasserstein1_distance,
    wasserstein1_geodesic,
)
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geometries.measures import FINE_SEGMENTS
from latent_transport.geometries.riemannian import FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1
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
CONTROLS = 32
POINTS = 256
# W1 of one pixel is a single residual, whose Gauss-Newton curvature has one direction of two.
SOLVERS = {
    "wasserstein1": LBFGS(max_iterations=5000, tolerance=1e-9),
    "fisher-rao": GaussNewton(max_iterations=1000, tolerance=1e-9),
}
EXACT = {
    "wasserstein1": (wasserstein1_distance, wasserstein1_geodesic),
    "fisher-rao": (fisher_rao_distance, fisher_rao_geodesic),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="table to write")
    parser.add_argument("--curves", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    start, end = np.moveaxis(np.array(list(CASES.values())), 1, 0)  # (m, 2) each
    geometries = {"wasserstein1": Wasserstein1(decode_ramp), "fisher-rao": FisherRao(decode_ramp)}
    t = np.linspace(0, 1, FINE_SEGMENTS + 1)  # (T,)
    arrays, rows = {"t": t, "start": start, "end": end}, []
    for name, geometry in geometries.items():
        distance, geodesic = EXACT[name]
        (other,) = (key for key in EXACT if key != name)
        paths = connecting_geodesics(
            geometry,
            *(encode_ramp(torch.from_numpy(pixels).to(device)) for pixels in (start, end)),
            solver=SOLVERS[name],
            controls=CONTROLS,
            points=POINTS,
        )
        latent = paths(torch.from_numpy(t).to(device))  # (m, T, 2)
        pixels = decode_ramp(latent)
        computed = torch.cat((pixels.mean, pixels.stddev), -1).cpu().numpy()  # (m, T, 2)
        arrays[f"{name}_computed"] = computed
        arrays[f"{name}_exact"] = exact = geodesic(start, end, t)  # (m, T, 2)
        length, shortest = paths.length.cpu().numpy(), distance(start, end)  # (m,) each
        elsewhere = EXACT[other][0]
        between = elsewhere(exact[:, :-1], exact[:, 1:]).sum(-1)  # (m,)
        # A curve's speed is its solver's affair: compare at equal fractions of the length.
        run_through = distance(computed[:, :-1], computed[:, 1:]).cumsum(-1)  # (m, T - 1)
        fraction = np.pad(run_through / run_through[:, -1:], ((0, 0), (1, 0)))  # (m, T)
        deviation, middle = [], []
        for case in range(len(CASES)):
            on_exact = geodesic(start[case], end[case], fraction[case])  # (T, 2)
            apart = distance(computed[case], on_exact).max() / shortest[case]
            deviation.append(apart)
            middle.append(np.interp(0.5, fraction[case], computed[case, :, 1]))
        rows.append(
            pd.DataFrame(
                {
                    "case": list(CASES),
                    "geometry": name,
                    "mean0": start[:, 0],
                    "scale0": start[:, 1],
                    "mean1": end[:, 0],
                    "scale1": end[:, 1],
                    "length": length,
                    "exact_length": shortest,
                    "error": np.abs(length / shortest - 1),
                    "deviation": deviation,
                    "converged": paths.converged.cpu().numpy(),
                    "middle_scale": middle,
                    "exact_middle_scale": geodesic(start, end, np.array([0.5]))[:, 0, 1],
                    "other_excess": between / elsewhere(start, end) - 1,
                }
            )
        )
    save_table(pd.concat(rows).sort_values("case", kind="stable"), arguments.table)
    save_arrays(arguments.curves, arrays, {"cases": ",".join(CASES)})


if __name__ == "__main__":
    run(main)
