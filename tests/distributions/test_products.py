"""Decoders of several distributions at once, multivariate normals, and what is refused by name."""

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Cauchy,
    HalfCauchy,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    Poisson,
    VonMises,
)

import latent_transport as lt
from tests.problems import DOUBLE, make_network

PARTS = {name: make_network(name, variables=5) for name in ("normal", "bernoulli", "categorical")}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def as_dict(z):
    return {name: decoder(z) for name, decoder in PARTS.items()}


def as_tuple(z):
    return tuple(Independent(part, 1) for part in as_dict(z).values())


def as_list(z):
    return list(as_dict(z).values())


def as_nest(z):
    first, second, third = as_list(z)
    return {"data": (first, [second]), "label": third}


DECODERS = {"dict": as_dict, "tuple": as_tuple, "list": as_list, "nest": as_nest}
every_decoder = pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)


@every_decoder
@pytest.mark.parametrize("kind", [lt.Wasserstein1, lt.FisherRao, lt.Euclidean])
def test_squares_of_the_parts_add_up(decoder, kind):
    z0, z1 = draw(4, 2), draw(4, 2, seed=1)
    parts = [kind(part) for part in PARTS.values()]
    geometry = kind(decoder)
    for measure in (
        lambda x: x.distance(z0, z1),
        lambda x: x.norm(z0, z1),
        lambda x: x.lower_bound(z0, z1),
    ):
        expected = sum(measure(part).square() for part in parts).sqrt()
        torch.testing.assert_close(measure(geometry), expected)
    tensor = sum(part.tensor(z0, z1) for part in parts)
    torch.testing.assert_close(geometry.tensor(z0, z1), tensor)


def test_wasserstein2_of_a_product_wants_it_of_every_part():
    z0, z1 = draw(4, 2), draw(4, 2, seed=1)
    normals = lt.Wasserstein2(lambda z: (PARTS["normal"](z), Normal(z, 1.0)))
    expected = lt.Wasserstein2(PARTS["normal"]).distance(z0, z1).square()
    expected = expected + (z0 - z1).square().sum(-1)
    torch.testing.assert_close(normals.distance(z0, z1).square(), expected)
    with pytest.raises(TypeError, match="Wasserstein-2 distance of Bernoulli"):
        lt.Wasserstein2(as_dict).distance(z0, z1)


def test_geodesics_of_a_product():
    decoder, z0, z1 = as_dict, draw(4, 2) / 2, draw(4, 2, seed=1) / 2
    many = make_network("categorical", variables=60)
    for kind in (lt.Wasserstein1, lt.FisherRao):
        geometry = kind(lambda z: decoder(z) | {"categorical": many(z)})
        paths = lt.connecting_geodesics(geometry, z0, z1)
        assert paths.converged.all()


def test_a_ground_distance_is_for_the_parts_that_have_classes():
    z0, z1 = draw(4, 2), draw(4, 2, seed=1)
    found = lt.Wasserstein1(as_dict, ground="discrete").distance(z0, z1).square()
    first = lt.Wasserstein1(lambda z: as_tuple(z)[:2]).distance(z0, z1).square()
    second = lt.Wasserstein1(PARTS["categorical"], ground="discrete").distance(z0, z1).square()
    torch.testing.assert_close(found, first + second)
    with pytest.raises(TypeError, match="products of normal distributions and Bernoulli"):
        lt.Wasserstein1(lambda z: as_tuple(z)[:2], ground="discrete").distance(z0, z1)


def test_distances_of_tuples():
    p, q = as_tuple(draw(3, 2)), as_tuple(draw(3, 2, seed=1))
    found = lt.wasserstein1(p, q)
    expected = torch.cat([lt.wasserstein1(*pair) for pair in zip(p, q, strict=True)], -1)
    torch.testing.assert_close(found, expected)
    assert found.shape == (3, 15)
    with pytest.raises(TypeError, match="different families"):
        lt.wasserstein1(p, q[::-1])
    assert lt.wasserstein1(p[:1], q[:1]).shape == (3, 5)


def test_distributions_of_a_dict_are_told_by_their_names():
    first, second = (Normal(draw(3, 2, seed=seed), 1.0) for seed in (2, 3))
    p, q = {"x": first, "y": second}, {"y": second, "x": first}
    assert (lt.wasserstein1(p, q) == 0).all()
    with pytest.raises(ValueError, match=r"p has distributions of the names \['x', 'y'\], q of"):
        lt.wasserstein1(p, {"x": first, "z": second})


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda z: {"image": Normal(z, 1.0), "of": "x"}, r"returns a dict of \(Normal, str\); ex"),
        (lambda z: (z, z), r"returns a tuple of \(Tensor, Tensor\); expected distributions alone"),
        (lambda z: {"x": Normal(z, 1.0), "y": None}, r"dict of \(Normal, NoneType\)"),
        (lambda z: [], r"returns a list of \(\)"),
    ],
)
def test_what_else_decoders_return_together_is_refused(output, message):
    with pytest.raises(TypeError, match=message):
        lt.Wasserstein1(output).distance(draw(1, 2), draw(1, 2))


def test_parts_of_other_points_are_refused():
    with pytest.raises(ValueError, match=r"batch shapes \[\(4, 2\), \(1, 2\)\]"):
        lt.Wasserstein1(lambda z: (Normal(z, 1.0), Normal(z[:1], 1.0))).decode(draw(4, 2))


def test_invalid_parameters_of_a_part_are_named():
    decoder = lambda z: (Normal(z, 1.0), Poisson(-z.exp()))  # noqa: E731
    with pytest.raises(ValueError, match=r"not valid.*rate"):
        lt.connecting_geodesics(lt.Wasserstein1(decoder), draw(1, 2), draw(1, 2, seed=1))


# --- Multivariate normals ---


def test_independent_variables_of_multivariate_normals_are_normals():
    mean, scale = draw(2, 3, 4), draw(2, 3, 4, seed=1).exp()
    factors = Normal(mean, scale)
    diagonal = MultivariateNormal(mean, scale_tril=torch.diag_embed(scale))
    low_rank = LowRankMultivariateNormal(mean, torch.zeros(2, 3, 4, 1, **DOUBLE), scale.square())
    other = Normal(draw(4, seed=2), 1.0)
    expected = lt.wasserstein1(factors, other)
    for law in (diagonal, low_rank):
        torch.testing.assert_close(lt.wasserstein1(law, other), expected)


def test_dependent_variables_are_refused_with_the_reason():
    tril = torch.tensor([[1.0, 0.0], [0.5, 1.0]])
    z = torch.zeros(1, 2)
    for law in (
        lambda z: MultivariateNormal(z, scale_tril=tril),
        lambda z: LowRankMultivariateNormal(z, torch.ones(2, 1), torch.ones(2)),
    ):
        with pytest.raises(TypeError, match="depend on each other, and no closed form"):
            lt.Wasserstein1(law).distance(z, z + 1)


# --- A clear no ---


@pytest.mark.parametrize(
    ("law", "reason"),
    [
        (Cauchy(torch.zeros(2), 1.0), "no mean"),
        (HalfCauchy(torch.ones(2)), "no mean"),
        (VonMises(torch.zeros(2), torch.ones(2)), "on a circle"),
    ],
)
def test_distributions_without_a_distance_are_refused_with_the_reason(law, reason):
    with pytest.raises(TypeError, match=f"for a {type(law).__name__}: .*{reason}"):
        lt.wasserstein1(law, law)


def test_parts_of_fewer_coordinates_are_filled_up():
    classes = draw(7)

    def decoder(z):
        return Categorical(logits=z[..., None] * classes), Bernoulli(0.5 + 0 * z)

    assert lt.Wasserstein1(decoder).decode(draw(4, 2)).coordinates.shape == (4, 7, 4)


def test_parts_of_a_decoder_have_shapes_of_their_own():
    generator = torch.Generator().manual_seed(0)
    weight, other = (torch.randn(2, n, generator=generator, **DOUBLE) for n in (48, 5))

    def draw(z):
        image = (z @ weight).unflatten(-1, (3, 4, 4))
        return {
            "image": Independent(Normal(image, 1.0), 3),
            "label": Categorical(logits=z @ other),
            "level": Normal(z.sum(-1), 2.0),
        }

    def flatten(z):
        label = Categorical(logits=(z @ other)[:, None])
        return Normal(z @ weight, 1.0), label, Normal(z.sum(-1, keepdim=True), 2.0)

    z0, z1 = torch.randn(2, 6, 2, generator=generator, **DOUBLE)
    shaped, flat = lt.Wasserstein1(draw), lt.Wasserstein1(flatten)
    for measure in ("distance", "norm"):
        found, expected = (getattr(geometry, measure)(z0, z1) for geometry in (shaped, flat))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    paths, expected = (lt.connecting_geodesics(geometry, z0, z1) for geometry in (shaped, flat))
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, expected.length, rtol=1e-9, atol=0)
    assert shaped.decode(z0).coordinates.shape == (6, 5, 50)


def test_one_variable_needs_no_dimension():
    def class_alone(z):
        return Categorical(logits=z @ torch.eye(2, 3).to(z))

    z0, z1 = torch.randn(2, 7, 2, generator=torch.Generator().manual_seed(0), **DOUBLE)
    for geometry in (lt.Wasserstein1, lt.FisherRao):
        found = geometry(class_alone).distance(z0, z1)
        expected = geometry(lambda z: Categorical(logits=class_alone(z).logits[:, None]))
        torch.testing.assert_close(found, expected.distance(z0, z1))


def test_parts_of_another_number_of_points_are_named():
    geometry = lt.Wasserstein1(lambda z: (Normal(z, 1.0), Normal(z.sum(), 1.0).expand((1, 3))))
    with pytest.raises(ValueError, match=r"\[\(2, 2\), \(1, 3\)\]; expected \(2, '...'\) of each"):
        geometry.decode(torch.zeros(2, 2, **DOUBLE))
