"""Time W1 of discretised logistics, value and gradient, against the literal Eq. 5."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.wasserstein import wasserstein1
from latent_transport.evidence.measures.benchmarks import (
    describe_kernels,
    peak_allocation,
    summarize_turns,
    time_in_turns,
    timed,
    wasserstein1_from_cdfs,
    wasserstein1_from_probabilities,
)
from latent_transport.kernels import native
from latent_transport.kernels.dispatch import backend
from latent_transport.storage import save_table
from workflow.scripts.command import run
from workflow.scripts.compute import add_compute_options, describe_machine, prepare

PLAIN = "pmf and cumulative sums (Eq. 5)"
CONTENDERS = {
    PLAIN: (wasserstein1_from_probabilities, "eager"),
    "differences of cdfs": (wasserstein1_from_cdfs, "eager"),
    "ours, eager": (wasserstein1, "eager"),
    "ours, C": (wasserstein1, "c"),
}


def draw_parameters(
    pairs: int, components: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, locations and scales (2, pairs, components) of two mixtures a pixel pair."""
    shape, like = (2, pairs, components), {"generator": generator, "device": generator.device}
    logits = torch.randn(shape, **like).requires_grad_()
    loc = (255 * torch.rand(shape, **like)).requires_grad_()
    scale = (0.25 + 20 * torch.rand(shape, **like) ** 2).requires_grad_()
    return logits, loc, scale


def differentiate(
    function: Callable[..., Tensor], name: str, parameters: Sequence[Tensor], *_: int
) -> None:
    """Evaluate a W1 and its gradients; the weight of a single component has none."""
    wanted = parameters[1:] if parameters[0].shape[-1] == 1 else parameters
    with backend(name):
        p, q = (
            DiscretizedLogisticMixture(*(x[i] for x in parameters), validate_args=False)
            for i in (0, 1)
        )
        torch.autograd.grad(function(p, q).sum(), wanted)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pairs", type=int, required=True, help="pixel pairs at once; K components, a K-th of them"
    )
    parser.add_argument("--components", type=int, nargs="+", required=True)
    parser.add_argument("--repetitions", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True, help="table to write")
    add_compute_options(parser)
    arguments = parser.parse_args(argv)
    device = prepare(arguments)
    generator = torch.Generator(device).manual_seed(arguments.seed)
    serves = device.type == "cpu" and native.load() is not None
    methods = {name: way for name, way in CONTENDERS.items() if serves or way[1] != "c"}
    if device.type == "cuda":
        methods["ours, Triton"] = (wasserstein1, "triton")
    rows = []
    for components in arguments.components:
        pairs = max(1, arguments.pairs // components)  # the plain forms' memory grows with K
        parameters = draw_parameters(pairs, components, generator)
        contenders = {
            name: partial(differentiate, function, choice, parameters)
            for name, (function, choice) in methods.items()
        }
        first = {name: timed(call, device)[1] for name, call in contenders.items()}
        turns = time_in_turns(contenders, rounds=arguments.repetitions, device=device)
        costs = {name: [cost / (pairs / 1e6) for cost in turns[name]] for name in turns}
        for name, summary in summarize_turns(costs, PLAIN, "million").items():
            row = {"components": components, "contender": name} | summary
            row |= {
                "bytes_a_pair": peak_allocation(contenders[name], device) / pairs,
                "first_call_seconds": first[name].wall,
                "pairs": pairs,
                "rounds": arguments.repetitions,
                "kernels": describe_kernels(methods[name][1], device),
            }
            rows.append(row | describe_machine(device, arguments.threads))
    save_table(pd.DataFrame(rows), arguments.output)


if __name__ == "__main__":
    run(main)
