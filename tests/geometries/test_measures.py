"""Images along curves at equal steps of length."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical, Independent, Normal

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.distributions.registry import distribution_mean
from latent_transport.geometries.measures import decode_along, equal_length_parameters
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import Architecture, Decoder

torch.set_num_threads(1)

PROPERTY = settings(deadline=None, derandomize=True, max_examples=40)
DOUBLE = {"dtype": torch.float64}


def accelerating(z):
    """Decoder of a line (..., 1) whose length from 0 to z is exp(2 z) - 1."""
    return Normal(torch.exp(2 * z), 1.0)


def make_walks(seed: int, curves: int = 3, corners: int = 9, dims: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(curves, corners, dims, generator=generator, **DOUBLE)


def make_plane() -> Wasserstein1:
    """Geometry that measures a plane as Euclid would: W1 of translated normals."""
    return Wasserstein1(lambda z: Normal(z, 0.5))


@pytest.mark.parametrize("corners", [65, 257])
def test_steps_on_a_known_decoder_are_equal(corners):
    points = torch.linspace(0, 1, corners, **DOUBLE).view(1, -1, 1)
    fractions = torch.linspace(0, 1, 11, **DOUBLE)
    found = equal_length_parameters(Wasserstein1(accelerating), points, fractions)
    total = torch.exp(torch.tensor(2.0, **DOUBLE)) - 1
    expected = torch.log(1 + fractions * total) / 2
    # Within a segment the length is taken as linear: an error of second order.
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1.0 / corners**2)
    images = decode_along(accelerating, points, found)  # (1, T, 1)
    torch.testing.assert_close(
        images.diff(dim=1), (total / 10).expand(1, 10, 1), rtol=6 / corners**1.5, atol=0
    )


@PROPERTY
@given(seed=st.integers(0, 1000), steps=st.integers(1, 20))
def test_parameters_rise_from_zero_to_one(seed, steps):
    fractions = torch.linspace(0, 1, steps + 1, **DOUBLE)
    found = equal_length_parameters(make_plane(), make_walks(seed), fractions)
    assert found.shape == (3, steps + 1)
    torch.testing.assert_close(found[:, 0], torch.zeros(3, **DOUBLE))
    torch.testing.assert_close(found[:, -1], torch.ones(3, **DOUBLE))
    assert (found.diff() > 0).all()


@PROPERTY
@given(seed=st.integers(0, 1000))
def test_length_up_to_each_parameter_is_the_fraction_asked_for(seed):
    points, fractions = make_walks(seed, curves=1), torch.tensor([0.1, 0.35, 0.5, 0.9], **DOUBLE)
    found = equal_length_parameters(make_plane(), points, fractions)
    total = points.diff(dim=1).norm(dim=-1).sum()
    for fraction, parameter in zip(fractions, found[0], strict=True):
        position = parameter * (points.shape[1] - 1)
        before = int(position)
        end = torch.lerp(points[0, before], points[0, before + 1], position - before)
        run = torch.cat((points[0, : before + 1], end[None])).diff(dim=0).norm(dim=-1).sum()
        torch.testing.assert_close(run, fraction * total)


def test_constant_speed_gives_the_fractions_back():
    points = torch.linspace(-1, 2, 33, **DOUBLE).view(1, -1, 1).expand(2, -1, 2)
    fractions = torch.tensor([0.0, 0.123, 0.5, 1.0], **DOUBLE)
    found = equal_length_parameters(make_plane(), points, fractions)
    torch.testing.assert_close(found, fractions.expand(2, -1))


def test_a_curve_may_stand_still_for_a_while():
    points = torch.tensor([0.0, 1, 1, 1, 2], **DOUBLE).view(1, -1, 1)
    fractions = torch.tensor([0.25, 0.75], **DOUBLE)
    found = equal_length_parameters(make_plane(), points, fractions)
    torch.testing.assert_close(found, torch.tensor([[0.125, 0.875]], **DOUBLE))


def test_a_curve_of_no_length_has_equally_spaced_parameters():
    walks, fractions = make_walks(0), torch.tensor([0.0, 0.2, 0.5, 1.0], **DOUBLE)
    still = walks[:1, :1].expand(1, 9, 2)
    found = equal_length_parameters(make_plane(), torch.cat((still, walks)), fractions)
    torch.testing.assert_close(found[0], fractions)
    torch.testing.assert_close(found[1:], equal_length_parameters(make_plane(), walks, fractions))
    images = decode_along(make_plane().decoder, still, found[:1])
    torch.testing.assert_close(images, still[:, :4])


def test_curves_of_a_batch_do_not_mix():
    walks, fractions = make_walks(0), torch.linspace(0, 1, 5, **DOUBLE)
    together = equal_length_parameters(make_plane(), walks, fractions)
    for walk, found in zip(walks, together, strict=True):
        alone = equal_length_parameters(make_plane(), walk[None], fractions)
        torch.testing.assert_close(alone[0], found)


def test_geometry_decides_what_equal_means():
    points = torch.linspace(0, 1, 129, **DOUBLE).view(1, -1, 1)
    half = torch.tensor([0.5], **DOUBLE)
    latent = equal_length_parameters(make_plane(), points, half)
    torch.testing.assert_close(latent, torch.full((1, 1), 0.5, **DOUBLE))
    assert equal_length_parameters(Wasserstein1(accelerating), points, half) > 0.7


# --- decode_along ---


def test_corners_are_decoded_as_they_are():
    walks = make_walks(1)
    corners = torch.linspace(0, 1, 9, **DOUBLE).expand(3, -1)
    decoder = make_plane().decoder
    torch.testing.assert_close(decode_along(decoder, walks, corners), walks)


@PROPERTY
@given(seed=st.integers(0, 1000), segment=st.integers(0, 7), weight=st.floats(0, 1))
def test_points_between_corners_are_on_the_segment(seed, segment, weight):
    walks = make_walks(seed)
    parameters = torch.full((3, 1), (segment + weight) / 8, **DOUBLE)
    found = decode_along(accelerating, walks, parameters)
    z = (1 - weight) * walks[:, segment] + weight * walks[:, segment + 1]
    torch.testing.assert_close(found[:, 0], torch.exp(2 * z))


@pytest.mark.parametrize("components", [1, 5])
def test_images_are_the_means_with_the_pixels_last(components):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder = Decoder(
            Architecture(latent_dim=2, data_dim=12, hidden=(8,), components=components)
        ).double()
    corners = torch.arange(4, **DOUBLE).expand(3, 4) / 8
    images = decode_along(decoder, make_walks(0), corners)
    torch.testing.assert_close(images, decoder(make_walks(0)[:, :4]).mean)
    assert images.shape == (3, 4, 12)
    assert ((images >= 0) & (images <= 255)).all()


def test_arguments_are_left_as_they_are():
    walks, fractions = make_walks(0), torch.linspace(0, 1, 5, **DOUBLE)
    copies = walks.clone(), fractions.clone()
    parameters = equal_length_parameters(make_plane(), walks, fractions)
    decode_along(accelerating, walks, parameters)
    assert torch.equal(walks, copies[0])
    assert torch.equal(fractions, copies[1])


# --- distribution_mean ---


def make_logistics(components: int, dtype: torch.dtype) -> DiscretizedLogisticMixture:
    """Within the grey levels, at their ends and beyond; narrow and wide."""
    generator = torch.Generator().manual_seed(components)
    loc = 355 * torch.rand(50, 20, components, generator=generator, dtype=torch.float64) - 50
    power = torch.rand(50, 20, components, generator=generator, dtype=torch.float64)
    logits = torch.randn(50, 20, components, generator=generator, dtype=torch.float64)
    scale = 0.05 * 2000**power  # 0.05..100 levels
    return DiscretizedLogisticMixture(logits.to(dtype), loc.to(dtype), scale.to(dtype))


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-5), (torch.float32, 1e-3)])
@pytest.mark.parametrize("components", [1, 3])
def test_closed_form_is_the_mean_of_discretised_logistics(components, dtype, error):
    found = distribution_mean(make_logistics(components, dtype))
    assert found.dtype == dtype
    expected = make_logistics(components, torch.float64).mean
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=error)


@pytest.mark.parametrize(
    "distribution",
    [
        Normal(torch.linspace(-3, 3, 12).view(3, 4), 2.0),
        Bernoulli(torch.linspace(0, 1, 12).view(3, 4)),
        Independent(Normal(torch.linspace(-3, 3, 12).view(3, 4), 0.1), 1),
    ],
)
def test_closed_form_is_the_mean_of_other_families(distribution):
    torch.testing.assert_close(distribution_mean(distribution), distribution.mean)


def test_the_mean_of_a_categorical_is_that_of_its_values():
    probs = torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(
        distribution_mean(Categorical(probs=probs)), torch.tensor([0.75, 2.0])
    )


def test_the_mean_of_an_unknown_family_is_refused():
    with pytest.raises(TypeError, match="VonMises"):
        distribution_mean(torch.distributions.VonMises(torch.zeros(3), torch.ones(3)))
