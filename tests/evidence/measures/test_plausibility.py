"""Plausibility: each measure against its definition, or against a model that is known exactly."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import entropy as scipy_entropy
from torch import nn
from torch.distributions import Categorical, Normal

from latent_transport.evidence.measures import plausibility
from latent_transport.evidence.measures.classifiers import Classifier
from latent_transport.evidence.measures.detours import measure_detours
from latent_transport.evidence.measures.plausibility import (
    Judge,
    extract_features,
    grey_share,
    importance_weighted_log_likelihood,
    measure_classification,
    nearest_distances,
    pixel_entropy,
)
from latent_transport.geometries.measures import equal_length_parameters, points_along
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import VAE, Architecture

torch.set_num_threads(1)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def draw_images(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator).float()


def make_vae(latent_dim=1, data_dim=4, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = VAE(Architecture(latent_dim=latent_dim, data_dim=data_dim, hidden=(8,)))
    return vae.double().eval().requires_grad_(False)


# --- The classifier's view ---


def test_measures_of_known_probabilities():
    # The image holds the class probabilities: the classifier reads them off.
    table = torch.tensor([[[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.4, 0.5, 0.1], [0.8, 0.1, 0.1]]])
    steady = torch.tensor([[[1 / 3, 1 / 3, 1 / 3]]]).expand(1, 4, 3)
    found = measure_classification(torch.log, torch.cat((table, steady)).double())
    torch.testing.assert_close(
        found["confidence"], torch.tensor([2.6 / 4, 1 / 3], dtype=torch.float64), rtol=0, atol=1e-6
    )
    assert found["least_confidence"].tolist() == pytest.approx([0.5, 1 / 3])
    entropies = scipy_entropy(table[0].numpy(), axis=1).mean()
    assert found["entropy"].tolist() == pytest.approx([entropies, math.log(3)])
    assert found["label_switches"].tolist() == [2, 0]


def test_a_certain_classifier_has_no_entropy():
    logits = torch.tensor([[[1e4, 0.0, -1e4]]])
    found = measure_classification(nn.Identity(), logits)
    assert found["entropy"].tolist() == [0]
    assert found["confidence"].tolist() == [1]


def test_paths_are_kept_apart_whatever_the_batches(monkeypatch):
    classifier = Classifier().eval()
    images = draw_images(3, 5, 784)
    whole = measure_classification(classifier, images)
    monkeypatch.setattr(plausibility, "IMAGES_AT_ONCE", 4)
    for name, values in measure_classification(classifier, images).items():
        torch.testing.assert_close(values, whole[name])
    alone = measure_classification(classifier, images[1:2])
    for name, values in alone.items():
        torch.testing.assert_close(values[0], whole[name][1])


# --- The nearest training image ---


def test_nearest_distances_are_scipys(monkeypatch):
    queries, references = draw(11, 6), draw(40, 6, seed=1)
    expected = cdist(queries.numpy(), references.numpy()).min(1)
    monkeypatch.setattr(plausibility, "IMAGES_AT_ONCE", 4)
    np.testing.assert_allclose(nearest_distances(queries, references), expected)
    # A reference itself has distance zero, but for the rounding of |a|^2 + |b|^2 - 2ab.
    assert nearest_distances(references, references).max() < 1e-6


def test_features_come_in_the_order_of_the_images(monkeypatch):
    classifier, images = Classifier().eval(), draw_images(9, 784)
    monkeypatch.setattr(plausibility, "IMAGES_AT_ONCE", 4)
    torch.testing.assert_close(extract_features(classifier, images), classifier.features(images))


# --- The likelihood ---


def sample_images(vae, count, seed=0):
    """Images that the model itself makes, so that its weights do not scatter too much."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, vae.architecture.latent_dim, generator=generator, dtype=torch.float64)
    return vae.decoder(z).sample(generator=generator)


def test_many_samples_find_the_likelihood():
    vae = make_vae()
    images = sample_images(vae, 6)
    grid = torch.linspace(-9, 9, 20_001, dtype=torch.float64)  # the one latent dimension
    joint = vae.decoder(grid[:, None, None]).log_prob(images).sum(-1)  # (grid, 6)
    joint = joint + Normal(0.0, 1.0).log_prob(grid)[:, None]
    expected = torch.trapezoid(joint.exp(), grid, dim=0).log()  # log p(x) by quadrature
    found = importance_weighted_log_likelihood(
        vae, images, samples=20_000, generator=torch.Generator().manual_seed(0)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=0.03)


def test_one_sample_is_the_elbo_on_average_and_more_are_a_tighter_bound():
    vae = make_vae(latent_dim=3, data_dim=6)
    images = sample_images(vae, 1).expand(4000, 6)
    generator = torch.Generator().manual_seed(0)
    means = {}
    for samples in (1, 5, 50):
        means[samples] = importance_weighted_log_likelihood(
            vae, images, samples=samples, generator=generator
        ).mean()
    reconstruction, kl = vae.elbo_terms(images, generator)
    elbo = reconstruction - kl  # (4000,)
    error = float((2 * elbo.var() / len(elbo)).sqrt())  # of the difference of two means
    assert means[1] == pytest.approx(float(elbo.mean()), abs=4 * error)
    assert means[1] + 4 * error < means[5] < means[50]


def test_noise_depends_on_the_generator_alone(monkeypatch):
    vae, images = make_vae(), draw_images(8, 4)

    def estimate(images, seed):
        generator = torch.Generator().manual_seed(seed)
        return importance_weighted_log_likelihood(vae, images, samples=3, generator=generator)

    assert torch.equal(estimate(images, 1), estimate(images, 1))
    assert not torch.equal(estimate(images, 1), estimate(images, 2))
    # Another image in another row changes nothing.
    other = images.clone()
    other[2] = 255 - other[2]
    assert torch.equal(estimate(images, 1) == estimate(other, 1), torch.arange(8) != 2)


def test_levels_are_rounded():
    vae, images = make_vae(), draw_images(6, 4)
    shaken = images + 0.49 * (2 * torch.rand(6, 4, generator=torch.Generator().manual_seed(1)) - 1)

    def estimate(images):
        generator = torch.Generator().manual_seed(0)
        return importance_weighted_log_likelihood(vae, images, samples=4, generator=generator)

    assert torch.equal(estimate(shaken), estimate(images))


# --- Grey ---


@pytest.mark.parametrize(
    ("image", "share"),
    [([0, 255, 255], 0), ([127.5, 127.5], 0.5), ([0, 0], 0), ([51, 255], 0.2 * 0.8 / 1.2)],
)
def test_grey_share_of_known_images(image, share):
    assert grey_share(torch.tensor(image)).item() == pytest.approx(share)


# Nothing, or enough that fading leaves normal numbers.
LEVEL = st.just(0.0) | st.floats(2**-20, 255, width=32)


@settings(deadline=None, max_examples=60)
@given(st.lists(LEVEL, min_size=1, max_size=12), st.floats(0.1, 0.9))
def test_fading_makes_an_image_greyer(levels, fade):
    image = torch.tensor(levels)
    share = grey_share(image)
    assert 0 <= share <= 1
    assert grey_share(fade * image) >= share - 1e-5
    torch.testing.assert_close(grey_share(torch.cat((image, torch.zeros(5)))), share)


def test_a_cross_fade_is_greyer_than_its_ends():
    ends = torch.zeros(2, 100)
    ends[0, :30], ends[1, 20:60] = 255, 255
    assert grey_share(ends).tolist() == [0, 0]
    assert grey_share(ends.mean(0)) == pytest.approx((20 + 30) * 0.25 / (10 + 50 * 0.5))


# --- The decoder's entropy ---


def test_pixel_entropy_is_the_mean_of_the_closed_form(monkeypatch):
    monkeypatch.setattr(plausibility, "ENTROPIES_AT_ONCE", 4)
    points = draw(3, 5, 2)
    scale = points.exp()  # (3, 5, 2), a pixel a dimension
    found = pixel_entropy(lambda z: Normal(z, z.exp()), points)
    expected = (0.5 * math.log(2 * math.pi * math.e) + scale.log()).mean((1, 2))
    torch.testing.assert_close(found, expected)


def test_a_uniform_decoder_has_the_entropy_of_its_levels():
    def decoder(z):
        return Categorical(logits=torch.zeros(*z.shape[:-1], 7, 256))

    found = pixel_entropy(decoder, draw(2, 3, 2))
    assert found.tolist() == pytest.approx([math.log(256)] * 2)


def test_the_model_s_entropy_is_that_of_its_probabilities():
    vae, points = make_vae(latent_dim=2), draw(2, 3, 2)
    probabilities = vae.decoder(points).probs.numpy()
    expected = scipy_entropy(probabilities, axis=-1).mean((1, 2))
    np.testing.assert_allclose(pixel_entropy(vae.decoder, points), expected, rtol=1e-6)


# --- Points ---


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 9), st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 5))
def test_points_on_polylines_are_numpys(corners, parameters, seed):
    points = draw(2, corners, 3, seed=seed)
    at = torch.tensor(parameters, dtype=torch.float64).expand(2, -1)
    found = points_along(points, at)
    grid = np.linspace(0, 1, corners)
    for curve in range(2):
        for axis in range(3):
            expected = np.interp(at[curve], grid, points[curve, :, axis])
            np.testing.assert_allclose(found[curve, :, axis], expected, atol=1e-9)


# --- All together ---


@pytest.fixture
def judge():
    vae = make_vae(latent_dim=2, data_dim=784).float()
    classifier = Classifier().eval().requires_grad_(False)
    features = extract_features(classifier, draw_images(30, 784))
    other = make_vae(latent_dim=2, data_dim=784, seed=1).float()
    return Judge(vae.decoder, other, classifier, features, samples=3)


def test_the_judge_averages_along_each_path(judge):
    images = draw_images(2, 5, 784, seed=1)
    images[1, :, :700] = 0
    copy = images.clone()
    found = judge.measure(images, torch.Generator().manual_seed(0))
    assert list(found) == [
        *("confidence", "least_confidence", "entropy", "label_switches"),
        *("nearest_distance", "log_likelihood", "grey_share"),
    ]
    assert all(values.shape == (2,) for values in found.values())
    assert torch.equal(images, copy)
    torch.testing.assert_close(found["grey_share"], grey_share(images).mean(1))
    log_likelihood = importance_weighted_log_likelihood(
        judge.vae, images.flatten(0, 1), samples=3, generator=torch.Generator().manual_seed(0)
    )
    torch.testing.assert_close(
        found["log_likelihood"], log_likelihood.reshape(2, 5).mean(1) / 784 / math.log(2)
    )
    features = judge.classifier.features(images)  # (2, 5, F)
    distances = (features[:, :, None] - judge.references).norm(dim=-1).amin(-1)  # (2, 5)
    torch.testing.assert_close(found["nearest_distance"], distances.mean(1), rtol=1e-3, atol=1e-3)


def test_paths_are_judged_at_equal_steps_of_length_and_charged_for_detours(judge):
    points = draw(2, 9, 2, seed=3).float()
    fractions = torch.tensor([0.25, 0.5, 0.75])
    found = judge.measure_paths(points, fractions, torch.Generator().manual_seed(0))
    geometry = Wasserstein1(judge.decoder)
    torch.testing.assert_close(found["length"], geometry.curve_length(points))
    z = points_along(points, equal_length_parameters(geometry, points, fractions))
    there = judge.measure_points(z, torch.Generator().manual_seed(0))
    assert set(found) == {
        *there,
        "length",
        "latent_length",
        "largest_step",
        "retreat",
        "fade_distance",
    }
    for name, values in there.items():
        torch.testing.assert_close(found[name], values)
    images = judge.decoder(torch.cat((points[:, :1], z, points[:, -1:]), 1)).mean
    for name, values in measure_detours(images, judge.classifier.features(images)).items():
        torch.testing.assert_close(found[name], values)


def test_cross_fades_are_as_long_as_their_ends_are_apart(judge):
    ends, fractions = draw_images(3, 2, 784, seed=4), torch.tensor([0.2, 0.6])
    found = judge.measure_fades(ends, fractions, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found["length"], (ends[:, 1] - ends[:, 0]).norm(dim=-1))
    torch.testing.assert_close(found["fade_distance"], torch.zeros(3), rtol=0, atol=1e-4)
    inner = torch.stack([ends[:, 0].lerp(ends[:, 1], t) for t in (0.2, 0.6)], 1)
    expected = judge.measure(inner, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found["confidence"], expected["confidence"])
