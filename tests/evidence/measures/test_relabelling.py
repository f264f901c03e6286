"""Grey levels with other labels: lengths against linear programming, and what does not change."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from latent_transport.evidence.measures.relabelling import (
    euclidean_length,
    fisher_rao_length,
    make_pixel,
    shuffle_levels,
    wasserstein1_length,
)
from latent_transport.geometries.riemannian import Euclidean, FisherRao
from latent_transport.geometries.wasserstein1 import Wasserstein1

torch.set_num_threads(1)

ORDERS = [np.arange(256), np.arange(256)[::-1].copy(), shuffle_levels(), shuffle_levels(5)]
Z = torch.linspace(0.2, 0.7, 33, dtype=torch.float64)[None, :, None]


@pytest.mark.parametrize("order", ORDERS)
def test_lengths_are_those_of_the_geometries(order):
    pixel = make_pixel(order)
    for geometry, exact in (
        (Wasserstein1(pixel), wasserstein1_length(order, 0.2, 0.7)),
        (Euclidean(pixel), euclidean_length(order, 0.2, 0.7)),
        (FisherRao(pixel), fisher_rao_length(0.2, 0.7)),
    ):
        np.testing.assert_allclose(geometry.curve_length(Z).item(), exact, rtol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_wasserstein1_is_scipys(order):
    ends = make_pixel(order)(torch.tensor([[0.2], [0.7]], dtype=torch.float64)).probs[:, 0]
    levels = np.arange(256)
    expected = wasserstein_distance(levels, levels, *ends.numpy())
    np.testing.assert_allclose(wasserstein1_length(order, 0.2, 0.7), expected)


def test_reversed_levels_are_as_far_apart_as_before():
    lengths = [wasserstein1_length(order, 0, 1) for order in ORDERS]
    np.testing.assert_allclose(lengths[:2], 136)
    assert max(lengths[2:]) < 50
