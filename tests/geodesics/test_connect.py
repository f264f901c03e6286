"""Connecting geodesics against known answers, and against the published solver."""

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Normal

from latent_transport.distributions.logistic_mixture import DiscretizedLogisticMixture
from latent_transport.geodesics.connect import connecting_geodesics
from latent_transport.geodesics.curves import CubicSpline
from latent_transport.geometries.measures import measure_curves
from latent_transport.geometries.riemannian import Euclidean, FisherRao, Wasserstein2
from latent_transport.geometries.wasserstein1 import Wasserstein1
from tests.problems import DOUBLE, FAMILIES, PROBLEMS, make_network, make_plane

FINE = {"controls": 10, "points": 64}
T = torch.linspace(0, 1, 65, **DOUBLE)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", PROBLEMS)
def test_known_geodesics_and_lengths(name, dtype):
    problem = PROBLEMS[name].to(dtype)
    paths = connecting_geodesics(Wasserstein1(problem.decoder), problem.z0, problem.z1, **FINE)
    assert paths.converged.all()
    assert paths.length.dtype == dtype
    torch.testing.assert_close(paths.length, problem.length, rtol=1e-3, atol=0)
    flat = PROBLEMS[name].flatten(paths(T.to(dtype)).double())  # (B, T, .)
    straight = torch.lerp(flat[:, :1], flat[:, -1:], T[:, None])
    assert (flat - straight).abs().max() < 1e-2 * problem.length.max()


@pytest.mark.parametrize("name", PROBLEMS)
def test_energy_is_the_squared_length(name):
    problem = PROBLEMS[name]
    paths = connecting_geodesics(Wasserstein1(problem.decoder), problem.z0, problem.z1, **FINE)
    torch.testing.assert_close(paths.energy, problem.length**2, rtol=3e-3, atol=0)
    assert (paths.energy >= paths.length**2 * (1 - 1e-9)).all()


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_flat_decoders_have_straight_geodesics(dims):
    problem = make_plane(dims)
    paths = connecting_geodesics(Wasserstein1(problem.decoder), problem.z0, problem.z1)
    assert paths.converged.all()
    straight = torch.lerp(problem.z0[:, None], problem.z1[:, None], T[:, None])
    torch.testing.assert_close(paths(T), straight, atol=1e-6, rtol=0)
    torch.testing.assert_close(paths.length, problem.length, rtol=1e-9, atol=0)


@pytest.mark.parametrize("geometry", [Wasserstein2, Euclidean])
@pytest.mark.parametrize("name", PROBLEMS)
def test_translated_normals_have_the_same_geodesics_in_other_geometries(name, geometry):
    problem = PROBLEMS[name]
    paths = connecting_geodesics(geometry(problem.decoder), problem.z0, problem.z1, **FINE)
    torch.testing.assert_close(paths.length, problem.length, rtol=1e-3, atol=0)


def hyperbolic_distance(p, q, shape):
    """Distance of (location, scale) pairs for the metric (dm^2 + shape ds^2) / s^2."""
    (m, s), (n, t) = p.unbind(-1), q.unbind(-1)
    cosh = 1 + ((m - n) ** 2 / shape + (s - t) ** 2) / (2 * s * t)
    return shape**0.5 * torch.acosh(cosh)


def test_wasserstein2_of_one_normal_is_flat():
    geometry = Wasserstein2(lambda z: Normal(z[..., :1], z[..., 1:].exp()))
    z0, z1 = draw(4, 2), draw(4, 2, seed=1)
    ends = [torch.stack((z[:, 0], z[:, 1].exp()), -1) for z in (z0, z1)]
    paths = connecting_geodesics(geometry, z0, z1, **FINE)
    torch.testing.assert_close(paths.length, (ends[1] - ends[0]).norm(dim=-1), rtol=1e-3, atol=0)
    x, log_scale = paths(T).unbind(-1)
    straight = torch.lerp(ends[0][:, None], ends[1][:, None], T[:, None])
    error = torch.stack((x, log_scale.exp()), -1) - straight
    assert error.abs().max() < 2e-2


def test_fisher_rao_of_one_normal_is_hyperbolic():
    geometry = FisherRao(lambda z: Normal(z[..., :1], z[..., 1:].exp()))
    z0, z1 = draw(4, 2), draw(4, 2, seed=1)
    ends = [torch.stack((z[:, 0], z[:, 1].exp()), -1) for z in (z0, z1)]
    paths = connecting_geodesics(geometry, z0, z1, **FINE)
    expected = hyperbolic_distance(*ends, shape=2)
    torch.testing.assert_close(paths.length, expected, rtol=1e-3, atol=0)
    torch.testing.assert_close(geometry.distance(z0, z1), expected)


def test_fisher_rao_of_one_smooth_logistic_is_hyperbolic():
    def decoder(z):
        logits = torch.zeros_like(z[..., :1, None])
        return DiscretizedLogisticMixture(
            logits, 128 + 10 * z[..., :1, None], 6 * (z[..., 1:, None] / 3).exp()
        )

    geometry = FisherRao(decoder)
    z0, z1 = draw(4, 2), draw(4, 2, seed=1)
    ends = [torch.stack((128 + 10 * z[:, 0], 6 * (z[:, 1] / 3).exp()), -1) for z in (z0, z1)]
    expected = hyperbolic_distance(*ends, shape=(3 + torch.pi**2) / 3) / 3**0.5
    paths = connecting_geodesics(geometry, z0, z1, **FINE)
    # The information of whole levels is a little less than that of the continuous logistic.
    torch.testing.assert_close(paths.length, expected, rtol=3e-3, atol=0)


def test_fisher_rao_of_bernoullis_is_flat_in_their_angles():
    geometry = FisherRao(lambda z: Bernoulli(logits=z))
    z0, z1 = 2 * draw(4, 3), 2 * draw(4, 3, seed=1)
    angles = [2 * torch.asin(torch.sigmoid(z).sqrt()) for z in (z0, z1)]
    paths = connecting_geodesics(geometry, z0, z1, **FINE)
    expected = (angles[1] - angles[0]).norm(dim=-1)
    torch.testing.assert_close(paths.length, expected, rtol=1e-3, atol=0)
    torch.testing.assert_close(geometry.distance(z0, z1), expected)


def test_fisher_rao_of_one_categorical_is_a_sphere():
    geometry = FisherRao(lambda z: Categorical(logits=z[..., None, :]))
    z0, z1 = draw(4, 3), draw(4, 3, seed=1)
    p, q = (z.softmax(-1) for z in (z0, z1))
    paths = connecting_geodesics(geometry, z0, z1, **FINE)
    expected = 2 * torch.acos((p * q).sqrt().sum(-1))
    torch.testing.assert_close(paths.length, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("geometry", [Wasserstein2, Euclidean, FisherRao])
def test_geodesics_of_logistic_images_are_shorter_than_lines(geometry):
    geometry = geometry(make_network("logistic"))
    z0, z1 = 1.5 * draw(3, 2), 1.5 * draw(3, 2, seed=1)
    paths = connecting_geodesics(geometry, z0, z1)
    line = CubicSpline.straight(z0, z1, 8)(torch.linspace(0, 1, 257, **DOUBLE))
    assert (paths.energy < geometry.curve_energy(line)).all()
    assert paths.converged.all()


@pytest.mark.parametrize("family", FAMILIES)
def test_geodesics_are_no_longer_than_lines_and_no_shorter_than_distances(family):
    geometry = Wasserstein1(make_network(family))
    z0, z1 = 1.5 * draw(4, 2), 1.5 * draw(4, 2, seed=1)
    paths = connecting_geodesics(geometry, z0, z1)
    line = CubicSpline.straight(z0, z1, 8)(torch.linspace(0, 1, 257, **DOUBLE))
    assert (paths.energy < geometry.curve_energy(line)).all()
    assert (paths.length >= geometry.distance(z0, z1) * (1 - 1e-9)).all()
    if family in ("normal", "bernoulli", "logistic"):  # the energies of the others have kinks
        assert paths.converged.all()
    torch.testing.assert_close(paths(T)[:, 0], z0, rtol=0, atol=0)
    torch.testing.assert_close(paths(T)[:, -1], z1, rtol=0, atol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_reversed_endpoints_give_the_reversed_geodesic(family):
    geometry = Wasserstein1(make_network(family))
    z0, z1 = draw(3, 2), draw(3, 2, seed=1)
    forth, back = (connecting_geodesics(geometry, *ends) for ends in ((z0, z1), (z1, z0)))
    torch.testing.assert_close(forth.length, back.length, rtol=1e-3, atol=0)
    torch.testing.assert_close(forth(T), back(T).flip(1), rtol=0, atol=0.05)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_identical_endpoints(family, dtype):
    geometry = Wasserstein1(make_network(family, dtype=dtype))
    z = draw(3, 2).to(dtype)
    paths = connecting_geodesics(geometry, z, z)
    torch.testing.assert_close(paths(T.to(dtype)), z[:, None].expand(-1, 65, -1))
    rounding = 1e-2 if dtype == torch.float32 else 1e-6  # of 256 segments, in grey levels
    assert (paths.length < rounding).all()
    assert torch.isfinite(paths.energy).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_gives_what_single_pairs_give(family):
    geometry = Wasserstein1(make_network(family))
    z0, z1 = draw(3, 2), draw(3, 2, seed=1)
    together = connecting_geodesics(geometry, z0, z1)
    for i in range(3):
        alone = connecting_geodesics(geometry, z0[i], z1[i])
        torch.testing.assert_close(alone(T)[0], together(T)[i], rtol=0, atol=1e-4)
        torch.testing.assert_close(alone.length[0], together.length[i], rtol=1e-4, atol=0)


@pytest.mark.parametrize(("dims", "pairs"), [(1, 1), (1, 3), (2, 1), (5, 1), (5, 3)])
@pytest.mark.parametrize("family", ["logistic", "mixture"])
def test_any_number_of_pairs_and_dimensions(family, dims, pairs):
    geometry = Wasserstein1(make_network(family, dims=dims, variables=3))
    z0, z1 = draw(pairs, dims), draw(pairs, dims, seed=1)
    paths = connecting_geodesics(geometry, z0, z1)
    assert paths(T).shape == (pairs, 65, dims)
    assert paths.length.shape == paths.energy.shape == paths.converged.shape == (pairs,)
    assert (paths.length >= geometry.distance(z0, z1) * (1 - 1e-9)).all()


def test_single_precision_agrees_with_double():
    z0, z1 = draw(4, 2), draw(4, 2, seed=1)
    for family in ("logistic", "mixture"):
        lengths = [
            connecting_geodesics(
                Wasserstein1(make_network(family, variables=3, dtype=dtype)),
                z0.to(dtype),
                z1.to(dtype),
            ).length.double()
            for dtype in (torch.float32, torch.float64)
        ]
        torch.testing.assert_close(*lengths, rtol=1e-3, atol=0)


def test_decoders_that_validate_their_arguments():
    def decoder(z):
        mean = torch.cat((z, (z**2).sum(-1, keepdim=True)), -1)
        return Normal(mean, torch.ones_like(mean), validate_args=True)

    z0, z1 = draw(2, 2), draw(2, 2, seed=1)
    paths = connecting_geodesics(Wasserstein1(decoder), z0, z1)
    plain = connecting_geodesics(
        Wasserstein1(lambda z: Normal(decoder(z).loc, 1.0, validate_args=False)), z0, z1
    )
    torch.testing.assert_close(paths(T), plain(T))


def test_one_endpoint_is_paired_with_each_of_the_others():
    geometry = Wasserstein1(make_network("normal"))
    z0, z1 = draw(1, 2), draw(3, 2, seed=1)
    fan = connecting_geodesics(geometry, z0[0], z1)
    every = connecting_geodesics(geometry, z0.expand(3, -1), z1)
    torch.testing.assert_close(fan(T), every(T))


def test_arrays_are_taken_as_the_decoder_computes():
    network = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 9))
    z0, z1 = torch.randn(2, 3, 2)
    whole, bare = Wasserstein1(network), Wasserstein1(lambda z: Normal(network(z), 1.0))
    for geometry, dtype in ((bare, torch.float32), (whole, torch.float32), (whole, torch.float64)):
        network.to(dtype)
        paths = connecting_geodesics(geometry, z0.numpy(), z1.double().numpy())
        assert paths.start.dtype == paths.length.dtype == dtype
        expected = connecting_geodesics(geometry, z0.to(dtype), z1.to(dtype))
        torch.testing.assert_close(paths.length, expected.length)
    mixed = connecting_geodesics(Wasserstein1(network), z0.double(), z1.numpy())
    assert mixed.start.dtype == mixed.end.dtype == torch.float64
    with pytest.raises(
        TypeError, match=r"z0 is a ndarray; expected a floating-point tensor \(B, d"
    ):
        connecting_geodesics(Wasserstein1(network), z0.numpy() > 0, z1)


def test_arguments_and_gradients_are_left_alone():
    geometry = Wasserstein1(make_network("logistic"))
    z0, z1 = draw(2, 2).requires_grad_(), draw(2, 2, seed=1)
    before = z0.detach().clone(), z1.clone()
    paths = connecting_geodesics(geometry, z0, z1)
    assert torch.equal(z0, before[0])
    assert torch.equal(z1, before[1])
    assert not paths(T).requires_grad
    assert not paths.length.requires_grad


def test_measuring_in_parts_gives_the_same():
    geometry = Wasserstein1(make_network("logistic"))
    points = draw(7, 9, 2)
    parts, whole = measure_curves(geometry, points, memory=1), measure_curves(geometry, points)
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(whole[0], geometry.curve_length(points))
    torch.testing.assert_close(whole[1], geometry.curve_energy(points))


NAN = torch.tensor([[0.0, torch.nan]])


@pytest.mark.parametrize(
    ("z0", "z1", "error", "match"),
    [
        (NAN, torch.zeros(1, 2), ValueError, "z0 has entries that are not finite"),
        (torch.zeros(1, 2), NAN / 0, ValueError, "z1 has entries that are not finite"),
        (torch.zeros(0, 2), torch.zeros(0, 2), ValueError, r"z0 has shape \(0, 2\).*B > 0"),
        (torch.zeros(1, 1, 2), torch.zeros(1, 2), ValueError, r"z0 has shape \(1, 1, 2\)"),
        (torch.tensor(0.0), torch.zeros(1, 2), ValueError, r"z0 has shape \(\)"),
        (torch.zeros(2, 3), torch.zeros(2, 2), ValueError, r"\(2, 3\) and z1 \(2, 2\)"),
        (torch.zeros(2, 2), torch.zeros(3, 2), ValueError, r"\(2, 2\) and z1 \(3, 2\)"),
        (torch.zeros(1, 2, dtype=int), torch.zeros(1, 2), TypeError, "z0 is a torch.int64"),
        (torch.zeros(1, 2), torch.zeros(1, 2, **DOUBLE), TypeError, "expected the same"),
        (torch.zeros(1, 2), [[0.0, 0.0]], TypeError, "z1 is a list"),
    ],
)
def test_bad_endpoints_are_named(z0, z1, error, match):
    geometry = Wasserstein1(lambda z: Normal(z, 1.0))
    with pytest.raises(error, match=match):
        connecting_geodesics(geometry, z0, z1)


def test_bad_settings_and_decoders_are_named():
    ends = torch.zeros(1, 2), torch.ones(1, 2)
    geometry = Wasserstein1(lambda z: Normal(z, 1.0))
    with pytest.raises(ValueError, match="points is 2"):
        connecting_geodesics(geometry, *ends, points=2)
    with pytest.raises(ValueError, match=r'controls is 1; .* at least 2: give a number, or "auto"'):
        connecting_geodesics(geometry, *ends, controls=1)
    with pytest.raises(ValueError, match="points is 'many'"):
        connecting_geodesics(geometry, *ends, points="many")
    broken = Wasserstein1(lambda z: Normal((z - 0.5).sqrt(), 1.0))
    with pytest.raises(ValueError, match="decoder's parameters at z0 are not finite"):
        connecting_geodesics(broken, *ends)


def test_stochman_manifold_measures_as_the_geometry_does():
    pytest.importorskip("stochman")
    from latent_transport.geodesics.stochman import StochManManifold

    geometry = Wasserstein1(make_network("logistic"))
    manifold = StochManManifold(geometry)
    points = draw(3, 9, 2)
    before = points.clone()
    energy = geometry.curve_energy(points) / 8
    torch.testing.assert_close(manifold.curve_energy(points, None), energy)
    torch.testing.assert_close(manifold.curve_energy(points), energy.sum())
    torch.testing.assert_close(manifold.curve_energy(points, "mean"), energy.mean())
    torch.testing.assert_close(manifold.curve_length(points), geometry.curve_length(points))
    one = points[0]
    torch.testing.assert_close(manifold.curve_energy(one), energy[0])
    torch.testing.assert_close(manifold.curve_length(one), geometry.curve_length(points)[:1])
    assert one.shape == (9, 2)
    assert torch.equal(points, before)


def test_stochman_manifold_has_the_metric_of_the_geometry():
    pytest.importorskip("stochman")
    from latent_transport.geodesics.stochman import StochManManifold

    problem = PROBLEMS["sphere"]
    metric = StochManManifold(Wasserstein1(problem.decoder)).metric(problem.z0)
    expected = torch.diag_embed(torch.stack((torch.ones(3), problem.z0[:, 0].sin() ** 2), -1))
    torch.testing.assert_close(metric, expected.double())


def test_published_solver_agrees_with_gauss_newton():
    pytest.importorskip("stochman")
    from latent_transport.geodesics.stochman import StochMan

    problem = PROBLEMS["cylinder"]
    geometry = Wasserstein1(problem.decoder)
    published = connecting_geodesics(
        geometry, problem.z0, problem.z1, solver=StochMan(max_iterations=60), points=20
    )
    ours = connecting_geodesics(geometry, problem.z0, problem.z1, points=20)
    line = CubicSpline.straight(problem.z0, problem.z1, 8)(torch.linspace(0, 1, 257, **DOUBLE))
    assert (published.energy <= geometry.curve_energy(line) * (1 + 1e-3)).all()
    assert (published.energy < 0.95 * geometry.curve_energy(line))[0]
    torch.testing.assert_close(published.energy, ours.energy, rtol=1e-2, atol=0)
    assert published(T).shape == (3, 65, 2)
    history = published.report.energy_history
    assert history.shape[1] == 3
    assert (published.report.iterations == len(history)).all()
