"""Sequences with known intermediates, and models in which the middle is known."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from latent_transport.evidence.keys import SEQUENCES
from latent_transport.evidence.measures.sequences import (
    TRANSFORMS,
    follow_sequence,
    measure_halfway,
    transform_at_random,
)

SIDE = 9


def draw_bar():
    """A bar from the centre upwards, bright on black: (1, 81)."""
    image = torch.zeros(SIDE, SIDE)
    image[:5, 4] = 255
    return image.view(1, -1)


class Pixels:
    """A model whose code is the image itself."""

    def encoder(self, images):
        return Independent(Normal(images, 1.0), 1)

    def decoder(self, z):
        return Normal(z, 1.0)


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_keeps_shape_and_range(name):
    images = 255 * torch.rand(5, SIDE**2, generator=torch.Generator().manual_seed(0))
    for u in (0.0, 0.3, 1.0):
        found = TRANSFORMS[name](images, torch.full((5,), u))
        assert found.shape == images.shape
        assert found.min() >= 0
        assert found.max() <= 255 + 1e-3


def test_what_is_whole_stays_as_it_is():
    image, one = draw_bar(), torch.ones(1)
    torch.testing.assert_close(TRANSFORMS["brightness"](image, one), image)
    torch.testing.assert_close(TRANSFORMS["contrast"](image, one), image)
    torch.testing.assert_close(TRANSFORMS["rotation"](image, one / 2), image)


def test_a_fifth_is_left_at_the_beginning():
    image, zero = draw_bar(), torch.zeros(1)
    torch.testing.assert_close(TRANSFORMS["brightness"](image, zero), image / 5)
    flat = TRANSFORMS["contrast"](image, zero)
    torch.testing.assert_close(flat - 127.5, (image - 127.5) / 5)


def test_a_bar_turns_by_a_quarter_from_one_end_to_the_other():
    image = draw_bar()
    where = torch.cartesian_prod(*[torch.arange(SIDE) - 4.0] * 2)  # (81, 2), rows downwards
    angle = []
    for u in (0.0, 1.0):
        weight = TRANSFORMS["rotation"](image, torch.full((1,), u))
        y, x = (weight @ where)[0].tolist()
        angle.append(math.degrees(math.atan2(x, -y)))
    assert abs(angle[0] - angle[1]) == pytest.approx(90, abs=2)
    assert angle[0] == pytest.approx(-angle[1], abs=1)


def test_places_are_drawn_by_the_seed():
    images = draw_bar().expand(40, -1)
    first, again, other = (
        transform_at_random("brightness", images, torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first, first.round())
    assert len(first.amax(-1).unique()) > 20


def test_a_fade_recovers_brightness_but_no_rotation():
    image = draw_bar()
    found = {}
    for name in ("brightness", "rotation"):
        ends = [TRANSFORMS[name](image, torch.full((1,), u)).round() for u in (0.0, 1.0)]
        line = torch.lerp(*ends, torch.linspace(0, 1, 17)[:, None])[None]  # (1, 17, D)
        aside = line + 20 * torch.sin(torch.linspace(0, math.pi, 17))[:, None] * (image == 0)
        found[name] = measure_halfway(name, Pixels(), image, {"line": line, "aside": aside})
    bright, turned = found["brightness"], found["rotation"]
    assert list(bright) == ["line", "aside", "fade"]
    for path in ("line", "fade"):
        assert bright[path]["error"].item() == pytest.approx(0, abs=0.5)  # grey levels are whole
        assert bright[path]["offset"].item() == pytest.approx(0, abs=1e-6)
    dark = (image == 0).float().mean().sqrt().item()
    assert bright["aside"]["error"].item() == pytest.approx(20 * dark, rel=0.02)
    apart = (TRANSFORMS["rotation"](image, torch.full((1,), 0.5)) - image).norm()
    assert apart < 1e-3
    assert turned["line"]["error"].item() > 30
    assert turned["line"]["image_error"].item() == pytest.approx(turned["line"]["error"].item())


def test_a_fade_follows_brightness_from_end_to_end():
    image = draw_bar()
    ends = [TRANSFORMS["brightness"](image, torch.full((1,), u)).round() for u in (0.0, 1.0)]
    line = torch.lerp(*ends, torch.linspace(0, 1, 17)[:, None])[None]  # (1, 17, D)
    t = torch.linspace(0, 1, 5)
    errors, strips = follow_sequence("brightness", Pixels(), image, {"line": line}, t)
    assert list(errors) == ["line", "fade"]
    assert list(strips) == ["images", "line", "fade"]
    for path, error in errors.items():
        assert error.shape == (1, 5)
        assert error.max() < 0.5  # grey levels are whole
        torch.testing.assert_close(strips[path], strips["images"], rtol=0, atol=0.6)
    shares = torch.tensor([0.2, 0.4, 0.6, 0.8, 1])
    torch.testing.assert_close(strips["images"].amax(-1), 255 * shares)
