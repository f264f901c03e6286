"""Solvers against brute force, known geodesics, and each other."""

import pytest
import torch
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geodesics.solvers.adam import Adam
from latent_transport.geodesics.solvers.gauss_newton import GaussNewton
from latent_transport.geodesics.solvers.lbfgs import LBFGS
from latent_transport.geodesics.solvers.normal_matrix import normal_matrix
from tests.problems import DOUBLE, PROBLEMS, make_network

SOLVERS = {
    "gauss-newton": GaussNewton(tolerance=1e-9, max_iterations=200),
    "lbfgs": LBFGS(tolerance=1e-9, max_iterations=500),
    "adam": Adam(tolerance=1e-6, max_iterations=2000, learning_rate=0.03),
}


def logistic_pairs(batch=6, dims=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    decoder = make_network("logistic", dims=dims, variables=12)
    z0, z1 = 1.5 * torch.randn(2, batch, dims, generator=generator, dtype=torch.float64)
    return lt.Wasserstein1(decoder), z0, z1


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_known_geodesics(solver, problem):
    known = PROBLEMS[problem]
    paths = lt.connecting_geodesics(
        lt.Wasserstein1(known.decoder),
        known.z0,
        known.z1,
        solver=SOLVERS[solver],
        controls=10,
        points=64,
    )
    assert paths.converged.all()
    torch.testing.assert_close(paths.length, known.length, rtol=1e-3, atol=0)


@pytest.mark.parametrize("family", ["normal", "logistic", "mixture", "bernoulli", "categorical"])
def test_normal_matrix_is_that_of_the_residuals_jacobian_and_their_curvature(family):
    geometry = lt.Wasserstein1(make_network(family, variables=5))
    generator = torch.Generator().manual_seed(1)
    spline = CubicSpline(*torch.randn(2, 1, 2, generator=generator, dtype=torch.float64), None)
    controls = torch.randn(1, 3, 2, generator=generator, dtype=torch.float64)
    spline = CubicSpline(spline.start, spline.end, controls)
    t = torch.linspace(0, 1, 7, dtype=torch.float64)

    free = controls.clone().requires_grad_()
    p = geometry.decode(CubicSpline(spline.start, spline.end, free)(t))
    residuals = geometry.residuals(p[:, :-1], p[:, 1:])
    covectors = geometry.residual_curvature(p[:, :-1], p[:, 1:]).detach()  # (1, 6, R, C, 5)
    change = (p.coordinates[:, 1:] - p.coordinates[:, :-1]).unsqueeze(2)  # (1, 6, 1, C, 5)
    bends = (covectors * change).sum(-2)  # (1, 6, R, 5)
    assert bends.numel() == (30 if family in {"normal", "logistic"} else 0)
    rows = []
    for residual in 6**0.5 * torch.cat((residuals.flatten(), bends.flatten())):
        rows.append(torch.autograd.grad(residual, free, retain_graph=True)[0].flatten())
    jacobian = torch.stack(rows)  # (6 D, P d)
    ours = normal_matrix(geometry, spline(t), spline.basis(t))[0][0]
    torch.testing.assert_close(ours, jacobian.T @ jacobian, rtol=1e-8, atol=1e-8)


def test_the_curvature_of_norms_leaves_few_steps():
    """W1 of normals whose locations and scales are nearly linear; without it, five steps."""
    generator = torch.Generator().manual_seed(0)
    by_loc, by_scale, ends = (torch.randn(30, 60, generator=generator, **DOUBLE) for _ in range(3))
    geometry = lt.Wasserstein1(
        lambda z: Normal((z @ by_loc / 5).tanh(), 1 + (z @ by_scale / 5).sigmoid())
    )
    z0, z1 = 0.3 * ends[:, :30].unflatten(0, (2, 15))
    paths = lt.connecting_geodesics(geometry, z0, z1, controls=4, points=16)
    assert paths.converged.all()
    assert paths.report.iterations.double().mean() <= 2


def test_solvers_agree_where_one_minimum_is():
    geometry, z0, z1 = logistic_pairs()
    energies = [
        lt.connecting_geodesics(
            geometry, z0, z1, solver=solver, controls=8, points=32
        ).report.energy
        for solver in (SOLVERS["gauss-newton"], SOLVERS["lbfgs"])
    ]
    torch.testing.assert_close(*energies, rtol=1e-4, atol=0)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_report_tells_what_happened(solver):
    geometry, z0, z1 = logistic_pairs()
    t = torch.linspace(0, 1, 32, **DOUBLE)
    curve, report = solver.minimize(geometry, CubicSpline.straight(z0, z1, 8), t)
    history = report.energy_history
    assert (history[1:] <= history[:-1]).all()
    torch.testing.assert_close(history[-1], report.energy)
    torch.testing.assert_close(geometry.curve_energy(curve(t)), report.energy)
    line = torch.lerp(z0[:, None], z1[:, None], t[:, None])
    torch.testing.assert_close(history[0], geometry.curve_energy(line))
    controls = curve.controls.clone().requires_grad_()
    energy = geometry.curve_energy(CubicSpline(z0, z1, controls)(t)).sum()
    (gradient,) = torch.autograd.grad(energy, controls)
    norm = gradient.flatten(1).norm(dim=1)
    torch.testing.assert_close(report.gradient_norm, norm, rtol=1e-6, atol=1e-6)
    assert (report.iterations >= 1).all()
    assert report.seconds > 0


@pytest.mark.parametrize("solver", [GaussNewton(), LBFGS()], ids=["gauss-newton", "lbfgs"])
def test_a_curve_does_not_depend_on_its_batch(solver):
    geometry, z0, z1 = logistic_pairs(batch=5)
    together = lt.connecting_geodesics(geometry, z0, z1, solver=solver)
    alone = [
        lt.connecting_geodesics(geometry, z0[i], z1[i], solver=solver).length for i in range(5)
    ]
    torch.testing.assert_close(together.length, torch.cat(alone), rtol=1e-4, atol=0)


def test_memory_bound_changes_no_result():
    geometry, z0, z1 = logistic_pairs(batch=3)
    roomy = lt.connecting_geodesics(geometry, z0, z1, solver=GaussNewton())
    tight = lt.connecting_geodesics(geometry, z0, z1, solver=GaussNewton(memory=1))
    torch.testing.assert_close(roomy.length, tight.length, rtol=1e-4, atol=0)
    assert tight.report.energy_history.shape[1] == 3


def test_too_few_iterations_are_reported():
    geometry, z0, z1 = logistic_pairs()
    paths = lt.connecting_geodesics(
        geometry, z0, z1, solver=GaussNewton(max_iterations=1, tolerance=1e-9)
    )
    assert not paths.converged.any()
    assert (paths.report.iterations == 1).all()


def test_as_many_steps_as_a_curve_needs_are_enough():
    geometry, z0, z1 = logistic_pairs(batch=3)
    spline, t = CubicSpline.straight(z0, z1, 6), torch.linspace(0, 1, 16, dtype=torch.float64)
    _, report = GaussNewton().minimize(geometry, spline, t)
    for row, steps in enumerate(report.iterations.tolist()):
        _, found = GaussNewton(max_iterations=steps).minimize(geometry, spline[row : row + 1], t)
        assert found.converged.all()
        _, found = GaussNewton(max_iterations=steps - 1).minimize(
            geometry, spline[row : row + 1], t
        )
        assert not found.converged.any()


def test_start_is_left_as_it_was():
    geometry, z0, z1 = logistic_pairs()
    spline = CubicSpline.straight(z0, z1, 6)
    before = spline.controls.clone()
    for solver in (GaussNewton(), LBFGS(), Adam(max_iterations=12)):
        solver.minimize(geometry, spline, torch.linspace(0, 1, 16, dtype=torch.float64))
        assert torch.equal(spline.controls, before)


class _ReverseOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        return 2 * z

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


def test_decoder_without_forward_mode_is_solved_by_the_same_class(recwarn):
    def decoder(z):
        z = _ReverseOnly.apply(z)
        return torch.distributions.Normal(torch.cat((z, z[..., :1] ** 2), -1), 1.0)

    def same(z):
        return torch.distributions.Normal(torch.cat((2 * z, 4 * z[..., :1] ** 2), -1), 1.0)

    generator = torch.Generator().manual_seed(0)
    z0, z1 = torch.randn(2, 5, 2, generator=generator, dtype=torch.float64)
    found, expected = (
        lt.connecting_geodesics(lt.Wasserstein1(each), z0, z1, solver=GaussNewton())
        for each in (decoder, same)
    )
    assert found.converged.all()
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]
    torch.testing.assert_close(found.length, expected.length, rtol=1e-3, atol=0)
    energies = found.report.energy, expected.report.energy
    torch.testing.assert_close(*energies, rtol=1e-3, atol=0)


def test_decoder_that_detaches_is_refused():
    def decoder(z):
        return torch.distributions.Normal(z.detach() * 2, 1.0)

    with pytest.raises(ValueError, match="differentiably"):
        lt.connecting_geodesics(lt.Wasserstein1(decoder), torch.zeros(1, 2), torch.ones(1, 2))


def test_progress_counts_the_curves_that_are_done(capsys):
    problem = PROBLEMS["circle"]
    geometry, count = lt.Wasserstein1(problem.decoder), len(problem.z0)
    lt.connecting_geodesics(geometry, problem.z0, problem.z1, solver=GaussNewton())
    assert "geodesics" not in capsys.readouterr().err
    solver = GaussNewton(progress="geodesics")
    lt.connecting_geodesics(geometry, problem.z0, problem.z1, solver=solver)
    said = capsys.readouterr().err
    assert f"{count}/{count}" in said
    assert "geodesics: 100%" in said
