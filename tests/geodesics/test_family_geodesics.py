"""Geodesics of a small decoder of every family, under every geometry that the family has."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Beta,
    Binomial,
    Categorical,
    Distribution,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    NegativeBinomial,
    Normal,
    OneHotCategorical,
    Poisson,
    StudentT,
)

import latent_transport as lt
from latent_transport.distributions.family import Family
from latent_transport.distributions.registry import factors, family_of

VARIABLES = 40
# The total variation of few classes has kinks, which more variables smooth; the others are slow.
OTHERS = {"one-hot": 150, "learned df": 6, "mixture of normals": 6, "beta": 8}

FAMILIES: dict[str, tuple[int, Callable[[Tensor], Distribution]]] = {
    "laplace": (2, lambda x: Laplace(x[..., 0], x[..., 1].exp())),
    "gumbel": (2, lambda x: Gumbel(x[..., 0], x[..., 1].exp())),
    "student t": (2, lambda x: StudentT(torch.tensor(4.0), x[..., 0], x[..., 1].exp())),
    "learned df": (3, lambda x: StudentT(2 + x[..., 2].exp(), x[..., 0], x[..., 1].exp())),
    "log-normal": (2, lambda x: LogNormal(x[..., 0], (x[..., 1] / 2 - 1).exp())),
    "exponential": (1, lambda x: Exponential(x[..., 0].exp())),
    "half normal": (1, lambda x: HalfNormal(x[..., 0].exp())),
    "gamma": (2, lambda x: Gamma((1 + x[..., 0]).exp(), x[..., 1].exp())),
    "beta": (2, lambda x: Beta((1 + x[..., 0]).exp(), (1 + x[..., 1]).exp())),
    "poisson": (1, lambda x: Poisson(x[..., 0].exp())),
    "geometric": (1, lambda x: Geometric(logits=x[..., 0])),
    "binomial": (1, lambda x: Binomial(torch.tensor(9.0), logits=x[..., 0])),
    "negative binomial": (
        2,
        lambda x: NegativeBinomial((1 + x[..., 0]).exp(), logits=x[..., 1]),
    ),
    "one-hot": (4, lambda x: OneHotCategorical(logits=2 * x)),
    "mixture of normals": (
        6,
        lambda x: MixtureSameFamily(
            Categorical(logits=x[..., :2]), Normal(x[..., 2:4], x[..., 4:].exp())
        ),
    ),
    "dirac": (1, lambda x: lt.Dirac(x[..., 0])),
}
DISTANCES = {
    lt.Wasserstein1: "wasserstein1",
    lt.Wasserstein2: "wasserstein2_residuals",
    lt.FisherRao: "fisher_rao_residuals",
}


def make_decoder(name: str) -> Callable[[Tensor], Distribution]:
    numbers, make = FAMILIES[name]
    generator = torch.Generator().manual_seed(3)
    inner = torch.randn(2, 16, generator=generator) / 2
    variables = OTHERS.get(name, VARIABLES)
    outer = torch.randn(16, variables * numbers, generator=generator) / 6

    def decoder(z: Tensor) -> Distribution:
        return make(((z @ inner).tanh() @ outer).unflatten(-1, (variables, numbers)))

    return decoder


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", DISTANCES, ids=[kind.__name__ for kind in DISTANCES])
def test_geodesics_converge_where_the_family_has_the_distance(kind, name):
    decoder = make_decoder(name)
    z0, z1 = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(4))
    geometry = kind(decoder)
    method = DISTANCES[kind]
    known = getattr(type(family_of(factors(decoder(z0)))), method) is not getattr(Family, method)
    if not known:
        with pytest.raises(TypeError, match="is not supported, only that of"):
            geometry.distance(z0, z1)
        return
    if name == "learned df" and kind is not lt.Wasserstein1:
        with pytest.raises(ValueError, match="same degrees of freedom"):
            geometry.distance(z0, z1)
        return
    if name == "negative binomial" and kind is lt.FisherRao:
        with pytest.raises(ValueError, match="known for one dispersion"):
            geometry.distance(z0, z1)
        return
    paths = lt.connecting_geodesics(geometry, z0, z1)
    assert paths.converged.all()
    assert torch.isfinite(paths.length).all()
    if kind is not lt.FisherRao or geometry.decode(z0).family.fisher_rao_is_distance:
        assert (paths.length >= geometry.distance(z0, z1) * (1 - 1e-4)).all()
