"""Shapes: decoders of images, and latents that are not flat, measure as flat ones do."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, Normal

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geometries.combined import Combined
from latent_transport.geometries.conformal import Conformal
from latent_transport.geometries.measures import decode_along
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.subspaces import Subspace
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE

GEOMETRIES = [Wasserstein1, Wasserstein2, Euclidean, FisherRao]
SHAPE = (2, 2, 3)  # of a latent: 12 coordinates


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def make_images(channels, *, seed=0):
    """Convolutional layers from (M, 2) to (M, channels, 4, 4)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(2, 12),
            nn.Unflatten(1, (3, 2, 2)),
            nn.Tanh(),
            nn.ConvTranspose2d(3, channels, 3, stride=2, padding=1, output_padding=1),
        ).double()


def split(h):
    """Parameters of 3 channels from 6: (M, 3, 4, 4) twice."""
    return h[:, :3], h[:, 3:]


def make_logistic(h):
    loc, scale = (x.unsqueeze(-1) for x in split(h))  # (M, 3, 4, 4, 1)
    return DiscretizedLogisticMixture(0 * loc, 128 + 50 * loc, 8 * scale.exp())


HEADS = {
    "normal": lambda h: Normal(h[:, :3], h[:, 3:].exp()),
    "independent": lambda h: Independent(Normal(h[:, :3], h[:, 3:].exp()), 3),
    "half independent": lambda h: Independent(Normal(h[:, :3], h[:, 3:].exp()), 1),
    "bernoulli": lambda h: Independent(Bernoulli(logits=h), 3),
    "categorical": lambda h: Categorical(logits=h.movedim(1, -1)),
    "logistic": make_logistic,
    "tensor": lambda h: h,
}
FLAT = {
    "normal": lambda h: Normal(h[:, :3].flatten(1), h[:, 3:].exp().flatten(1)),
    "bernoulli": lambda h: Bernoulli(logits=h.flatten(1)),
    "categorical": lambda h: Categorical(logits=h.movedim(1, -1).flatten(1, -2)),
    "logistic": lambda h: make_logistic(h.flatten(2)[..., None]),
    "tensor": lambda h: h.flatten(1),
}
FLAT |= {"independent": FLAT["normal"], "half independent": FLAT["normal"]}
REFUSED = {
    (Wasserstein2, "bernoulli"),
    (Wasserstein2, "categorical"),
    (FisherRao, "tensor"),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_images_measure_as_flat_ones(geometry, head):
    if (geometry, head) in REFUSED:
        pytest.skip("not known for the family")
    layers = make_images(6)
    images = geometry(lambda z: HEADS[head](layers(z)))
    flat = geometry(lambda z: FLAT[head](layers(z)))
    z, v, curves = draw(3, 2), draw(3, 2, seed=1), draw(2, 5, 2, seed=2)
    order = images.decode(curves).coordinates
    assert order.shape[:2] == (2, 5)
    for found, expected in (
        (images.distance(z, v), flat.distance(z, v)),
        (images.norm(z, v), flat.norm(z, v)),
        (images.tensor(z, v), flat.tensor(z, v)),
        (images.curve_energy(curves), flat.curve_energy(curves)),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("head", ["independent", "bernoulli", "categorical", "tensor"])
def test_geodesics_of_images_are_those_of_flat_ones(head):
    layers = make_images(6)
    z0, z1 = draw(4, 2), draw(4, 2, seed=1)
    found = connecting_geodesics(Wasserstein1(lambda z: HEADS[head](layers(z))), z0, z1)
    expected = connecting_geodesics(Wasserstein1(lambda z: FLAT[head](layers(z))), z0, z1)
    assert torch.equal(found.converged, expected.converged)
    assert found.converged.sum() >= 3  # the kinks of a categorical's W1 may hold one up
    torch.testing.assert_close(found.length, expected.length, rtol=1e-6, atol=0)


def test_means_along_curves_are_flat():
    layers, curves = make_images(3), draw(2, 5, 2)
    parameters = torch.tensor([[0.0, 1.0]], **DOUBLE).expand(2, -1)
    found = decode_along(lambda z: Normal(layers(z), 1.0), curves, parameters)
    torch.testing.assert_close(found, layers(curves[:, [0, -1]].flatten(0, 1)).view(2, 2, 48))


def make_latents(*, shape=SHAPE, seed=0):
    """A convolutional decoder of latents (M, 2, 2, 3)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Sequential(
            nn.Conv2d(shape[0], 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 2, 3, padding=1)
        ).double()

    def decoder(z):
        assert z.shape[1:] == shape
        return Normal(layers(z), 0.5)

    return decoder


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_latents_that_are_not_flat(geometry):
    decoder = make_latents()
    found = geometry(decoder, latent_shape=SHAPE)
    expected = geometry(lambda z: decoder(z.view(-1, *SHAPE)))
    z0, z1 = draw(3, 12), draw(3, 12, seed=1)
    assert torch.equal(found.tensor(z0, z1), expected.tensor(z0, z1))
    paths, others = (connecting_geodesics(x, z0, z1) for x in (found, expected))
    assert paths.converged.all()
    assert paths(torch.linspace(0, 1, 5)).shape == (3, 5, 12)
    torch.testing.assert_close(paths.length, others.length)
    no_points = found.decode(draw(0, 12))
    assert no_points.coordinates.shape[0] == 0


def test_wrappers_keep_the_latent_shape():
    decoder, z, v = make_latents(), draw(3, 12), draw(3, 12, seed=1)
    first, second = (g(decoder, latent_shape=SHAPE) for g in (Wasserstein1, Euclidean))
    both = Combined([first, second])
    assert both.decode(z).variables == 12  # decoded once
    expected = (first.norm(z, v).square() + second.norm(z, v).square()).sqrt()
    torch.testing.assert_close(both.norm(z, v), expected)
    weighted = Conformal(first, lambda z: -z.square().sum(-1), 0.0)
    torch.testing.assert_close(weighted.norm(z, v), first.norm(z, v))
    plane = Subspace([0, 5], z[0])
    inside = Wasserstein1(plane.restrict(first.decoder))
    torch.testing.assert_close(inside.distance(z[:, [0, 5]], z[:1, [0, 5]])[0], z.new_zeros(()))


def test_a_latent_of_the_size_that_diffusers_have():
    shape = (4, 8, 8)
    geometry = Wasserstein1(make_latents(shape=shape), latent_shape=shape)
    z0, z1 = draw(2, *shape), draw(2, *shape, seed=1)
    paths = connecting_geodesics(geometry, z0.flatten(1), z1.flatten(1))
    assert paths.converged.all()
    assert paths.length.ge(geometry.distance(z0.flatten(1), z1.flatten(1)) * 0.999).all()
    with pytest.raises(ValueError, match=r"z0 has shape \(2, 4, 8, 8\).*z0.flatten\(1\)"):
        connecting_geodesics(geometry, z0, z1)


def test_bad_shapes_are_named():
    for shape in (256, (), (4, 0), (4, 2.0), "ab", (True, 2)):
        with pytest.raises(ValueError, match=r"latent_shape is .*such as \(4, 8, 8\)"):
            Wasserstein2(make_latents(), latent_shape=shape)
    geometry = Euclidean(make_latents(), latent_shape=SHAPE)
    with pytest.raises(ValueError, match=r"11 coordinates.*flat points \(..., 12\)"):
        geometry.decode(draw(3, 11))
    with pytest.raises(ValueError, match=r"z.flatten\(-3\) flattens latents \(..., 2, 2, 3\)"):
        geometry.norm(draw(3, *SHAPE), draw(3, *SHAPE))
    with pytest.raises(TypeError, match="decoder is a Tensor; expected a callable"):
        Wasserstein1(draw(3))
