"""Detours of images on paths: of known paths, and in units of the distance of their ends."""

import math

import pytest
import torch

from latent_transport.evidence.measures.detours import measure_detours

torch.set_num_threads(1)


def test_a_cross_fade_makes_none():
    ends = torch.rand(3, 2, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None]
    images = torch.lerp(ends[:, :1], ends[:, 1:], t)
    found = measure_detours(images, images)
    torch.testing.assert_close(found["largest_step"], torch.ones(3, dtype=torch.float64))
    for name in ("retreat", "fade_distance"):
        torch.testing.assert_close(found[name], torch.zeros(3, dtype=torch.float64))


def test_half_a_circle_is_off_the_way_but_never_back():
    angle = torch.linspace(math.pi, 0, 101, dtype=torch.float64)
    images = torch.stack((angle.cos(), angle.sin()), -1)[None]  # from (-1, 0) to (1, 0)
    found = measure_detours(images, images)
    assert found["retreat"].item() == pytest.approx(0, abs=1e-12)
    assert found["largest_step"].item() == pytest.approx(math.pi / 2, rel=1e-3)
    assert found["fade_distance"].item() == pytest.approx(1 / math.pi, rel=0.02)  # mean height / 2


def test_the_way_back_and_a_jump_are_charged():
    images = torch.tensor([[[0.0], [4.0], [1.0], [10.0]]])
    found = measure_detours(images, images)
    assert found["largest_step"].item() == pytest.approx(3 * 9 / 10)
    assert found["retreat"].item() == pytest.approx((3 + 3) / 20)
    assert found["fade_distance"].item() == 0


def test_what_lies_beyond_an_end_is_as_far_as_from_the_end():
    images = torch.tensor([[[0.0, 0.0], [-3.0, 4.0], [10.0, 0.0]]])
    found = measure_detours(images, images)
    assert found["fade_distance"].item() == pytest.approx(0.5)
    away = math.hypot(13, 4) - 10
    assert found["retreat"].item() == pytest.approx(away / 20)


def test_units_and_direction_do_not_matter():
    images = torch.rand(4, 6, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = measure_detours(images, images)
    for other in (255 * images + 3, images.flip(1)):
        for name, values in measure_detours(other, other).items():
            torch.testing.assert_close(values, found[name])


def test_the_way_back_is_looked_for_in_the_features():
    images = torch.linspace(0, 1, 5)[None, :, None].expand(2, 5, 3)
    features = torch.tensor([[[0.0], [4.0], [1.0], [6.0], [10.0]], [[0.0], [1], [2], [3], [9]]])
    found = measure_detours(images, features)
    torch.testing.assert_close(found["retreat"], torch.tensor([6 / 20, 0]))
    torch.testing.assert_close(found["largest_step"], torch.ones(2))
