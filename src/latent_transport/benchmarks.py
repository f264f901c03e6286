"""Paired timings: contenders take turns within one run, so that a noisy machine is fair to all."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def time_in_turns(
    contenders: Mapping[str, Callable[[], object]], *, repetitions: int, device: torch.device
) -> dict[str, dict[str, float]]:
    """Time functions in interleaved repetitions, after one untimed call each.

    Parameters
    ----------
    contenders : mapping of str to callable
        What to time, by name; the first is the reference.
    repetitions : int
        Rounds; in each, every contender runs once.
    device : torch.device
        Waited for before a clock is read.

    Returns
    -------
    dict
        For each name the median, least and largest seconds, and ``speedup``: the median over the
        rounds of the reference's seconds over the contender's in the same round.
    """
    for run in contenders.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repetitions):
        for name, run in contenders.items():
            _wait_for(device)
            begin = time.perf_counter()
            run()
            _wait_for(device)
            seconds[name].append(time.perf_counter() - begin)
    reference = next(iter(seconds.values()))
    return {
        name: {
            "median": statistics.median(times),
            "least": min(times),
            "largest": max(times),
            "speedup": statistics.median(a / b for a, b in zip(reference, times, strict=True)),
        }
        for name, times in seconds.items()
    }


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
