"""Families found for distributions, known ones and a user's own."""

import pytest
import torch
from torch.distributions import Chi2, Gamma, MultivariateNormal, Normal, Poisson

import latent_transport as lt
from latent_transport.distributions import registry
from latent_transport.distributions.registry import factors, family_of
from tests.problems import DOUBLE


class ShapedGamma(lt.OrderedFamily):
    """Gamma distributions of one shape."""

    plural = "gamma distributions of one shape"

    def coordinates(self, distribution):
        return distribution.mean.unsqueeze(-2)


@pytest.fixture
def known(monkeypatch):
    """A registry that forgets what a test registers."""
    monkeypatch.setattr(registry, "_FAMILIES", dict(registry._FAMILIES))


class MyNormal(Normal):
    """As other packages have their own."""


def test_subclasses_belong_to_the_family_of_their_class():
    mine, torchs = MyNormal(torch.zeros(2), 1.0), Normal(torch.ones(2), 2.0)
    assert family_of(mine) is family_of(torchs)
    torch.testing.assert_close(
        lt.wasserstein1(mine, torchs), lt.wasserstein1(Normal(torch.zeros(2), 1.0), torchs)
    )


def test_a_family_of_ones_own_is_solved_like_the_others(known):
    lt.register_family(Gamma, ShapedGamma())
    geometry = lt.Wasserstein1(lambda z: Gamma(2.0 * torch.ones_like(z), (-z).exp()))
    z0, z1 = torch.zeros(1, 2, **DOUBLE), torch.tensor([[1.0, -0.5]], **DOUBLE)
    paths = lt.connecting_geodesics(geometry, z0, z1)
    assert paths.converged.all()
    # In the means, 2 exp(z), the metric is Euclidean.
    expected = (2 * z1.exp() - 2 * z0.exp()).norm(dim=-1)
    torch.testing.assert_close(paths.length, expected, rtol=1e-4, atol=0)
    assert isinstance(family_of(Chi2(torch.ones(1))), ShapedGamma)


def test_what_is_registered_last_holds(known):
    class Doubled(lt.OrderedFamily):
        plural = "doubled Poisson distributions"

        def coordinates(self, distribution):
            return 2 * distribution.rate.unsqueeze(-2)

    lt.register_family(Poisson, Doubled())
    assert lt.wasserstein1(Poisson(torch.tensor([1.0])), Poisson(torch.tensor([4.0]))) == 6


def test_what_is_no_class_or_no_family_is_refused():
    with pytest.raises(TypeError, match="expected a class of torch distributions"):
        lt.register_family(int, ShapedGamma())
    with pytest.raises(TypeError, match="expected a class of torch distributions"):
        lt.register_family(Normal(0.0, 1.0), ShapedGamma())
    with pytest.raises(TypeError, match="expected an instance of a subclass of Family"):
        lt.register_family(Gamma, ShapedGamma)


def test_a_family_without_a_name_is_refused():
    class Nameless(lt.OrderedFamily):
        def coordinates(self, distribution):
            return distribution.mean.unsqueeze(-2)

    with pytest.raises(TypeError, match=r'Nameless has no plural; .* = "Gamma distributions"'):
        lt.register_family(Gamma, Nameless())


def test_coordinates_of_another_shape_are_named(known):
    class Flat(ShapedGamma):
        def coordinates(self, distribution):
            return distribution.mean

    lt.register_family(Gamma, Flat())
    geometry = lt.Wasserstein1(lambda z: Gamma(2.0, z.exp()))
    with pytest.raises(ValueError, match=r"Flat\.coordinates maps a Gamma .* expected \(1, C, 2\)"):
        geometry.distance(*torch.randn(2, 3, 2))


def test_a_family_of_ones_own_for_a_kind_of_multivariate_normals_is_asked(known):
    class Mine(MultivariateNormal):
        pass

    class MineFamily(lt.OrderedFamily):
        plural = "normals of mine"

        def coordinates(self, distribution):
            return distribution.loc.unsqueeze(-2)

    lt.register_family(Mine, MineFamily())
    law = Mine(torch.zeros(3), torch.eye(3))
    assert factors(law) is law
    assert isinstance(factors(MultivariateNormal(torch.zeros(3), torch.eye(3))), Normal)
