"""Compute the geodesics of every geometry between all pairs of a plane's anchors."""

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from latent_transport.datasets.subsets import SPLITS
from latent_transport.evidence.page.anchors import choose_anchors
from latent_transport.evidence.page.paths import AnchorPaths
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geometries.measures import equal_length_parameters, measure_curves
from latent_transport.models.catalogue import GEOMETRIES
from latent_transport.models.loading import load_geometry
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_arrays
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare

# Fisher-Rao takes seconds a geodesic at the finer settings of the other rules, and these lengths
# are within a thousandth of theirs.
CONTROLS, POINTS, SEGMENTS = 6, 16, 64
STORED = 33


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--anchors", type=int, required=True, help="number of anchors")
    parser.add_argument("--max-iterations", type=int, required=True)
    parser.add_argument("--tolerance", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="arrays to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    components = load_vae(arguments.model, device).decoder.architecture.components
    arrays = load_arrays(arguments.codes, "mean", "split")
    mean = arrays["mean"]  # (n, 2)
    held_out = np.flatnonzero(arrays["split"] == SPLITS.index("test"))
    anchors = held_out[choose_anchors(mean[held_out], arguments.anchors, arguments.seed)]
    first, second = np.triu_indices(len(anchors), 1)  # (m,) each
    codes = torch.from_numpy(mean).to(device)
    z0, z1 = codes[torch.from_numpy(anchors[first])], codes[torch.from_numpy(anchors[second])]
    geometries = {
        name: load_geometry(name, vae=arguments.model, device=device)
        for name, recipe in GEOMETRIES.items()
        if recipe.plain and (components == 1 or recipe.takes_mixtures)
    }
    solver = GaussNewton(max_iterations=arguments.max_iterations, tolerance=arguments.tolerance)
    t = torch.linspace(0, 1, SEGMENTS + 1, device=device)  # (65,)
    fractions = torch.linspace(0, 1, STORED, device=device)  # (T,)
    curves, stored, converged = [], [], []
    for geometry in geometries.values():
        paths = connecting_geodesics(
            geometry, z0, z1, solver=solver, controls=CONTROLS, points=POINTS
        )
        points = paths(t)  # (m, 65, 2)
        with torch.no_grad():
            parameters = equal_length_parameters(geometry, points, fractions)  # (m, T)
        curves.append(points)
        stored.append(sample_polylines(points, parameters).cpu().numpy())
        converged.append(paths.converged.cpu().numpy())
    curves.append(torch.lerp(z0[:, None], z1[:, None], t[:, None]))  # (m, 65, 2)
    lengths = [
        [measure_curves(geometry, points)[0].cpu().numpy() for geometry in geometries.values()]
        for points in curves
    ]
    AnchorPaths(
        geometries=tuple(geometries),
        anchors=anchors,
        pairs=np.stack((first, second), -1),
        points=np.stack(stored),
        lengths=np.array(lengths),
        converged=np.stack(converged),
        segments=SEGMENTS,
    ).save(arguments.output)


def sample_polylines(points: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """Points on polylines (m, N, d) at ``parameters`` (m, T) in [0, 1]: shape (m, T, d)."""
    position = parameters * (points.shape[1] - 1)  # (m, T)
    before = position.floor().clamp(max=points.shape[1] - 2).long()  # (m, T)
    rows = torch.arange(len(points), device=points.device)[:, None]  # (m, 1)
    weight = (position - before).unsqueeze(-1)  # (m, T, 1)
    return torch.lerp(points[rows, before], points[rows, before + 1], weight)


if __name__ == "__main__":
    run(main)
