"""Indicatrices of the metrics of a latent plane."""

import importlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from torch.distributions import Categorical, Normal

from latent_transport.datasets.codes import Codes
from latent_transport.evidence.measures.fields import cell_centres, ellipse_departure, indicatrices
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from latent_transport.models.vae import VAE, Architecture, save_vae

torch.set_num_threads(1)

PROPERTY = settings(deadline=None, derandomize=True, max_examples=30)
DOUBLE = {"dtype": torch.float64}
ANGLES = torch.arange(24, **DOUBLE) * (2 * math.pi / 24)
DIRECTIONS = torch.stack((ANGLES.cos(), ANGLES.sin()), -1)
POINTS = torch.tensor([[0.3, -0.2], [1.0, 2.0], [-1.5, 0.1]], **DOUBLE)
GEOMETRIES = (Wasserstein1, Wasserstein2, FisherRao, Euclidean)


def make_decoder(components: int = 1):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        architecture = Architecture(latent_dim=2, data_dim=9, hidden=(16,), components=components)
        return VAE(architecture).double().eval().requires_grad_(False).decoder


def three_values(z):
    """One variable on 0, 1, 2 whose cumulated probabilities are z: W1's norm is |v_1| + |v_2|."""
    first, second = z.unbind(-1)
    return Categorical(probs=torch.stack((first, second - first, 1 - second), -1)[..., None, :])


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_every_boundary_vector_has_norm_one_in_its_direction(geometry):
    geometry = geometry(make_decoder())
    found = indicatrices(geometry, POINTS, ANGLES)
    assert found.shape == (3, 24, 2)
    norms = geometry.norm(POINTS[:, None].expand(3, 24, 2), found)
    torch.testing.assert_close(norms, torch.ones(3, 24, **DOUBLE))
    across = found[..., 0] * DIRECTIONS[:, 1] - found[..., 1] * DIRECTIONS[:, 0]
    torch.testing.assert_close(across, torch.zeros(3, 24, **DOUBLE))
    assert ((found * DIRECTIONS).sum(-1) > 0).all()


@PROPERTY
@given(st.tuples(*[st.floats(-3, 3)] * 4))
def test_a_linear_decoder_has_the_ellipses_of_its_metric(entries):
    matrix = torch.tensor(entries, **DOUBLE).view(2, 2) + 7 * torch.eye(2, **DOUBLE)  # regular
    for geometry in (Wasserstein1, Wasserstein2):
        found = indicatrices(geometry(lambda z: Normal(z @ matrix, 1.0)), POINTS, ANGLES)
        images = (found @ matrix).norm(dim=-1)  # the decoder takes them to the unit circle
        torch.testing.assert_close(images, torch.ones(3, 24, **DOUBLE))


def test_the_indicatrix_of_w1_need_be_no_ellipse():
    found = indicatrices(Wasserstein1(three_values), torch.tensor([0.3, 0.6], **DOUBLE), ANGLES)
    torch.testing.assert_close(found.abs().sum(-1), torch.ones(24, **DOUBLE))  # a square, upright
    # The best circle by least squares of v'v: radius^2 = sum |v|^4 / sum |v|^2.
    squares = found.square().sum(-1)
    fit = (squares * squares.sum() / squares.square().sum()).sqrt()
    torch.testing.assert_close(ellipse_departure(found), (fit - 1).abs().max())
    assert ellipse_departure(found) > 0.1


@pytest.mark.parametrize("components", [1, 3])
def test_indicatrices_of_w1_are_symmetric_and_convex(components):
    found = indicatrices(Wasserstein1(make_decoder(components)), POINTS, ANGLES)
    torch.testing.assert_close(found[:, :12], -found[:, 12:])
    edges = found.roll(-1, 1) - found
    after = edges.roll(-1, 1)
    turns = edges[..., 0] * after[..., 1] - edges[..., 1] * after[..., 0]
    assert (turns > 0).all()


def test_area_agrees_with_the_volume():
    geometry = Wasserstein1(make_decoder(), directions=12)
    found = indicatrices(geometry, POINTS, ANGLES)
    area = found.square().sum(-1).mean(-1) * math.pi  # (3,): half the integral of the radius^2
    torch.testing.assert_close(geometry.volume(POINTS), math.pi / area)


def test_where_the_decoder_stands_still_vectors_are_infinite():
    geometry = Wasserstein1(lambda z: Normal(z[..., :1], 1.0))
    angles = torch.tensor([0.0, math.pi / 2], **DOUBLE)
    found = indicatrices(Wasserstein1(lambda z: Normal(0 * z, 1.0)), POINTS, angles)
    assert not found.isnan().any()
    assert found.norm(dim=-1).isinf().all()
    assert (found[:, 0, 1] == 0).all()
    torch.testing.assert_close(indicatrices(geometry, POINTS, angles)[0, 0], DIRECTIONS[0])
    assert ellipse_departure(found).isinf().all()


def test_batches_and_dtypes():
    geometry = Wasserstein1(make_decoder().float())
    points, angles = POINTS.float(), ANGLES.float()
    found = indicatrices(geometry, points.expand(4, 3, 2), angles)
    assert found.shape == (4, 3, 24, 2)
    assert found.dtype == torch.float32
    alone = torch.stack([indicatrices(geometry, point, angles) for point in points])
    torch.testing.assert_close(found[2], alone)
    torch.testing.assert_close(
        alone.double(),
        indicatrices(Wasserstein1(make_decoder()), POINTS, ANGLES),
        rtol=1e-4,
        atol=1e-6 * float(alone.norm(dim=-1).max()),
    )


def test_other_than_two_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"shape \(4, 3\), expected \(\.\.\., 2\)"):
        indicatrices(Wasserstein1(make_decoder()), torch.zeros(4, 3), ANGLES)


# --- How far from ellipses ---


@PROPERTY
@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0, math.pi), st.floats(1e-4, 1e4))
def test_ellipses_do_not_depart_from_ellipses(long, short, turn, scale):
    sides = torch.stack((long * DIRECTIONS[:, 0], short * DIRECTIONS[:, 1]), -1)
    rotation = torch.tensor(
        [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]], **DOUBLE
    )
    assert ellipse_departure(scale * sides @ rotation) < 1e-8


def test_the_departure_of_one_does_not_change_that_of_another():
    bent = DIRECTIONS * (1 + 0.05 * torch.cos(4 * ANGLES))[:, None]
    open_ended = DIRECTIONS * torch.where(ANGLES == 0, torch.inf, 1)[:, None]
    together = ellipse_departure(torch.stack((DIRECTIONS, bent, open_ended)))
    torch.testing.assert_close(together[1], ellipse_departure(bent))
    assert together[0] < 1e-12
    assert 0.03 < together[1] < 0.07
    assert together[2] == torch.inf


# --- Where they are drawn, and the script ---


def test_cells_tile_the_square_of_nearly_all_codes():
    generator = torch.Generator().manual_seed(1)
    codes = torch.randn(500, 2, generator=generator, **DOUBLE) * torch.tensor([2.0, 0.5])
    points = cell_centres(codes, 4)
    assert points.shape == (16, 2)
    assert len({tuple(point) for point in points.tolist()}) == 16
    low, high = np.quantile(codes.numpy(), (0.005, 0.995), axis=0)
    side = (high - low).max() / 4
    for axis in (0, 1):
        places = np.unique(points[:, axis].numpy().round(9))
        np.testing.assert_allclose(np.diff(places), side)
        assert places.mean() == pytest.approx((low + high)[axis] / 2)


def test_script_writes_both_geometries(tmp_path):
    script = importlib.import_module("workflow.scripts.measure_indicatrices")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VAE(Architecture(latent_dim=2, data_dim=9, hidden=(8,))).eval()
    save_vae(model, tmp_path / "vae.safetensors", {})
    codes = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    rows = {name: np.zeros(40, np.uint8) for name in ("labels", "indices", "split")}
    Codes(codes, codes**2, **rows).save(tmp_path / "codes.safetensors")
    script.main(
        [
            *("--model", str(tmp_path / "vae.safetensors")),
            *("--codes", str(tmp_path / "codes.safetensors")),
            *("--size", "3", "--angles", "8", "--device", "cpu"),
            *("--output", str(tmp_path / "indicatrices.safetensors")),
        ]
    )
    arrays = load_file(tmp_path / "indicatrices.safetensors")
    assert {name: array.shape for name, array in arrays.items()} == {
        "points": (9, 2),
        "wasserstein1": (9, 8, 2),
        "wasserstein2": (9, 8, 2),
        "departure": (9,),
    }
    points = torch.from_numpy(arrays["points"])
    for name, geometry in (("wasserstein1", Wasserstein1), ("wasserstein2", Wasserstein2)):
        first = geometry(model.decoder).norm(points, torch.tensor([1.0, 0]).expand(9, 2))
        np.testing.assert_allclose(arrays[name][:, 0, 0], 1 / first.detach(), rtol=1e-4)
