"""Geodesic distances and their gradients, against great circles."""

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from torch.distributions import Normal

import latent_transport as lt
from latent_transport.evidence.zoo.spheres import angle, stereographic
from latent_transport.statistics import distances as module
from latent_transport.statistics import neighbours
from tests.problems import DOUBLE


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def sphere():
    return lt.Wasserstein1(lambda z: Normal(stereographic(z), 1.0))


@pytest.mark.parametrize("dims", [2, 20])
def test_gradients_on_spheres_are_those_of_the_angle(dims):
    z0, z1 = ((draw(4, dims, seed=s) * 0.7 / dims**0.5).requires_grad_() for s in (1, 2))
    weights = torch.arange(1.0, 5, **DOUBLE)
    found = lt.geodesic_distance(sphere(), z0, z1)
    expected = angle(stereographic, z0, z1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)
    gradients = torch.autograd.grad(found @ weights, (z0, z1))
    for slope, truth in zip(
        gradients, torch.autograd.grad(expected @ weights, (z0, z1)), strict=True
    ):
        assert ((slope - truth).norm(dim=-1) / truth.norm(dim=-1)).max() < 1e-3


def test_gradients_of_a_finsler_distance_are_finite_differences():
    first, second = draw(2, 16, seed=11), draw(16, 60, seed=12) / 4

    def decoder(z):
        mean, scale = ((z @ first).tanh() @ second).chunk(2, -1)
        return Normal(3 * mean, 1 + torch.nn.functional.softplus(scale))

    geometry = lt.Wasserstein1(decoder)
    z0, z1 = draw(1, 2, seed=3) / 2, draw(1, 2, seed=4) / 2
    ends = torch.cat((z0, z1), -1).requires_grad_()  # (1, 4)
    lt.geodesic_distance(geometry, ends[:, :2], ends[:, 2:]).sum().backward()
    step = 1e-3 * torch.eye(4, **DOUBLE)
    moved = torch.cat((ends + step, ends - step)).detach()  # (8, 4)
    plus, minus = lt.geodesic_distance(geometry, moved[:, :2], moved[:, 2:]).chunk(2)
    slopes = (plus - minus) / 2e-3
    assert (ends.grad[0] - slopes).norm() < 2e-3 * slopes.norm()


def test_a_single_point_gets_the_sum_of_its_gradients():
    center, others = (draw(2, seed=5) / 3).requires_grad_(), draw(3, 2, seed=6) / 2
    lt.geodesic_distance(sphere(), center, others).sum().backward()
    truth = center.detach().requires_grad_()
    angle(stereographic, truth.expand(3, -1), others).sum().backward()
    torch.testing.assert_close(center.grad, truth.grad, rtol=1e-3, atol=1e-3)


def test_equal_points_have_no_gradient():
    z = draw(2, 2, seed=7).requires_grad_()
    lt.geodesic_distance(sphere(), z, z.detach()).sum().backward()
    assert torch.equal(z.grad, torch.zeros(2, 2, **DOUBLE))


def test_there_is_no_second_derivative():
    z = draw(1, 2, seed=8).requires_grad_()
    distance = lt.geodesic_distance(sphere(), z, torch.zeros(1, 2, **DOUBLE))
    (slope,) = torch.autograd.grad(distance.square().sum(), z, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize("at_once", [1024, 4])
def test_the_matrix_is_that_of_the_angles(monkeypatch, at_once):
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", at_once)
    z = draw(7, 2, seed=9) / 2
    matrix = lt.distance_matrix(sphere(), z)
    expected = angle(stereographic, z[:, None].expand(7, 7, 2), z.expand(7, 7, 2))
    torch.testing.assert_close(matrix, expected, rtol=1e-4, atol=1e-9)
    assert torch.equal(matrix, matrix.T)
    assert torch.equal(matrix.diagonal(), torch.zeros(7, **DOUBLE))
    between = lt.distance_matrix(sphere(), z[:2], z[2:])
    torch.testing.assert_close(between, expected[:2, 2:], rtol=1e-4, atol=0)


def test_each_pair_is_solved_once(monkeypatch):
    solved = []
    connect = module.connecting_geodesics

    def count(geometry, z0, z1, **options):
        solved.extend(zip(z0.tolist(), z1.tolist(), strict=True))
        return connect(geometry, z0, z1, **options)

    monkeypatch.setattr(module, "connecting_geodesics", count)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 4)
    z = draw(6, 2, seed=10) / 2
    lt.distance_matrix(lt.LatentEuclidean(), z)
    pairs = {tuple(sorted(map(tuple, pair))) for pair in solved}
    assert len(solved) == len(pairs) == 15


def test_pairs_of_a_large_matrix_are_counted_off_exactly():
    first = 3_000_000_000 * 2_999_999_999 // 2  # of a row whose number needs 32 bits
    numbers = torch.tensor([first - 1, first, first + 1])
    i, j = module._count_off(numbers, 0, True)
    assert i.tolist() == [2_999_999_999, 3_000_000_000, 3_000_000_000]
    assert j.tolist() == [2_999_999_998, 0, 1]


def test_the_matrix_is_equivariant_and_a_metric_and_serves_scikit_learn():
    z = draw(8, 2, seed=12) / 2
    matrix = lt.distance_matrix(sphere(), z, progress="pairs")
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    again = lt.distance_matrix(sphere(), z[order])
    torch.testing.assert_close(again, matrix[order][:, order], rtol=1e-5, atol=0)
    detour = matrix[:, :, None] + matrix[None]  # (8, 8, 8), from i over k to j
    assert (matrix[:, None] <= detour * (1 + 1e-5)).all()
    search = NearestNeighbors(n_neighbors=3, metric="precomputed").fit(matrix)
    found = search.kneighbors(return_distance=False)
    expected = (matrix + 9 * torch.eye(8)).argsort(1)[:, :3]
    assert found.tolist() == expected.tolist()


def test_one_point_has_no_pairs():
    assert lt.distance_matrix(sphere(), torch.zeros(1, 2, **DOUBLE)).tolist() == [[0.0]]


def test_what_is_no_matrix_of_points_is_refused():
    with pytest.raises(ValueError, match="z has shape"):
        lt.distance_matrix(sphere(), torch.zeros(2))
    with pytest.raises(ValueError, match=r"z has shape .*, others "):
        lt.distance_matrix(sphere(), torch.zeros(2, 2), torch.zeros(2, 3))


def test_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(TypeError, match="takes no checkpoint"):
        lt.distance_matrix(sphere(), draw(3, 2, seed=0), checkpoint=tmp_path)


def test_failures_are_told_in_the_callers_name():
    z = draw(3, 2, seed=13)
    solver = lt.GaussNewton(max_iterations=1)
    with pytest.warns(RuntimeWarning, match="3 of 3 geodesics did not converge") as told:
        lt.distance_matrix(sphere(), z, solver=solver)
    with pytest.warns(RuntimeWarning, match="did not converge") as also:
        lt.geodesic_distance(sphere(), z, -z, solver=solver)
    assert told[0].filename == also[0].filename == __file__


def test_distances_are_measured_in_inference_mode():
    with torch.inference_mode():
        z = draw(3, 2, seed=14) / 2
        matrix = lt.distance_matrix(sphere(), z)
        pair = lt.geodesic_distance(sphere(), z[0], z[1])
    torch.testing.assert_close(matrix[0, 1:2], pair, rtol=1e-4, atol=0)


@pytest.mark.parametrize("others", [False, True])
def test_nearest_neighbours_are_those_of_the_whole_matrix(monkeypatch, others):
    solved = []
    connect = neighbours.connecting_geodesics

    def count(geometry, z0, z1, **options):
        solved.extend(zip(z0.tolist(), z1.tolist(), strict=True))
        return connect(geometry, z0, z1, **options)

    monkeypatch.setattr(neighbours, "connecting_geodesics", count)
    z = draw(16, 2, seed=15)
    rows, columns = (z[:4], z[4:]) if others else (z, z)
    sparse = lt.distance_matrix(sphere(), rows, columns if others else None, neighbours=3)
    angles = angle(stereographic, rows[:, None], columns[None].expand(len(rows), -1, 2))
    expected = angles.sort(1)
    first = 0 if others else 1
    assert sparse.shape == angles.shape
    numbers = sparse.indices.reshape(len(rows), 3 + first)
    assert numbers.tolist() == expected.indices[:, : 3 + first].tolist()
    found = torch.as_tensor(sparse.data).reshape(numbers.shape)
    torch.testing.assert_close(found, expected.values[:, : 3 + first], rtol=1e-4, atol=1e-9)
    pairs = {tuple(sorted(map(tuple, pair))) for pair in solved}
    assert len(pairs) == len(solved) < (0.8 if others else 0.4) * angles.numel()


def test_sparse_neighbours_serve_scikit_learn():
    z = draw(10, 2, seed=16)
    sparse = lt.distance_matrix(sphere(), z, neighbours=4)
    matrix = lt.distance_matrix(sphere(), z)
    found, expected = (
        NearestNeighbors(n_neighbors=4, metric="precomputed").fit(x).kneighbors()
        for x in (sparse, matrix)
    )
    assert found[1].tolist() == expected[1].tolist()
    labels = KNeighborsClassifier(4, metric="precomputed").fit(matrix, [0] * 5 + [1] * 5)
    new = lt.distance_matrix(sphere(), z[:3] + 0.1, z, neighbours=4)
    dense = lt.distance_matrix(sphere(), z[:3] + 0.1, z)
    again = KNeighborsClassifier(4, metric="precomputed").fit(sparse, [0] * 5 + [1] * 5)
    assert again.predict(new).tolist() == labels.predict(dense).tolist()


@pytest.mark.parametrize("count", [0, 3, 1.5])
def test_neighbours_that_there_are_not_are_refused(count):
    with pytest.raises(ValueError, match=f"neighbours is {count}"):
        lt.distance_matrix(sphere(), draw(3, 2), neighbours=count)


def test_failures_of_neighbours_are_told_in_the_callers_name():
    with pytest.warns(RuntimeWarning, match="did not converge") as told:
        solver = lt.GaussNewton(max_iterations=1)
        lt.distance_matrix(sphere(), draw(3, 2, seed=13), neighbours=1, solver=solver)
    assert told[0].filename == __file__
