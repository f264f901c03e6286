"""Images along paths: where on the path each is, and what fades into what."""

import numpy as np
import torch
from torch.distributions import Normal

from latent_transport.evidence.measures.strips import decode_strips, inner_fractions

torch.set_num_threads(1)


def decode(z):
    return Normal(torch.cat((z, z), -1), 1.0)


def test_fractions_leave_the_ends_out():
    torch.testing.assert_close(
        inner_fractions(3, torch.device("cpu")), torch.tensor([0.25, 0.5, 0.75])
    )


def test_strips_advance_by_equal_lengths_and_fades_by_equal_steps():
    t = torch.linspace(0, 1, 101)[:, None]
    # A straight path that is run through ever faster, and one over a corner.
    fast = torch.cat((t**2, 0 * t), -1)[None]
    corner = torch.cat(((2 * t).clamp(max=1), (2 * t - 1).clamp(min=0)), -1)[None]
    ends = np.array([[[0, 0, 100, 100], [100, 200, 0, 100]]], dtype=np.uint8)
    fractions = inner_fractions(3, torch.device("cpu"))
    found = decode_strips(decode, {"geodesic": fast, "corner": corner}, ends, fractions)
    assert set(found) == {"geodesic", "corner", "line", "fade", "interpolation"}
    assert {strip.dtype for strip in found.values()} == {np.dtype("f4")}
    along = [[0.25, 0], [0.5, 0], [0.75, 0]]
    np.testing.assert_allclose(found["geodesic"][0, :, :2], along, atol=1e-3)
    np.testing.assert_allclose(found["line"][0, :, :2], along, atol=1e-6)
    np.testing.assert_allclose(found["corner"][0, :, :2], [[0.5, 0], [1, 0], [1, 0.5]], atol=1e-3)
    np.testing.assert_allclose(found["fade"][0, :, :2], along, atol=1e-6)
    expected = [[25, 50, 75, 100], [50, 100, 50, 100], [75, 150, 25, 100]]
    np.testing.assert_array_equal(found["interpolation"][0], expected)
