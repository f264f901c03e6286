"""Time W1 of discretised logistics, value and gradient, against the literal Eq. 5."""

import argparse
from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor

from latent_transport.benchmarks import time_in_turns
from latent_transport.kernels import backend
from latent_transport.likelihoods import DiscretizedLogisticMixture
from latent_transport.storage import save_table
from latent_transport.wasserstein import wasserstein1, wasserstein1_pmf
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, prepare


def from_probabilities(p: DiscretizedLogisticMixture, q: DiscretizedLogisticMixture) -> Tensor:
    """Eq. 5 as printed: probabilities of the 256 levels, and their cumulative sums."""
    return wasserstein1_pmf(p.probs, q.probs)


def from_cdfs(p: DiscretizedLogisticMixture, q: DiscretizedLogisticMixture) -> Tensor:
    """The same sum over differences of the 255 values of the cdfs."""
    edges = torch.arange(255, dtype=p.loc.dtype, device=p.loc.device)[:, None] + 0.5  # (255, 1)
    cdfs = []
    for distribution in (p, q):
        u = (edges - distribution.loc.unsqueeze(-2)) / distribution.scale.unsqueeze(-2)
        weights = distribution.logits.softmax(-1).unsqueeze(-2)  # (..., 1, K)
        cdfs.append((weights * u.sigmoid()).sum(-1))  # (..., 255)
    return (cdfs[0] - cdfs[1]).abs().sum(-1)  # (...)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, required=True, help="pixel pairs at once")
    parser.add_argument("--components", type=int, nargs="+", required=True)
    parser.add_argument("--repetitions", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    generator = torch.Generator(device).manual_seed(arguments.seed)
    rows = []
    for components in arguments.components:
        shape = (2, arguments.pairs, components)
        like = {"generator": generator, "device": device}
        logits = torch.randn(shape, **like).requires_grad_()
        loc = (255 * torch.rand(shape, **like)).requires_grad_()
        scale = (0.25 + 20 * torch.rand(shape, **like) ** 2).requires_grad_()
        parameters = (loc, scale) if components == 1 else (logits, loc, scale)

        def measure(
            function: Callable[..., Tensor],
            name: str,
            tensors: Sequence[Tensor] = (logits, loc, scale),
            wanted: Sequence[Tensor] = parameters,
        ) -> None:
            with backend(name):
                p, q = (
                    DiscretizedLogisticMixture(*(x[i] for x in tensors), validate_args=False)
                    for i in (0, 1)
                )
                torch.autograd.grad(function(p, q).sum(), wanted)

        contenders = {
            "pmf and cumulative sums (Eq. 5)": lambda m=measure: m(from_probabilities, "eager"),
            "differences of cdfs": lambda m=measure: m(from_cdfs, "eager"),
            "ours": lambda m=measure: m(wasserstein1, "auto"),
            "ours, compiled": lambda m=measure: m(wasserstein1, "compiled"),
        }
        timings = time_in_turns(contenders, repetitions=arguments.repetitions, device=device)
        rows += [
            {
                "components": components,
                "contender": name,
                "seconds_a_million": 1e6 * timing["median"] / arguments.pairs,
                "least": 1e6 * timing["least"] / arguments.pairs,
                "largest": 1e6 * timing["largest"] / arguments.pairs,
                "speedup": timing["speedup"],
                "pairs": arguments.pairs,
                "threads": arguments.threads,
                "device": str(device),
            }
            for name, timing in timings.items()
        ]
    save_table(pd.DataFrame(rows), arguments.output)


if __name__ == "__main__":
    run(main)
