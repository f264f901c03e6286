"""Noise of decoders, against noise of known size."""

from itertools import pairwise

import pytest
import torch
from torch.distributions import Normal

from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.rounding import energy_rounding, square_noise
from latent_transport.geometries.riemannian import Euclidean
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE

VARIABLES = 40


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def make_net(activation=torch.tanh, dims=2, hidden=64, weights=torch.float64):
    """Layers whose outputs are of order 1, computed in the precision of z."""
    sizes = (dims, hidden, hidden, VARIABLES)
    layers = [
        ((draw(a, b, seed=i) / a**0.5).to(weights), (0.3 * draw(b, seed=9 + i)).to(weights))
        for i, (a, b) in enumerate(pairwise(sizes))
    ]

    def net(z):
        for i, (weight, bias) in enumerate(layers):
            z = z @ weight.to(z.dtype) + bias.to(z.dtype)
            z = activation(z) if i < 2 else z
        return z

    return net


def make_spline(dtype=torch.float64, bend=0.2, pairs=20):
    line = CubicSpline.straight(draw(pairs, 2), draw(pairs, 2, seed=1), 6)
    bent = line.controls + bend * draw(pairs, 6, 2, seed=2)
    return CubicSpline(line.start.to(dtype), line.end.to(dtype), bent.to(dtype))


def hash_bits(z, salt):
    """Numbers in [-1, 1) that look random, but are the same for the same z: (M,)."""
    bits = z.double().contiguous().view(torch.int64)  # (M, d)
    mixed = torch.full_like(bits[:, 0], salt * 7919 + 17)
    for column in bits.unbind(-1):
        mixed = (mixed ^ (mixed >> 31) ^ column) * 0x5851F42D4C957F2D + 0x14057B7EF767814F
        mixed = (mixed ^ (mixed >> 29)) * -0x40A7B892E31B1A47
    return ((mixed >> 11) & (2**40 - 1)).double() / 2**39 - 1


def measure(net, exact, spline):
    """Mean squared distance of decoded points on curves from where they are without rounding."""
    z = spline(torch.linspace(0.1, 0.9, 200, dtype=spline.start.dtype)).flatten(0, 1)
    return (net(z).double() - exact(z.double())).square().sum(-1).view(len(spline.start), -1).mean()


@pytest.mark.parametrize("size", [1e-6, 1e-4, 1e-2])
def test_noise_of_known_size_is_found(size):
    net = make_net()

    def noisy(z):
        noise = torch.stack([hash_bits(z, i) for i in range(VARIABLES)], -1)
        return Normal(net(z) + size * noise, 1.0)

    expected = VARIABLES * size**2 / 3  # of uniform numbers
    found = square_noise(Wasserstein1(noisy), make_spline())
    assert expected / 3 < found.mean() < 3 * expected
    assert (found < 10 * expected).all()
    assert (found > expected / 10).all()


@pytest.mark.parametrize("geometry", [Wasserstein1, Euclidean])
def test_bfloat16_inside_is_found_whatever_the_dtype_outside(geometry):
    net, exact = make_net(), make_net(weights=torch.bfloat16)

    def half(z):
        return net(z.bfloat16()).to(z.dtype)

    spline = make_spline(torch.float32)
    found = square_noise(geometry(lambda z: Normal(half(z), 1.0)), spline)
    # The rounding of z itself moves points along the curve as well.
    expected = measure(half, exact, spline)
    assert expected / 3 < found.mean() < 3 * expected


def test_a_large_offset_costs_digits():
    net = make_net()

    def lifted(z):
        return 1e4 + net(z)

    spline = make_spline(torch.float32)
    found = square_noise(Wasserstein1(lambda z: Normal(lifted(z), 1.0)), spline)
    expected = measure(lifted, lifted, spline)
    assert expected / 3 < found.mean() < 3 * expected
    assert (
        found.mean()
        > 1e4 * square_noise(Wasserstein1(lambda z: Normal(net(z), 1.0)), spline).mean()
    )


def test_single_precision_has_as_much_noise_as_it_has():
    net = make_net()
    spline = make_spline(torch.float32)
    found = square_noise(Wasserstein1(lambda z: Normal(net(z), 1.0)), spline)
    expected = measure(net, net, spline)
    assert expected / 3 < found.mean() < 10 * expected  # the curve's own rounding counts too


def test_smooth_decoders_in_double_precision_have_next_to_none():
    net = make_net()
    geometry = Wasserstein1(lambda z: Normal(net(z), net(z).exp()))
    double = square_noise(geometry, make_spline())
    single = square_noise(geometry, make_spline(torch.float32))
    assert (double < 1e-12 * single).all()
    assert (single > 0).all()


@pytest.mark.parametrize("activation", [torch.relu, torch.abs, torch.nn.functional.leaky_relu])
@pytest.mark.parametrize("bend", [0.0, 0.2])
def test_kinks_are_not_taken_for_noise(activation, bend):
    net, spline = make_net(activation), make_spline(bend=bend)
    geometry = Wasserstein1(lambda z: Normal(net(z), 1.0))
    length = geometry.curve_length(spline(torch.linspace(0, 1, 65, **DOUBLE)))
    assert (square_noise(geometry, spline) < (1e-4 * length) ** 2).all()


def test_units_of_the_data_square():
    net, spline = make_net(), make_spline(torch.float32)
    one = square_noise(Wasserstein1(lambda z: Normal(net(z), 1.0)), spline)
    two = square_noise(Wasserstein1(lambda z: Normal(1024 * net(z), 1024.0)), spline)
    torch.testing.assert_close(two, 2**20 * one, rtol=1e-4, atol=0)


def test_equal_ends_have_the_noise_of_none():
    net, spline = make_net(), make_spline(torch.float32)
    still = CubicSpline.straight(spline.start, spline.start, 6)
    found = square_noise(Wasserstein1(lambda z: Normal(net(z), 1.0)), still)
    assert (found >= 0).all()
    assert (found < 1e-10).all()


def test_noise_that_is_not_finite_counts_as_none():
    geometry = Wasserstein1(lambda z: Normal(z.log(), 1.0))
    found = square_noise(geometry, make_spline())
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("points", [9, 33, 129])
@pytest.mark.parametrize("size", [1e-4, 1e-2])
def test_energies_are_wrong_by_what_is_said_at_most(points, size):
    net, spline = make_net(), make_spline(pairs=60)

    def noisy(z):
        noise = torch.stack([hash_bits(z, i) for i in range(VARIABLES)], -1)
        return Normal(net(z) + size * noise, 1.0)

    t = torch.linspace(0, 1, points, **DOUBLE)
    geometry, exact = Wasserstein1(noisy), Wasserstein1(lambda z: Normal(net(z), 1.0))
    energy, true = (g.curve_energy(spline(t)) for g in (geometry, exact))
    said = energy_rounding(square_noise(geometry, spline), energy, points)
    error = (energy - true).abs()
    assert (error <= 1.5 * said).all()
    if points == 129 and size == 1e-2:  # the noise is most of the energy
        assert (said <= 2 * error).all()


@pytest.mark.parametrize(("unit", "fine"), [(1e-15, True), (1e-19, False), (1e-22, False)])
def test_lengths_whose_squares_underflow_are_no_promise(unit, fine):
    net = make_net(weights=torch.float32)
    z0, z1 = draw(4, 2).float(), draw(4, 2, seed=1).float()
    z1[0] = z0[0]
    geometry = Wasserstein1(lambda z: Normal(unit * net(z), unit))
    if fine:
        paths = connecting_geodesics(geometry, z0, z1)
        one = connecting_geodesics(Wasserstein1(lambda z: Normal(net(z), 1.0)), z0, z1)
        torch.testing.assert_close(paths.length / unit, one.length, rtol=1e-3, atol=0)
    else:
        with pytest.warns(RuntimeWarning, match="rounding of the decoder's output hides"):
            paths = connecting_geodesics(geometry, z0, z1)
    assert paths.converged.tolist() == [True, fine, fine, fine]  # the first has equal ends


def test_noise_of_many_curves_keeps_to_the_memory():
    net, rows = make_net(), []

    def decoder(z):
        rows.append(len(z))
        return Normal(net(z), 1.0)

    spline, memory = make_spline(pairs=1000), 2**21
    found = square_noise(Wasserstein1(decoder), spline, memory)
    assert max(rows) * VARIABLES * 8 < memory
    whole = square_noise(Wasserstein1(lambda z: Normal(net(z), 1.0)), spline, 2**40)
    torch.testing.assert_close(found, whole, rtol=1, atol=0)  # noise, by blocks of other sizes
