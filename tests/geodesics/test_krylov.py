"""Second-order models, on energies that are quadratic and known."""

from functools import partial

import pytest
import torch

from latent_transport.geodesics.solvers.krylov import KrylovModels, KrylovRule
from latent_transport.geodesics.solvers.quadratic import minimize_quadratic
from tests.geodesics.quadratic_energies import QuadraticEnergies, draw
from tests.problems import DOUBLE

SIZE = 12
ALL = partial(KrylovModels, rule=KrylovRule(products=SIZE, accuracy=1e-9))
SPECTRA = {
    "as preconditioned": torch.ones(SIZE, **DOUBLE),
    "near": torch.linspace(0.6, 1.6, SIZE, **DOUBLE),
    "soft": torch.cat((torch.tensor([0.05, 0.3], **DOUBLE), torch.ones(SIZE - 2, **DOUBLE))),
    "stiff": torch.cat((torch.ones(SIZE - 2, **DOUBLE), torch.tensor([20.0, 50.0], **DOUBLE))),
    "soft and stiff": torch.logspace(-1, 1.7, SIZE, **DOUBLE),
}
SADDLE = torch.cat((torch.tensor([-0.5, -0.1], **DOUBLE), torch.linspace(0.6, 2, 10, **DOUBLE)))


def spread(size=0.1, seed=5):
    """A gradient with a part in every eigenvector, of so many roots of the energy."""
    part = draw(SIZE, seed=seed)
    return size * part / part.norm()


@pytest.fixture(params=SPECTRA)
def spectrum(request):
    return SPECTRA[request.param]


@pytest.mark.parametrize("size", [1e-2, 0.3])
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_all_products_tell_how_far_the_minimum_is(spectrum, size, seed):
    part = spread(size, seed)
    energies = QuadraticEnergies(spectrum, part)
    model = energies.build(ALL, radius=100, enough=1e-12)
    true = 0.5 * (part.square() / spectrum).sum() * energies.energy
    assert (model.remaining >= 0.9 * true).all()
    assert (model.remaining <= 1.5 * true).all()
    assert (model.least > 0).all()


@pytest.mark.parametrize("size", [1e-4, 1e-2, 0.3])
@pytest.mark.parametrize("models", [KrylovModels, ALL])
def test_a_curve_is_proved_to_be_at_its_minimum_only_where_it_is(spectrum, size, models):
    part = spread(size)
    energies = QuadraticEnergies(spectrum, part)
    true = (0.5 * (part.square() / spectrum).sum()).item()
    for share in (0.1, 0.3):  # of what the curve has still to go
        model = energies.build(models, radius=1, enough=share * true)
        assert (model.remaining > share * true * energies.energy).all()
    enough = 3 * true + 1e-7
    model = energies.build(models, radius=1, enough=enough)
    assert (model.remaining <= enough * energies.energy).all()


@pytest.mark.parametrize("stiffness", [10.0, 100.0, 1e4])
@pytest.mark.parametrize("share", [1e-3, 0.1, 0.5])
def test_a_steep_stiff_gradient_does_not_hide_what_is_soft(stiffness, share):
    """Of one stiff mode, which the gradient is nearly all of, the first product tells only."""
    spectrum = torch.ones(SIZE, **DOUBLE)
    spectrum[-1] = stiffness
    part = 0.01 * torch.ones(SIZE, **DOUBLE)
    part[-1] = 0.01 * stiffness**0.5 * 10
    energies = QuadraticEnergies(spectrum, part)
    true = (0.5 * (part.square() / spectrum).sum()).item()
    model = energies.build(KrylovModels, radius=1, enough=share * true)
    assert (model.remaining > share * true * energies.energy).all()


def test_a_curve_at_its_minimum_costs_few_products(spectrum):
    energies = QuadraticEnergies(spectrum, spread(1e-6))
    model = energies.build(KrylovModels, radius=1, enough=1e-4)
    assert (model.remaining <= 1e-4 * energies.energy).all()
    assert energies.evaluations <= 10
    if spectrum.min() == spectrum.max():
        assert energies.evaluations == 1  # whose subspace is invariant


@pytest.mark.parametrize("radius", [0.01, 0.1, 10.0])
@pytest.mark.parametrize("convex", [True, False])
def test_all_products_solve_the_trust_region_problem(radius, convex):
    spectrum = SPECTRA["soft and stiff"] if convex else SADDLE
    energies = QuadraticEnergies(spectrum, spread(0.3))
    model = energies.build(ALL, radius=radius, enough=1e-12)
    inverse = torch.linalg.inv(energies.factor)  # (B, n, n)
    hessian = inverse @ energies.hessian @ inverse.mT
    slope = (inverse @ energies.gradient[..., None]).squeeze(-1)
    scale = energies.energy.sqrt()  # (B,)
    expected = minimize_quadratic(hessian, slope, radius * scale, 10 * scale)
    torch.testing.assert_close(model.decrease, expected.decrease, rtol=1e-5, atol=0)
    torch.testing.assert_close(model.length, expected.step.norm(dim=-1), rtol=1e-4, atol=0)
    step = (energies.factor.mT @ model.step[..., None]).squeeze(-1)  # L' c = y
    torch.testing.assert_close(step, expected.step, rtol=1e-3, atol=1e-4)


def test_few_products_promise_what_their_step_brings(spectrum):
    energies = QuadraticEnergies(spectrum, spread(0.3))
    model = energies.build(KrylovModels, radius=0.2, enough=1e-6)
    after, _ = energies(energies.rows, model.step.view_as(energies.controls))
    torch.testing.assert_close(energies.energy - after, model.decrease, rtol=1e-6, atol=0)
    assert (model.length <= 0.2 * energies.energy.sqrt() * (1 + 1e-9)).all()
    assert (model.decrease > 0).all()


# --- Saddles ---


@pytest.mark.parametrize(
    ("curvature", "size"),
    [
        (-1.0, 0.0),
        (-1.0, 1e-6),
        (-1.0, 1e-2),
        (-0.1, 0.0),
        (-0.1, 1e-6),
        pytest.param(
            *(-0.1, 1e-2),
            marks=pytest.mark.xfail(strict=True, reason="three products do not see so little"),
        ),
    ],
)
def test_negative_curvature_is_found_where_the_gradient_has_no_part_in_it(curvature, size):
    spectrum = torch.linspace(0.6, 1.6, SIZE, **DOUBLE)
    spectrum[0] = curvature
    part = spread(size)
    part[0] = 0
    energies = QuadraticEnergies(spectrum, part)
    model = energies.build(KrylovModels, radius=1, enough=1e-4)
    assert (model.least < 0).all()
    assert (model.least > 1.01 * curvature).all()
    assert (model.remaining > 1e-4 * energies.energy).all()
    after, _ = energies(energies.rows, model.step.view_as(energies.controls))
    assert (after < energies.energy).all()
    torch.testing.assert_close(energies.energy - after, model.decrease, rtol=1e-6, atol=0)


@pytest.mark.parametrize("curvature", [-1.0, -0.1])
def test_negative_curvature_is_found_where_the_gradient_has_little_part_in_it(curvature):
    spectrum = torch.linspace(0.6, 1.6, SIZE, **DOUBLE)
    spectrum[0] = curvature
    part = spread(0.1)
    part[0] = 1e-5
    energies = QuadraticEnergies(spectrum, part)
    model = energies.build(ALL, radius=1, enough=1e-6)
    torch.testing.assert_close(
        model.least, torch.full((3,), curvature, **DOUBLE), rtol=1e-2, atol=0
    )
    after, _ = energies(energies.rows, model.step.view_as(energies.controls))
    torch.testing.assert_close(energies.energy - after, model.decrease, rtol=1e-6, atol=0)


def test_a_saddle_is_as_deep_as_a_short_step_along_it():
    spectrum = torch.linspace(0.6, 1.6, SIZE, **DOUBLE)
    spectrum[0] = -0.5
    energies = QuadraticEnergies(spectrum, spread(1e-3))
    model = energies.build(ALL, radius=1e-9, enough=1e-9)
    expected = 0.5 * 0.3**2 * 0.5 * energies.energy
    torch.testing.assert_close(model.remaining, expected, rtol=1e-2, atol=0)
    torch.testing.assert_close(model.least, torch.full((3,), -0.5, **DOUBLE), rtol=1e-2, atol=0)


# --- Units, precision, companions ---


@pytest.mark.parametrize("spectrum", [SPECTRA["soft and stiff"], SADDLE], ids=["convex", "saddle"])
@pytest.mark.parametrize(("energy", "unit"), [(1e-12, 1.0), (1e12, 1.0), (10.0, 1e-9), (1e8, 1e9)])
def test_units_of_energy_and_controls_change_nothing(spectrum, energy, unit):
    plain = QuadraticEnergies(spectrum, spread(0.1), energy=1.0)
    other = QuadraticEnergies(spectrum, spread(0.1), energy=energy, unit=unit)
    one, two = (x.build(KrylovModels, radius=0.5, enough=1e-4) for x in (plain, other))
    assert plain.evaluations == other.evaluations
    torch.testing.assert_close(two.step / unit, one.step, rtol=1e-4, atol=1e-8)
    torch.testing.assert_close(two.length / energy**0.5, one.length, rtol=1e-6, atol=0)
    torch.testing.assert_close(two.decrease / energy, one.decrease, rtol=1e-6, atol=0)
    torch.testing.assert_close(two.remaining / energy, one.remaining, rtol=1e-4, atol=0)
    torch.testing.assert_close(two.least, one.least, rtol=1e-4, atol=0)


@pytest.mark.parametrize("spectrum", [SPECTRA["soft"], SPECTRA["stiff"], SADDLE])
def test_single_precision_tells_what_double_tells(spectrum):
    exact, rounded = (
        QuadraticEnergies(spectrum, spread(0.1), dtype=dtype)
        for dtype in (torch.float64, torch.float32)
    )
    one, two = (x.build(KrylovModels, radius=0.5, enough=1e-4) for x in (exact, rounded))
    assert two.step.dtype == torch.float32
    torch.testing.assert_close(two.decrease.double(), one.decrease, rtol=1e-2, atol=0)
    torch.testing.assert_close(two.remaining.double(), one.remaining, rtol=0.1, atol=0)
    torch.testing.assert_close(two.least.double(), one.least, rtol=2e-2, atol=2e-3)


def test_curves_do_not_depend_on_their_companions():
    energies = QuadraticEnergies(SPECTRA["soft and stiff"], spread(0.1))
    # The companions end after different numbers of products.
    energies.gradient[1] *= 1e-8
    together = energies.build(KrylovModels, radius=0.5, enough=1e-4)
    for row in range(3):
        rows = torch.tensor([row])
        alone = KrylovModels(energies, energies.preconditioner).build(
            rows,
            energies.controls[rows],
            energies.energy[rows],
            energies.gradient[rows],
            0.5 * energies.energy[rows].sqrt(),
            1e-4 * energies.energy[rows],
        )
        for name, value in vars(alone).items():
            torch.testing.assert_close(value[0], getattr(together, name)[row])


def test_where_the_energy_ends_the_preconditioner_is_believed():
    energies = QuadraticEnergies(SPECTRA["stiff"], spread(0.1))

    def cliff(rows, controls):
        energy, gradient = energies(rows, controls)
        return energy * torch.nan, gradient * torch.nan

    model = KrylovModels(cliff, energies.preconditioner).build(
        energies.rows,
        energies.controls,
        energies.energy,
        energies.gradient,
        energies.energy.sqrt(),
        1e-4 * energies.energy,
    )
    slope = energies.preconditioner.whiten(energies.rows, energies.gradient)
    torch.testing.assert_close(model.least, torch.ones(3, **DOUBLE))
    torch.testing.assert_close(model.decrease, 0.5 * slope.square().sum(-1), rtol=2e-2, atol=0)
