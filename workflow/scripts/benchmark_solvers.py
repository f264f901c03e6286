"""Time solvers on the same pairs of one trained model; energies are measured alike."""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.data.pairs import find_ends
from latent_transport.evidence.measures.benchmarks import (
    Cost,
    LiteralWasserstein1,
    describe_kernels,
    seconds_to_reach,
    summarize_turns,
    time_in_turns,
)
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.base import Solver
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geodesics.stochman import StochMan
from latent_transport.geometries.base import Geometry
from latent_transport.geometries.measures import FINE_SEGMENTS, measure_curves
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.kernels.dispatch import backend
from latent_transport.models.vae import load_vae
from latent_transport.storage import load_table, save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, describe_machine, prepare

PUBLISHED = "StochMan, Eq. 5 as printed"
POINTS_PUBLISHED = 20
CLOSE = 0.005  # excess over the best energy
ROUNDING = 1e-4  # excess over the published energy that counts as none: the solvers' tolerance


@dataclass(frozen=True)
class Contender:
    """A way of solving: its geometry and solver, how many pairs it is given, and how."""

    geometry: Geometry
    make_solver: Callable[..., Solver]
    published: bool = False  # pair by pair, from 20 points
    slow: bool = False  # given few pairs a round
    kernels: str = "auto"
    most: int = 0  # iterations with which it tries to reach the published energy

    def solve(self, z0: Tensor, z1: Tensor, **settings: object) -> list[Geodesics]:
        """Geodesics of the pairs: one batch, or as published one pair after the other."""
        batches, settings = [(z0, z1)], {"solver": self.make_solver(**settings)}
        if self.published:
            batches = list(zip(z0.split(1), z1.split(1), strict=True))
            settings["points"] = POINTS_PUBLISHED
        with backend(self.kernels):
            return [connecting_geodesics(self.geometry, *batch, **settings) for batch in batches]


def make_contenders(decoder: torch.nn.Module) -> dict[str, Contender]:
    ours = Wasserstein1(decoder)
    return {
        PUBLISHED: Contender(LiteralWasserstein1(decoder), StochMan, published=True, slow=True),
        "StochMan, our W1": Contender(ours, StochMan, published=True, slow=True),
        "Adam": Contender(ours, Adam, slow=True, most=500),
        "L-BFGS": Contender(ours, LBFGS, most=200),
        "Gauss-Newton": Contender(ours, GaussNewton, most=100),
        "Gauss-Newton, eager": Contender(ours, GaussNewton, kernels="eager", most=100),
    }


class Comparison:
    """Contenders' energies and times on n pairs, in rounds.

    Energies are those of the curves on 256 segments, by our W1, whoever found them. In each round
    the slow contenders solve the next few pairs, and the others solve all of them at once.
    """

    def __init__(self, decoder: torch.nn.Module, z0: Tensor, z1: Tensor, *, few: int) -> None:
        self.geometry = Wasserstein1(decoder)
        self.contenders = make_contenders(decoder)
        self.z0, self.z1 = z0, z1  # (n, d) each
        self.few = min(few, len(z0))
        self.t = torch.linspace(0, 1, FINE_SEGMENTS + 1, dtype=z0.dtype, device=z0.device)
        self._solved: dict[str, dict[int, list[Geodesics]]] = {name: {} for name in self.contenders}

    def run(self, rounds: int) -> dict[str, list[Cost]]:
        """Let the contenders take turns: for each name its cost a geodesic in each round."""
        for contender in self.contenders.values():
            # What torch imports late is no solver's fault.
            contender.solve(self.z0[: self.few], self.z1[: self.few], max_iterations=1)
        runs = {name: partial(self._solve, name) for name in self.contenders}
        turns = time_in_turns(runs, rounds=rounds, device=self.z0.device)
        return {
            name: [cost / len(self._rows(name, 0)) for cost in costs]
            for name, costs in turns.items()
        }

    def _solve(self, name: str, number: int) -> None:
        rows = self._rows(name, number)
        found = self.contenders[name].solve(self.z0[rows], self.z1[rows])
        self._solved[name][number if self.contenders[name].slow else 0] = found

    def _rows(self, name: str, number: int) -> Tensor:
        """Numbers of the pairs that a contender solves in a round."""
        rows = torch.arange(len(self.z0), device=self.z0.device)
        return rows.roll(-number * self.few)[: self.few] if self.contenders[name].slow else rows

    def energies(self, name: str) -> Tensor:
        """Energies (n,) that a contender reached, NaN for pairs that it did not solve."""
        energies = torch.full_like(self.z0[:, 0], torch.nan)  # (n,)
        for number, found in self._solved[name].items():
            points = torch.cat([paths(self.t) for paths in found])  # (b, T, d)
            energies[self._rows(name, number)] = self._measure(points)
        return energies

    def reports(self, name: str) -> dict[str, float]:
        """Share of a contender's geodesics that converged, and their mean iterations."""
        reports = [paths.report for found in self._solved[name].values() for paths in found]
        converged = torch.cat([report.converged for report in reports])
        iterations = torch.cat([report.iterations for report in reports])
        return {
            "converged": converged.double().mean().item(),
            "mean_iterations": iterations.double().mean().item(),
        }

    def line_energies(self) -> Tensor:
        """Energies (n,) of the straight latent lines."""
        return self._measure(torch.lerp(self.z0[:, None], self.z1[:, None], self.t[:, None]))

    def least_energies(self, restarts: int) -> Tensor:
        """Least energies (n,) that L-BFGS and Gauss-Newton find from the line and bent starts."""
        found = [
            connecting_geodesics(self.geometry, self.z0, self.z1, solver=solver, restarts=restarts)
            for solver in (GaussNewton(tolerance=1e-6), LBFGS(tolerance=1e-6))
        ]
        return torch.stack([self._measure(paths(self.t)) for paths in found]).amin(0)

    def seconds_to_energy(self, name: str, energy: Tensor) -> dict[str, float]:
        """Median seconds to energies (n,), NaN where none is asked for, and how often in reach."""
        rows = (~energy.isnan()).nonzero().squeeze(1)
        contender = self.contenders[name]
        if not contender.most:
            return {}

        def solve(most: int) -> Geodesics:
            return contender.solve(self.z0[rows], self.z1[rows], max_iterations=most)[0]

        reached = seconds_to_reach(
            solve,
            energy[rows] * (1 + ROUNDING),
            geometry=self.geometry,
            t=self.t,
            most=contender.most,
            device=self.z0.device,
        )
        return {
            "seconds_to_published_energy": np.median(reached.cpu().numpy()),
            "reached_published_energy": reached.isfinite().double().mean().item(),
        }

    def _measure(self, points: Tensor) -> Tensor:
        return measure_curves(self.geometry, points)[1]


def describe_energies(energies: Tensor, best: Tensor, published: Tensor) -> dict[str, float]:
    """Compare energies (n,), NaN where a pair was not solved, with the best and the published."""
    excess = (energies / best - 1).cpu().numpy()  # (n,)
    over_published = (energies / published - 1).cpu().numpy()  # (n,)
    solved = ~np.isnan(excess)
    return {
        "pairs": np.count_nonzero(solved),
        "median_energy_excess": np.median(excess[solved]),
        "largest_energy_excess": excess[solved].max(),
        "close_to_best": np.mean(excess[solved] <= CLOSE),
        "median_energy_over_published": np.nanmedian(over_published),
    }


def compare(comparison: Comparison, *, rounds: int, restarts: int) -> list[dict]:
    """Run all contenders: a row of the table each, and one for the straight latent line."""
    costs = comparison.run(rounds)
    energies = {name: comparison.energies(name) for name in costs}
    device = comparison.z0.device
    as_published = statistics.median(cost.charged for cost in costs[PUBLISHED])
    published = energies[PUBLISHED]  # (n,)
    found = [*energies.values(), comparison.least_energies(restarts)]
    best = torch.stack(found).nan_to_num(nan=torch.inf).amin(0)  # (n,)
    line = describe_energies(comparison.line_energies(), best, published)
    rows = [{"solver": "straight latent line"} | line]
    for name, summary in summarize_turns(costs, PUBLISHED, "geodesic").items():
        contender = comparison.contenders[name]
        at_once = comparison.few if contender.slow else len(comparison.z0)
        row = {
            "solver": name,
            "at_once": 1 if contender.published else at_once,
            "kernels": _name_kernels(contender, device),
        }
        row |= summary | comparison.reports(name)
        row |= describe_energies(energies[name], best, published)
        reached = comparison.seconds_to_energy(name, published)
        if reached:
            seconds = reached["seconds_to_published_energy"]
            reached["speedup_to_published_energy"] = as_published / seconds
        rows.append(row | reached)
    return rows


def _name_kernels(contender: Contender, device: torch.device) -> str:
    literal = isinstance(contender.geometry, LiteralWasserstein1)
    return describe_kernels("eager" if literal else contender.kernels, device)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--model", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--pairs", required=True, help="table of pairs")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--count", type=int, required=True, help="most pairs for our solvers")
    parser.add_argument(
        "--count-published", type=int, required=True, help="pairs a round for StochMan and Adam"
    )
    parser.add_argument(
        "--restarts", type=int, required=True, help="bent starts beside the line, for the best"
    )
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    decoder = load_vae(arguments.model, device).decoder
    # Every kind of pair stands in the first rows of a shuffled table.
    table = load_table(arguments.pairs).sample(frac=1, random_state=0).head(arguments.count)
    ends = find_ends(Codes.load(arguments.codes), table)
    z0, z1 = (torch.from_numpy(z).to(device) for z in ends)  # (n, d) each
    comparison = Comparison(decoder, z0, z1, few=arguments.count_published)
    frame = pd.DataFrame(compare(comparison, rounds=arguments.rounds, restarts=arguments.restarts))
    frame.insert(0, "model", arguments.name)
    frame.insert(1, "latent_dim", z0.shape[1])
    save_table(frame.assign(**describe_machine(device, arguments.threads)), arguments.output)


if __name__ == "__main__":
    run(main)
