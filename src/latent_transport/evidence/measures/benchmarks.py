"""Paired measurements of time and memory, and the plain forms that ours are measured against.

Contenders take turns within one run, so that a noisy machine is fair to all. They are compared by
the processor time of the process, which others on the machine stretch less than the clock's; on a
GPU, whose work it does not hold, by the clock.
"""

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch import Tensor
from typing_extensions import override

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.geodesics.paths import Geodesics
from latent_transport.geometries.base import Decoder, Geometry
from latent_transport.geometries.decoded import Decoded
from latent_transport.geometries.measures import measure_curves
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.kernels import native
from latent_transport.kernels.constants import LEVELS
from latent_transport.kernels.dispatch import backend, resolve_backend
from latent_transport.kernels.pmf import categorical_wasserstein1

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What a call took.

    Attributes
    ----------
    wall : float
        Seconds on the clock.
    cpu : float
        Seconds of processor time, of all threads of this process; nan where a GPU computed.
    """

    wall: float
    cpu: float

    @property
    def charged(self) -> float:
        """Seconds by which contenders are compared: of the processor, of the clock on a GPU."""
        return self.wall if math.isnan(self.cpu) else self.cpu

    def __truediv__(self, count: float) -> "Cost":
        """Cost of one of so many."""
        return Cost(self.wall / count, self.cpu / count)


def time_in_turns(
    contenders: Mapping[str, Callable[[int], object]], *, rounds: int, device: torch.device
) -> dict[str, list[Cost]]:
    """Time functions in rounds, in each of which every one of them runs once.

    Nothing is run beforehand: call what compiles or imports at its first call once before.

    Parameters
    ----------
    contenders : mapping of str to callable
        What to time, by name; it is given the number of the round, from 0.
    rounds : int
        How often each runs.
    device : torch.device
        Waited for before a clock is read.

    Returns
    -------
    dict
        For each name its costs in each round.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, run in contenders.items():
            _, taken = timed(partial(run, number), device)
            costs[name].append(taken)
    return costs


def timed(run: Callable[[], T], device: torch.device) -> tuple[T, Cost]:
    """Call a function: its result, and what it took until the device had finished."""
    _wait_for(device)
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    _wait_for(device)
    taken = Cost(time.perf_counter() - wall, time.process_time() - cpu)
    return result, taken if device.type == "cpu" else Cost(taken.wall, math.nan)


def summarize_costs(costs: Sequence[Cost], unit: str) -> dict[str, float]:
    """Median and range of the costs of one ``unit`` over the rounds.

    Returns
    -------
    dict
        ``seconds_a_UNIT``, ``least`` and ``largest`` by the clock; ``cpu_seconds_a_UNIT``,
        ``least_cpu`` and ``largest_cpu`` of processor time.
    """
    walls, cpus = [cost.wall for cost in costs], [cost.cpu for cost in costs]
    return {
        f"seconds_a_{unit}": statistics.median(walls),
        "least": min(walls),
        "largest": max(walls),
        f"cpu_seconds_a_{unit}": statistics.median(cpus),
        "least_cpu": min(cpus),
        "largest_cpu": max(cpus),
    }


def summarize_turns(
    costs: Mapping[str, Sequence[Cost]], reference: str, unit: str
) -> dict[str, dict[str, float]]:
    """Medians and spread of costs, and of their paired ratio to those of the reference.

    Parameters
    ----------
    costs : mapping of str to sequence of Cost
        By name, the cost of a unit in each round, as from :func:`time_in_turns`.
    reference : str
        The name to compare with.
    unit : str
        Of what the costs are.

    Returns
    -------
    dict
        For each name what :func:`summarize_costs` gives; and ``speedup``, ``least_speedup`` and
        ``largest_speedup``, median and range of how many times the seconds that it is charged with
        the reference is charged with in the same round.
    """
    summaries = {}
    for name, own in costs.items():
        ratios = [a.charged / b.charged for a, b in zip(costs[reference], own, strict=True)]
        summaries[name] = summarize_costs(own, unit) | {
            "speedup": statistics.median(ratios),
            "least_speedup": min(ratios),
            "largest_speedup": max(ratios),
        }
    return summaries


def describe_kernels(choice: str, device: torch.device) -> str:
    """What evaluates W1 on a device, by that choice of :func:`backend`: such as "c, avx2"."""
    with backend(choice):
        found = resolve_backend(torch.empty(0, device=device))
    return f"{found}, {native.find_level()}" if found == "c" else found


def peak_allocation(run: Callable[[], object], device: torch.device) -> int:
    """Bytes of tensors that a call holds at its peak, beyond those that stood before.

    On a CPU they are added up from every allocation that PyTorch makes in the call, on a GPU its
    caching allocator counts them.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return torch.cuda.max_memory_allocated(device) - before
    cpu = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=cpu, profile_memory=True) as profile:
        run()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    changes = [event for event in events if event["name"] == "[memory]"]
    held = peak = 0
    for event in sorted(changes, key=lambda event: event["ts"]):
        held += event["args"]["Bytes"]
        peak = max(peak, held)
    return peak


def resident_peak() -> int:
    """Most bytes of memory that this process has held so far."""
    import resource  # Windows, which can use all else here, has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class Stopwatch:
    """Adds up time in ``with`` blocks: of the processor, all threads of this process.

    Of a GPU it is the device's own, which is not made to wait at their ends.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._laps: list[tuple[Any, Any]] = []  # seconds, or events of a GPU

    def __enter__(self) -> "Stopwatch":
        self._begin = self._mark()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._laps.append((self._begin, self._mark()))

    def _mark(self) -> "float | torch.cuda.Event":
        if self.device.type != "cuda":
            return time.process_time()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    @property
    def seconds(self) -> float:
        """Total so far."""
        if self.device.type != "cuda":
            return sum(end - begin for begin, end in self._laps)
        torch.cuda.synchronize(self.device)
        return sum(begin.elapsed_time(end) for begin, end in self._laps) / 1000


class ClockedWasserstein1(Wasserstein1):
    """W1 that notes how long its parts take.

    ``forward_mode`` holds the time of the decoder's forward-mode derivatives, at ``pushed`` points:
    a solve that uses them cannot take less, and its seconds over these are its overhead factor.
    ``distances`` holds the time of the W1 of all pixels, without the chain rule back through the
    decoder.
    """

    def __init__(self, decoder: Decoder, device: torch.device) -> None:
        super().__init__(decoder)
        self.forward_mode = Stopwatch(device)
        self.distances = Stopwatch(device)
        self.pushed = 0

    @override
    def decode_with_jacobian(self, z: Tensor) -> tuple[Decoded, Decoded]:
        self.pushed += z.shape[:-1].numel()
        with self.forward_mode:
            return super().decode_with_jacobian(z)

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        with self.distances:
            return super().residuals(p, q)


def seconds_to_reach(
    solve: Callable[[int], Geodesics],
    energy: Tensor,
    *,
    geometry: Geometry,
    t: Tensor,
    most: int,
    device: torch.device,
) -> Tensor:
    """Seconds that a solver needs to reach given energies, from runs of ever more iterations.

    Of the processor, on a GPU by the clock: those by which contenders are compared.

    Each run starts anew and is timed as a whole; the numbers of iterations grow by a half at a
    time, so that the time is by up to a half too long, and never too short. Energies are those of
    the curves, not the solver's own.

    Parameters
    ----------
    solve : callable
        Geodesics of the B pairs from at most that many iterations.
    energy : Tensor, shape (B,)
        Energies to reach.
    geometry : Geometry
        Measures the curves.
    t : Tensor, shape (T,)
        Parameters at which they are measured.
    most : int
        Largest number of iterations.
    device : torch.device
        Waited for before a clock is read.

    Returns
    -------
    Tensor, shape (B,)
        Seconds a pair of the first run that reached the pair's energy, infinite if none did.
    """
    reached = torch.full_like(energy, math.inf)  # (B,)
    iterations = 0
    while iterations < most and reached.isinf().any():
        iterations = min(max(iterations + 1, iterations * 3 // 2), most)
        paths, taken = timed(partial(solve, iterations), device)
        low = measure_curves(geometry, paths(t))[1] <= energy  # (B,)
        reached[low & reached.isinf()] = (taken / len(energy)).charged
    return reached


def wasserstein1_from_probabilities(
    p: DiscretizedLogisticMixture, q: DiscretizedLogisticMixture
) -> Tensor:
    """W1 by Roy & Hauberg (2022), Eq. 5, as printed: sums of the 256 levels' probabilities."""
    return categorical_wasserstein1(p.probs, q.probs)  # (...)


def wasserstein1_from_cdfs(p: DiscretizedLogisticMixture, q: DiscretizedLogisticMixture) -> Tensor:
    """W1 by differences of the cdfs at the 255 inner edges: no probabilities, no sums of them."""
    edges = torch.arange(LEVELS - 1, dtype=p.loc.dtype, device=p.loc.device)[:, None] + 0.5
    cdfs = []
    for distribution in (p, q):
        u = (edges - distribution.loc.unsqueeze(-2)) / distribution.scale.unsqueeze(-2)
        weights = distribution.logits.softmax(-1).unsqueeze(-2)  # (..., 1, K)
        cdfs.append((weights * u.sigmoid()).sum(-1))  # (..., 255)
    return (cdfs[0] - cdfs[1]).abs().sum(-1)  # (...)


class LiteralWasserstein1(Wasserstein1):
    """The W1 geometry by Eq. 5 as printed, for decoders of discretised logistics."""

    @override
    def residuals(self, p: Decoded, q: Decoded) -> Tensor:
        mixtures = (_mixture_at(end.coordinates) for end in (p, q))
        return wasserstein1_from_probabilities(*mixtures).unsqueeze(-2)  # (..., 1, D)


def _mixture_at(coordinates: Tensor) -> DiscretizedLogisticMixture:
    """Mixtures at the families' coordinates (..., 2, D) of one component, or (..., 3K, D)."""
    parts = coordinates.movedim(-2, -1).split(max(1, coordinates.shape[-2] // 3), -1)
    if len(parts) == 2:
        parts = (torch.zeros_like(parts[0]), *parts)
    logits, loc, scale = parts  # (..., D, K) each
    return DiscretizedLogisticMixture(logits, loc, scale, validate_args=False)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
