"""What is known of Hessians beforehand, against normal matrices and finite differences."""

import pytest
import torch
from torch.distributions import Normal

from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.normal_matrix import normal_matrix
from latent_transport.geodesics.solvers.objective import energy_objective
from latent_transport.geodesics.solvers.preconditioners import (
    DENSE,
    FEW_DIMS,
    MANY_DIMS,
    MeanMetrics,
    NormalMatrices,
    SpeedMatrices,
    choose_preconditioner,
)
from latent_transport.geometries.conformal import Conformal, LatentEuclidean
from latent_transport.geometries.riemannian import Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, make_network

EVERYONE = torch.arange(3)
T = torch.linspace(0, 1, 17, **DOUBLE)
KINDS = [NormalMatrices, MeanMetrics, SpeedMatrices]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def make_spline(dims=2, free=4, bend=0.2):
    line = CubicSpline.straight(draw(3, dims), draw(3, dims, seed=1), free)
    return CubicSpline(line.start, line.end, line.controls + bend * draw(3, free, dims, seed=2))


def prepare(kind, geometry, spline, t=T, refresh=0):
    preconditioner = kind(geometry, spline, t, refresh)
    preconditioner.update(torch.arange(len(spline.start)), spline.controls.flatten(1))
    return preconditioner


def as_matrices(preconditioner, size):
    """M (B, n, n), from what solving does to every unit vector."""
    columns = [preconditioner.solve(EVERYONE, e.expand(3, -1)) for e in torch.eye(size, **DOUBLE)]
    return torch.linalg.inv(torch.stack(columns, -1))


def differentiate(geometry, spline, t=T):
    """Hessians (B, n, n) of the energy, by central differences of gradients."""
    objective = energy_objective(geometry, spline, t)
    step, columns = 1e-5, []
    for e in torch.eye(spline.controls[0].numel(), **DOUBLE):
        shift = step * e.view(spline.controls[0].shape)
        after, before = (
            objective(EVERYONE, c)[1] for c in (spline.controls + shift, spline.controls - shift)
        )
        columns.append((after - before).flatten(1) / (2 * step))
    return torch.stack(columns, -1)


def spread(matrices, hessians):
    """Eigenvalues (B, n) of the preconditioned Hessians."""
    factor = torch.linalg.cholesky(matrices)
    half = torch.linalg.solve_triangular(factor, hessians, upper=False)
    whole = torch.linalg.solve_triangular(factor, half.mT, upper=False)
    return torch.linalg.eigvalsh(0.5 * (whole + whole.mT))


# --- The factors ---


@pytest.mark.parametrize("kind", KINDS)
def test_whitening_and_coloring_are_inverse_factors(kind):
    spline = make_spline()
    preconditioner = prepare(kind, Wasserstein1(make_network("normal")), spline)
    matrices = as_matrices(preconditioner, 8)
    gradient, step = draw(3, 8, seed=3), draw(3, 8, seed=4)
    white = preconditioner.whiten(EVERYONE, gradient)
    # |L^-1 g|^2 = g' M^-1 g, |L^-T y|_M = |y|, and the one is the other's transpose.
    square = (gradient * preconditioner.solve(EVERYONE, gradient)).sum(-1)
    torch.testing.assert_close(white.square().sum(-1), square)
    colored = preconditioner.color(EVERYONE, step)
    length = (colored * (matrices @ colored[..., None]).squeeze(-1)).sum(-1)
    torch.testing.assert_close(length, step.square().sum(-1))
    torch.testing.assert_close((white * step).sum(-1), (gradient * colored).sum(-1))


@pytest.mark.parametrize("linear", [True, False])
def test_normal_matrices_are_twice_the_jacobians_square_and_a_little_stiffness(linear):
    spline, matrix = make_spline(), draw(2, 5, seed=5)
    linear_decoder = Wasserstein1(lambda z: Normal(z @ matrix, 1.0))
    geometry = linear_decoder if linear else Wasserstein2(make_network("normal"))
    matrices = as_matrices(prepare(NormalMatrices, geometry, spline), 8)
    double = 2 * normal_matrix(geometry, spline(T), spline.basis(T))[0]
    latent = differentiate(LatentEuclidean(), spline)  # 2 K x I
    energy = geometry.curve_energy(spline(T)) / LatentEuclidean().curve_energy(spline(T))
    expected = double + 1e-4 * energy[:, None, None] * latent
    if linear:
        torch.testing.assert_close(matrices, expected, rtol=1e-6, atol=1e-8)
    else:  # points are moved by a thousandth of a segment
        eigenvalues = spread(expected, matrices)
        assert eigenvalues.min() > 0.99
        assert eigenvalues.max() < 1.01


def test_normal_matrices_are_the_hessians_of_norms_of_what_is_linear():
    """W1 of normals is a norm of (dm, ds), whose square has a curvature beside its slope's."""
    spline, by_loc, by_scale = make_spline(), draw(2, 5, seed=5), draw(2, 5, seed=6)
    geometry = Wasserstein1(lambda z: Normal(z @ by_loc, 20 + z @ by_scale))
    matrices = as_matrices(prepare(NormalMatrices, geometry, spline), 8)
    eigenvalues = spread(matrices, differentiate(geometry, spline))
    assert eigenvalues.min() > 0.97
    assert eigenvalues.max() < 1.03


def test_a_variable_that_stays_as_it_is_has_its_curvature_all_the_same():
    """|y| has no slope at 0, where a line along x keeps it; y^2 has its curvature."""
    spline, geometry = make_axis(), Wasserstein1(lambda z: Normal(z, 1.0))
    matrices = as_matrices(prepare(NormalMatrices, geometry, spline), 8)
    eigenvalues = spread(matrices, differentiate(geometry, spline))
    assert eigenvalues.min() > 0.99
    assert eigenvalues.max() < 1.000001


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_each_curves_own(kind):
    spline, geometry = make_spline(), Wasserstein1(make_network("normal"))
    preconditioner = prepare(kind, geometry, spline)
    gradient = draw(3, 8, seed=3)
    together = preconditioner.solve(EVERYONE, gradient)
    rows = torch.tensor([2, 0])
    torch.testing.assert_close(preconditioner.solve(rows, gradient[rows]), together[rows])


@pytest.mark.parametrize("kind", KINDS)
def test_a_factor_serves_for_as_many_steps_as_asked(kind):
    spline, geometry = make_spline(), Wasserstein1(make_network("normal"))
    preconditioner = prepare(kind, geometry, spline, refresh=2)
    first, there = preconditioner.factor.clone(), spline.controls.flatten(1) + 0.3
    preconditioner.serve(EVERYONE)
    preconditioner.update(EVERYONE, there)
    assert torch.equal(preconditioner.factor, first)
    preconditioner.serve(torch.tensor([1]))
    preconditioner.update(EVERYONE, there)
    changed = (preconditioner.factor != first).flatten(1).any(1)
    assert changed.tolist() == [False, True, False]


# --- How close to the Hessian ---


def test_normal_matrices_of_flat_geometries_are_the_hessian():
    spline, matrix = make_spline(3), draw(3, 9, seed=5)
    geometry = Wasserstein1(lambda z: Normal(z @ matrix, 1.0))
    matrices = as_matrices(prepare(NormalMatrices, geometry, spline), 12)
    eigenvalues = spread(matrices, differentiate(geometry, spline))
    assert eigenvalues.min() > 0.99
    assert eigenvalues.max() < 1.000001


def make_axis(free=4):
    """Three times the line from -1 to 1 along the x axis."""
    start = torch.tensor([[-1.0, 0.0]] * 3, **DOUBLE)
    return CubicSpline.straight(start, -start, free)


def test_the_curvature_of_a_gaussian_weight_counts():
    """Along the ridge of a density that falls off sideways, J sees nothing of that."""
    spline = make_axis()
    geometry = Conformal(LatentEuclidean(), lambda z: -5 * z[..., 1].square(), 1.0)
    hessian = differentiate(geometry, spline)
    weighted = as_matrices(prepare(NormalMatrices, geometry, spline), 8)
    double = 2 * normal_matrix(geometry, spline(T), spline.basis(T))[0]
    with_it, without = spread(weighted, hessian), spread(double, hessian)
    assert with_it.min() > 0.9
    assert with_it.max() < 1.01
    assert without.max() > 2


def test_a_weight_that_falls_off_is_not_taken_for_negative_curvature():
    spline = make_spline(bend=0)
    geometry = Conformal(LatentEuclidean(), lambda z: z.square().sum(-1), 1.5)
    matrices = as_matrices(prepare(NormalMatrices, geometry, spline), 8)
    double = 2 * normal_matrix(geometry, spline(T), spline.basis(T))[0]
    assert torch.linalg.eigvalsh(matrices).min() > 0
    assert spread(double, matrices).min() > 0.999


def test_mean_metrics_of_flat_geometries_are_the_hessian():
    """Of a decoder that is linear the metric is the same everywhere: nothing is lost."""
    spline, matrix = make_spline(3), draw(3, 9, seed=5)
    geometry = Wasserstein1(lambda z: Normal(z @ matrix, 1.0))
    matrices = as_matrices(prepare(MeanMetrics, geometry, spline), 12)
    eigenvalues = spread(matrices, differentiate(geometry, spline))
    assert eigenvalues.min() > 0.99
    assert eigenvalues.max() < 1.000001


def test_mean_metrics_tell_stiff_directions_from_soft_ones():
    """A decoder whose directions differ by factors of a hundred, and that is not linear."""
    spline = make_spline(5, bend=0.05)
    scale = torch.logspace(-1, 1, 5, **DOUBLE)
    network = make_network("normal", dims=5)
    geometry = Wasserstein2(lambda z: network(scale * z))
    hessian = differentiate(geometry, spline)
    condition = {}
    for kind in (MeanMetrics, SpeedMatrices):
        eigenvalues = spread(as_matrices(prepare(kind, geometry, spline), 20), hessian).abs()
        condition[kind] = (eigenvalues.amax(1) / eigenvalues.amin(1)).median()
    assert condition[MeanMetrics] < 0.1 * condition[SpeedMatrices]


def test_speed_matrices_of_a_scaled_latent_space_are_the_hessian():
    spline = make_spline(3)
    for geometry in (LatentEuclidean(), Wasserstein1(lambda z: Normal(70 * z, 1.0))):
        matrices = as_matrices(prepare(SpeedMatrices, geometry, spline), 12)
        torch.testing.assert_close(matrices, differentiate(geometry, spline), rtol=1e-5, atol=1e-4)


def test_speed_matrices_follow_the_metric_along_the_curve():
    spline = make_axis()
    geometry = Conformal(LatentEuclidean(), lambda z: -2 * z[..., 0], 1.0)  # w from e^-2 to e^2
    matrices = as_matrices(prepare(SpeedMatrices, geometry, spline), 8)
    hessian = differentiate(geometry, spline)
    across = slice(None), slice(1, None, 2), slice(1, None, 2)  # the y of the control points
    torch.testing.assert_close(matrices[across], hessian[across], rtol=1e-5, atol=1e-5)


# --- What has no inverse ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "mean",
    [
        lambda z: 0 * z,  # flat
        lambda z: z[..., :1],  # blind for all but one dimension
        lambda z: z[..., :1] ** 3 * 1e-12,  # almost
        lambda z: 1e12 * z,
        lambda z: z.clamp(min=0),  # flat in parts
    ],
    ids=["flat", "one dimension", "tiny", "huge", "flat in parts"],
)
def test_singular_decoders_have_finite_factors(kind, dtype, mean):
    spline = make_spline(3)
    spline = CubicSpline(*(x.to(dtype) for x in (spline.start, spline.end, spline.controls)))
    geometry = Wasserstein1(lambda z: Normal(mean(z), 1.0))
    preconditioner = prepare(kind, geometry, spline, T.to(dtype))
    assert torch.isfinite(preconditioner.factor).all()
    assert (preconditioner.factor.diagonal(dim1=-2, dim2=-1) > 0).all()
    gradient = energy_objective(geometry, spline, T.to(dtype))(EVERYONE, spline.controls)[1]
    step = preconditioner.solve(EVERYONE, gradient.flatten(1))
    assert torch.isfinite(step).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_that_ends_has_finite_factors_elsewhere_and_there(kind):
    spline = make_spline()
    spline.start[0] = spline.start[0].abs() + 1
    geometry = Wasserstein1(lambda z: Normal(torch.where(z > 0.9, z.log(), torch.nan), 1.0))
    preconditioner = prepare(kind, geometry, spline)
    assert torch.isfinite(preconditioner.factor).all()


@pytest.mark.parametrize("kind", KINDS)
def test_units_pass_through(kind):
    """Latent unit u and data unit s scale the matrix by s^2 / u^2, to the last digits."""
    spline, u, s = make_spline(), 2.0**-20, 2.0**13
    matrix = draw(2, 7, seed=5)

    def mean(z):
        return torch.tanh(z @ matrix)

    small = CubicSpline(*(u * x for x in (spline.start, spline.end, spline.controls)))
    one = Wasserstein1(lambda z: Normal(mean(z), 1.0))
    other = Wasserstein1(lambda z: Normal(s * mean(z / u), s))
    plain, scaled = prepare(kind, one, spline), prepare(kind, other, small)
    torch.testing.assert_close(scaled.factor * (u / s), plain.factor, rtol=1e-9, atol=1e-12)


# --- The choice ---


class _ReverseOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        return 2 * z

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


def choose(geometry, dims, free=8):
    spline = CubicSpline.straight(draw(3, dims), draw(3, dims, seed=1), free)
    return type(choose_preconditioner(geometry, spline, T, refresh=1))


def test_the_sizes_choose_what_is_known_of_the_hessian():
    geometry = Wasserstein1(lambda z: Normal(z, 1.0))
    assert choose(geometry, FEW_DIMS) is NormalMatrices
    assert choose(geometry, FEW_DIMS + 1) is MeanMetrics
    assert choose(geometry, 30, DENSE // 30) is NormalMatrices
    assert choose(geometry, 30, DENSE // 30 + 1) is MeanMetrics


def test_no_metric_is_differentiated_in_too_many_dimensions():
    geometry = Wasserstein1(lambda z: Normal(z, 1.0))
    assert choose(geometry, MANY_DIMS, 2) is MeanMetrics
    assert choose(geometry, MANY_DIMS + 1, 2) is SpeedMatrices


@pytest.mark.parametrize("dims", [2, FEW_DIMS + 1])
def test_without_forward_mode_the_speed_serves(dims):
    reverse = Wasserstein1(lambda z: Normal(_ReverseOnly.apply(z), 1.0))
    assert choose(reverse, dims) is SpeedMatrices


def test_the_choice_takes_its_products_once():
    points = []

    class Counted(Wasserstein1):
        def decode_with_jacobian(self, z):
            points.append(len(z))
            return super().decode_with_jacobian(z)

    geometry = Counted(lambda z: Normal(z, 1.0))
    for _ in range(3):
        choose(geometry, 5)
    assert points == [1]


def test_normal_matrices_tell_the_squared_lengths_of_the_segments():
    geometry, spline = Wasserstein1(make_network("normal")), make_spline()
    _, squares = normal_matrix(geometry, spline(T), spline.basis(T))
    expected = (len(T) - 1) * geometry.segment_lengths(spline(T)).square()
    torch.testing.assert_close(squares, expected)
