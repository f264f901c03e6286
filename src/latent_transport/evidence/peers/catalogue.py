"""The peers by name: what runs each of them, with which settings."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import Any

from latent_transport.evidence.peers.base import Solve
from latent_transport.evidence.peers.problems import Problem

OURS = "ours"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
"""Environment of every peer: one thread, on the CPU."""


@dataclass(frozen=True)
class Peer:
    """A way to solve geodesics.

    Attributes
    ----------
    module, function : str
        The adapter in ``latent_transport.evidence.peers``, and its function from a
        :class:`~latent_transport.evidence.peers.problems.Problem` to its solve.
    package : str
        What must be installed.
    settings : str
        What they are, for the table.
    environment : mapping of str to str
        What the package reads when it is imported, beside :data:`ONE_THREAD`.
    """

    module: str
    function: str
    package: str
    settings: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Version of the package, empty if it is not installed."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return ""

    def load(self) -> Callable[[Problem], Solve]:
        """Import the adapter: what makes a solve of a problem.

        Where the peer does not know problems of that kind, that raises NotImplementedError.

        Raises
        ------
        ImportError
            If the package is not installed, or does not go with what is.
        """
        module = import_module(f"latent_transport.evidence.peers.{self.module}")
        return getattr(module, self.function)


_X64, _ON_TORCH = {"JAX_ENABLE_X64": "1"}, {"GEOMSTATS_BACKEND": "pytorch"}

PEERS = {
    OURS: Peer("ours", "prepare", "latent-transport", "defaults, float64"),
    "StochMan": Peer("stochman", "prepare", "stochman", "defaults, float64"),
    "StochMan, fine": Peer(
        "stochman", "prepare_fine", "stochman", "20 nodes, 200 points, 2000 steps, float64"
    ),
    "finslerax AVBD": Peer("finslerax", "prepare_descent", "finslerax", "defaults, float32"),
    "finslerax": Peer("finslerax", "prepare", "finslerax", "defaults, float32"),
    "finslerax, decoder": Peer(
        "finslerax", "prepare_decoder", "finslerax", "defaults, float32, from the decoder"
    ),
    "finslerax, fine": Peer(
        "finslerax",
        "prepare_fine",
        "finslerax",
        "100 segments, Simpson's rule, stops by itself, float64",
        _X64,
    ),
    "geomstats shooting": Peer(
        "geomstats", "prepare", "geomstats", "defaults of surfaces, float64", _ON_TORCH
    ),
    "geomstats straightening": Peer(
        "geomstats", "prepare_straightening", "geomstats", "defaults, float64", _ON_TORCH
    ),
    "solve_bvp": Peer("solve_bvp", "prepare", "scipy", "defaults, float64"),
    "solve_bvp, fine": Peer(
        "solve_bvp", "prepare_fine", "scipy", "tolerance 1e-8, 10,000 nodes, float64"
    ),
}
"""Peers by name, ours first."""


def describe_runs(
    problem: Problem, seconds: Sequence[float], found: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe what a peer found, as a row of the table.

    Parameters
    ----------
    problem : Problem
        What it solved.
    seconds : sequence of float
        Of its runs, the cold one first.
    found : mapping
        ``length``, ``curve_length`` and ``converged`` of its last run.

    Returns
    -------
    dict
        ``length``, ``error``: its word, and that over the distance, less 1; ``curve_length``,
        ``curve_error``: the same of its curve as measured, so that a curve that is not shortest
        (both too long) and a wrong measure (a word below the distance) are told apart;
        ``converged``; ``cold``: seconds of the first run, compilation included; ``seconds``,
        ``least``, ``largest``: median and range of the others, nan if there are none.
    """
    warm = seconds[1:] or [math.nan]
    return {
        "length": found["length"],
        "error": found["length"] / problem.distance - 1,
        "curve_length": found["curve_length"],
        "curve_error": found["curve_length"] / problem.distance - 1,
        "converged": found["converged"],
        "cold": seconds[0],
        "seconds": statistics.median(warm),
        "least": min(warm),
        "largest": max(warm),
        "runs": len(seconds),
    }
