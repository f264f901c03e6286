"""Families of distributions whose distances have a closed form, in charts that hide it."""

import math

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Normal

from latent_transport.distributions.wasserstein import product_wasserstein1
from latent_transport.evidence.zoo.problems import Problem, draw_pairs, embed
from latent_transport.geometries.base import Decoder
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1


def make_families() -> list[Problem]:
    """Return problems under Fisher-Rao, W1, W2 and the Euclidean distance of the means."""
    fisher_rao = [*map(_make_normals, (1, 3, 10)), *map(_make_bernoulli, (2, 10))]
    fisher_rao += [*map(_make_categorical, (3, 10))]
    normed = [_make_shapes("W1"), _make_shapes("W2"), _make_probabilities()]
    linear = [_make_linear(name) for name in ("W1", "W2", "Euclidean")]
    return [*fisher_rao, *normed, *linear, _make_linear_scales()]


def decode_shapes(z: Tensor) -> Normal:
    """Normals (..., n) of means and log standard deviations (..., 2 n)."""
    mean, log_scale = z.chunk(2, -1)
    return Normal(mean, log_scale.exp())


def _make_normals(count: int) -> Problem:
    start, end = draw_pairs(12, 2 * count, seed=31, low=-1.5, high=1.5)
    p, q = decode_shapes(start), decode_shapes(end)
    square = (p.mean - q.mean).square() / 2 + (p.stddev - q.stddev).square()  # (B, n)
    each = 2 * math.sqrt(2) * torch.asinh((square / (4 * p.stddev * q.stddev)).sqrt())
    note = "hyperbolic half plane: Fisher-Rao of normals by mean and log scale"
    if count > 1:
        note = f"product of {count} half planes: Fisher-Rao of normals by mean and log scale"
    name = f"normals, {count}"
    geometry = FisherRao(decode_shapes)
    return Problem(name, "hyperbolic", note, geometry, start, end, each.norm(dim=-1))


def _make_bernoulli(count: int) -> Problem:
    def decoder(z: Tensor) -> Bernoulli:
        return Bernoulli(logits=z)

    start, end = draw_pairs(12, count, seed=37, low=-4, high=4)
    # 2 asin(sqrt(sigmoid(z))) is 2 atan(exp(z / 2)).
    each = 2 * ((end / 2).exp().atan() - (start / 2).exp().atan())  # (B, D)
    note = f"Fisher-Rao of {count} Bernoulli variables by their logits"
    geometry = FisherRao(decoder)
    return Problem(f"Bernoulli, {count}", "family", note, geometry, start, end, each.norm(dim=-1))


def _make_categorical(classes: int) -> Problem:
    def decoder(z: Tensor) -> Categorical:
        logits = torch.cat((z, torch.zeros_like(z[..., :1])), -1)  # (..., n)
        return Categorical(logits=logits[..., None, :])

    start, end = draw_pairs(12, classes - 1, seed=41, low=-3, high=3)
    roots = [decoder(z).probs.squeeze(-2).sqrt() for z in (start, end)]  # (B, n) each
    distance = 2 * torch.acos((roots[0] * roots[1]).sum(-1))
    note = f"sphere of radius 2: Fisher-Rao of {classes} classes by their logits"
    geometry = FisherRao(decoder)
    return Problem(f"categorical, {classes}", "family", note, geometry, start, end, distance)


def _make_shapes(name: str) -> Problem:
    start, end = draw_pairs(30, 6, seed=43, low=-1.5, high=1.5)
    p, q = decode_shapes(start), decode_shapes(end)
    if name == "W1":
        distance, geometry = product_wasserstein1(p, q), Wasserstein1(decode_shapes)
    else:
        difference = torch.cat((p.mean - q.mean, p.stddev - q.stddev), -1)  # (B, 6)
        distance, geometry = difference.norm(dim=-1), Wasserstein2(decode_shapes)  # type: ignore[assignment]
    note = f"{name} of 3 normals by mean and log scale: a norm in mean and scale"
    return Problem(f"shapes, {name}", "normed", note, geometry, start, end, distance)


def _make_probabilities() -> Problem:
    def decoder(z: Tensor) -> Bernoulli:
        return Bernoulli(logits=z)

    start, end = draw_pairs(12, 5, seed=47, low=-3, high=3)
    distance = (end.sigmoid() - start.sigmoid()).norm(dim=-1)
    note = "W1 of 5 Bernoulli variables by their logits: flat in the probabilities"
    return Problem("Bernoulli, W1", "normed", note, Wasserstein1(decoder), start, end, distance)


def _make_linear(name: str) -> Problem:
    start, end = draw_pairs(8, 5, seed=53)
    matrix = draw_pairs(5, 12, seed=59)[0]  # (5, 12)
    decoder: Decoder = embed(lambda z: z @ matrix.to(z))
    geometries = {"W1": Wasserstein1, "W2": Wasserstein2, "Euclidean": Euclidean}
    distance = ((end - start) @ matrix).norm(dim=-1)
    note = f"{name} of normals whose means are linear: straight lines"
    geometry = geometries[name](decoder)
    return Problem(f"linear, {name}", "normed", note, geometry, start, end, distance)


def _make_linear_scales() -> Problem:
    matrix, slopes = draw_pairs(5, 12, seed=59)  # (5, 12) each

    def decoder(z: Tensor) -> Normal:
        return Normal(z @ matrix.to(z), 8 + z @ slopes.to(z))

    start, end = draw_pairs(8, 5, seed=53)
    distance = product_wasserstein1(decoder(start), decoder(end))
    note = "W1 of normals whose means and scales are linear: a norm that is not Euclidean"
    return Problem("linear, Finsler", "normed", note, Wasserstein1(decoder), start, end, distance)
